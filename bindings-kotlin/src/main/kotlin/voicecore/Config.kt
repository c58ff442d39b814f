// Written by `cargo xtask gen` from the library's own schema. Do not edit.

package voicecore

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** One provider: `"provider/model"`, or an object that says more. */
public data class ProviderConfig(
    /** Whose: `openai`, `local`, `groq`, … */
    public val provider: String,
    /** Which of its models; left out: its default. For `local`, a name in the model folder or a path. */
    public val model: String? = null,
    /** Which voice, by the provider's own name or id. */
    public val voice: String? = null,
    /** The key. Default: the provider's environment variable. */
    public val apiKey: String? = null,
    /** Where the server is, for servers that speak OpenAI's wire format. */
    public val baseUrl: String? = null,
    /** What only this provider knows, such as `speed` or `instructions`. */
    public val settings: JsonObject? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        keys["provider"] = JsonPrimitive(provider)
        model?.let { keys["model"] = JsonPrimitive(it) }
        voice?.let { keys["voice"] = JsonPrimitive(it) }
        apiKey?.let { keys["api_key"] = JsonPrimitive(it) }
        baseUrl?.let { keys["base_url"] = JsonPrimitive(it) }
        settings?.let { keys["settings"] = it }
        return JsonObject(keys)
    }

    override fun toString(): String = "ProviderConfig(provider=$provider, model=$model)"

    public companion object
}

/** Who the agent is and how it answers. */
public data class AssistantConfig(
    /** The instructions of the language model. */
    public val systemPrompt: String? = null,
    /** What is spoken when a live session starts. */
    public val firstMessage: String? = null,
    /** The language of the conversation (BCP 47), or `auto`. Default `auto`. */
    public val language: String? = null,
    /** The sampling temperature, 0–2. Default 0.7. */
    public val temperature: Double? = null,
    /** The most tokens of one answer. Default 500. */
    public val maxTokens: Long? = null,
    /** How many messages of history the language model is shown (0–100). Default 10. */
    public val contextMessages: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        systemPrompt?.let { keys["system_prompt"] = JsonPrimitive(it) }
        firstMessage?.let { keys["first_message"] = JsonPrimitive(it) }
        language?.let { keys["language"] = JsonPrimitive(it) }
        temperature?.let { keys["temperature"] = JsonPrimitive(it) }
        maxTokens?.let { keys["max_tokens"] = JsonPrimitive(it) }
        contextMessages?.let { keys["context_messages"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** What is accepted, and for how long. */
public data class LimitsConfig(
    /** The most bytes of one recording. Default 26,214,400 (25 MiB). */
    public val maxAudioBytes: Long? = null,
    /** The longest recording, in seconds. Default 300. */
    public val maxAudioSeconds: Double? = null,
    /** The most characters of a typed message. Default 10,000. */
    public val maxTextCharacters: Long? = null,
    /** After how many minutes without a turn a session expires. Default 30. */
    public val sessionIdleMinutes: Double? = null,
    /** How long a turn may take, in seconds, when the call does not say. Default 120. */
    public val turnSeconds: Double? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        maxAudioBytes?.let { keys["max_audio_bytes"] = JsonPrimitive(it) }
        maxAudioSeconds?.let { keys["max_audio_seconds"] = JsonPrimitive(it) }
        maxTextCharacters?.let { keys["max_text_characters"] = JsonPrimitive(it) }
        sessionIdleMinutes?.let { keys["session_idle_minutes"] = JsonPrimitive(it) }
        turnSeconds?.let { keys["turn_seconds"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** When and how often a failed attempt is made again. Only errors that say they are retryable are. */
public data class RetryOptions(
    /** Attempts in all, the first included (1–10). Default 3. */
    public val attempts: Long? = null,
    /** The longest wait before the second attempt, in milliseconds; it doubles with each one. Default 1,000. */
    public val firstDelayMs: Long? = null,
    /**
     * The longest wait before any attempt, in milliseconds; a provider that asks for more is not waited for. Default
     * 20,000.
     */
    public val maxDelayMs: Long? = null,
    /**
     * Whether waits are drawn at random between nothing and their longest ("full jitter"), so that many callers do
     * not come back at once. Default true.
     */
    public val jitter: Boolean? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        attempts?.let { keys["attempts"] = JsonPrimitive(it) }
        firstDelayMs?.let { keys["first_delay_ms"] = JsonPrimitive(it) }
        maxDelayMs?.let { keys["max_delay_ms"] = JsonPrimitive(it) }
        jitter?.let { keys["jitter"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** How long each part of one attempt may take. The deadline of the turn stands above all of them. */
public data class TimeoutOptions(
    /** To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client. */
    public val connectMs: Long? = null,
    /** From the call to its first result, in milliseconds. Default 30,000. */
    public val firstByteMs: Long? = null,
    /** Between two results, in milliseconds. Default 15,000. */
    public val idleMs: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        connectMs?.let { keys["connect_ms"] = JsonPrimitive(it) }
        firstByteMs?.let { keys["first_byte_ms"] = JsonPrimitive(it) }
        idleMs?.let { keys["idle_ms"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** When a failing provider is left alone, so that a turn goes to the next in the list at once. */
public data class CircuitBreakerOptions(
    /** Calls that must fail in a row. Default 5; 0 switches the breaker off. */
    public val failures: Long? = null,
    /**
     * How long the provider then rests, in milliseconds. One call is let through after that: if it succeeds the
     * provider is back, otherwise it rests again. Default 30,000.
     */
    public val restMs: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        failures?.let { keys["failures"] = JsonPrimitive(it) }
        restMs?.let { keys["rest_ms"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer. */
public data class RateLimitOptions(
    /** Calls a minute, on average. */
    public val perMinute: Long,
    /** How many may go at once after a quiet time. Default 1. */
    public val burst: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        keys["per_minute"] = JsonPrimitive(perMinute)
        burst?.let { keys["burst"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** Local models. */
public data class LocalConfig(
    /**
     * The folder of the model files. Default: `VOICE_CORE_MODELS`, else `voice-core/models` in the user's data
     * folder.
     */
    public val models: String? = null,
    /** How many threads models may use, all together. Default: one less than there are cores, but both of two. */
    public val threads: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        models?.let { keys["models"] = JsonPrimitive(it) }
        threads?.let { keys["threads"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** The configuration of an agent. See the module for where it comes from. */
public data class AgentConfig(
    /** Speech to text: one provider, or several tried in order. Default: the local one. */
    public val stt: List<ProviderConfig>? = null,
    /** The language model: one provider, or several tried in order. Default: the local one. */
    public val llm: List<ProviderConfig>? = null,
    /** Text to speech: one provider, or several tried in order. Default: the local one. */
    public val tts: List<ProviderConfig>? = null,
    /**
     * Where conversations are kept: `sqlite:PATH`, `memory`. Default: `DATABASE_URL`, else an SQLite file in the
     * user's data folder.
     */
    public val storage: String? = null,
    /** Who the agent is. */
    public val assistant: AssistantConfig? = null,
    /** What is accepted, and for how long. */
    public val limits: LimitsConfig? = null,
    /** When a failed attempt at a provider is made again. */
    public val retry: RetryOptions? = null,
    /** How long an attempt at a provider may take. */
    public val timeouts: TimeoutOptions? = null,
    /** When a failing provider is left alone. */
    public val circuitBreaker: CircuitBreakerOptions? = null,
    /** How many calls each provider is sent at most. */
    public val rateLimit: RateLimitOptions? = null,
    /** Local models. */
    public val local: LocalConfig? = null,
    /** Whether every provider is made ready (models loaded, connections opened) before the agent is. Default false. */
    public val warmUp: Boolean? = null,
    /**
     * Which log records the host should show: `error`, `warn`, `info`, `debug`, `trace`. The library never prints by
     * itself.
     */
    public val logLevel: String? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        stt?.let { keys["stt"] = JsonArray(it.map { one -> one.json() }) }
        llm?.let { keys["llm"] = JsonArray(it.map { one -> one.json() }) }
        tts?.let { keys["tts"] = JsonArray(it.map { one -> one.json() }) }
        storage?.let { keys["storage"] = JsonPrimitive(it) }
        assistant?.let { keys["assistant"] = it.json() }
        limits?.let { keys["limits"] = it.json() }
        retry?.let { keys["retry"] = it.json() }
        timeouts?.let { keys["timeouts"] = it.json() }
        circuitBreaker?.let { keys["circuit_breaker"] = it.json() }
        rateLimit?.let { keys["rate_limit"] = it.json() }
        local?.let { keys["local"] = it.json() }
        warmUp?.let { keys["warm_up"] = JsonPrimitive(it) }
        logLevel?.let { keys["log_level"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}
