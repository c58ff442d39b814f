// Written by `cargo xtask gen` from the library's own schema. Do not edit.

package voicecore

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

/** One provider: `"provider/model"`, or an object that says more. */
public data class ProviderConfig(
    /** Whose: `local`, `openai`, `anthropic`, `google`, `deepgram`, `elevenlabs`, `cartesia`, `bhashini`, `groq`, … */
    public val provider: String,
    /** Which of its models; left out: its default. For `local`, a name in the model folder or a path. */
    public val model: String? = null,
    /** Which voice, by the provider's own name or id. */
    public val voice: String? = null,
    /** The key. Default: the provider's environment variable. */
    public val apiKey: String? = null,
    /**
     * Where the server is, if not where the provider's own is. Beside a name that is not known: a server that speaks
     * OpenAI's wire format.
     */
    public val baseUrl: String? = null,
    /**
     * What only this provider knows, such as `speed`, `instructions` or `live_model`: `docs/providers.md` lists all.
     */
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

    override fun toString(): String = "ProviderConfig(provider=$provider, model=$model, voice=$voice, baseUrl=$baseUrl, settings=$settings)"

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
    /** Whether noise is taken out of what is heard, in turns and in live sessions. Default false. */
    public val backgroundDenoising: Boolean? = null,
    /** The sampling temperature, 0–2. Default 0.7. */
    public val temperature: Double? = null,
    /** The most tokens of one answer. Default 500. */
    public val maxTokens: Long? = null,
    /** How many messages of history the language model is shown (0–100). Default 10. */
    public val contextMessages: Long? = null,
    /** How often in one turn the language model may call tools before it has to answer (1–100). Default 5. */
    public val maxToolRounds: Long? = null,
    /** What is said, once in a turn, while a tool takes its time; empty: nothing. Default "One moment." */
    public val filler: String? = null,
    /** After how long of a tool's work that is said, in milliseconds. Default 2,000. */
    public val fillerAfterMs: Long? = null,
    /** The agent interprets between two languages instead of answering. Default: it answers. */
    public val interpreter: InterpreterConfig? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        systemPrompt?.let { keys["system_prompt"] = JsonPrimitive(it) }
        firstMessage?.let { keys["first_message"] = JsonPrimitive(it) }
        language?.let { keys["language"] = JsonPrimitive(it) }
        backgroundDenoising?.let { keys["background_denoising"] = JsonPrimitive(it) }
        temperature?.let { keys["temperature"] = JsonPrimitive(it) }
        maxTokens?.let { keys["max_tokens"] = JsonPrimitive(it) }
        contextMessages?.let { keys["context_messages"] = JsonPrimitive(it) }
        maxToolRounds?.let { keys["max_tool_rounds"] = JsonPrimitive(it) }
        filler?.let { keys["filler"] = JsonPrimitive(it) }
        fillerAfterMs?.let { keys["filler_after_ms"] = JsonPrimitive(it) }
        interpreter?.let { keys["interpreter"] = it.json() }
        return JsonObject(keys)
    }
}

/**
 * The agent is an interpreter between two languages: whatever is said in the one is said again in the other, and
 * nothing is answered. The system prompt is then the interpreter's own, the temperature is 0, and no tools are
 * offered. Both wordings are kept in the history, each with its language.
 */
public data class InterpreterConfig(
    /** The two languages (BCP 47). Default `en` and `es`. */
    public val languages: List<String>? = null,
    /** Who speaks which language, by its tag. Default: the agent's own voice, which is told the language. */
    public val voices: Map<String, InterpreterVoice>? = null,
    /**
     * How many of the latest utterances the language model is shown with their interpretations, so that it knows
     * what pronouns refer to (0–50). Default 6.
     */
    public val contextUtterances: Long? = null,
    /**
     * What is said in another language: true, it is interpreted into the first of the two; false, it is kept and not
     * spoken. Default false.
     */
    public val otherLanguages: Boolean? = null,
    /**
     * What asks for the last interpretation again when nothing else is said, by language tag; more than the built-in
     * ones.
     */
    public val repeatPhrases: Map<String, List<String>>? = null,
    /** What the language model is told besides: the setting, names, how terms are to be said. */
    public val instructions: String? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        languages?.let { keys["languages"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        voices?.let { keys["voices"] = JsonObject(it.mapValues { (_, one) -> one.json() }) }
        contextUtterances?.let { keys["context_utterances"] = JsonPrimitive(it) }
        otherLanguages?.let { keys["other_languages"] = JsonPrimitive(it) }
        repeatPhrases?.let { keys["repeat_phrases"] = JsonObject(it.mapValues { (_, one) -> JsonArray(one.map { one -> JsonPrimitive(one) }) }) }
        instructions?.let { keys["instructions"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** Who speaks one of an interpreter's languages. */
public data class InterpreterVoice(
    /** Whose text to speech. Default: the first that the agent or its assistant names. */
    public val provider: String? = null,
    /** Which of its models. */
    public val model: String? = null,
    /** Which voice, by the provider's own name or id. */
    public val voice: String? = null,
    /** What only this provider knows, such as `speed`. */
    public val settings: JsonObject? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        provider?.let { keys["provider"] = JsonPrimitive(it) }
        model?.let { keys["model"] = JsonPrimitive(it) }
        voice?.let { keys["voice"] = JsonPrimitive(it) }
        settings?.let { keys["settings"] = it }
        return JsonObject(keys)
    }
}

/**
 * Things said that have to be acted on are found by the language model after each exchange, beside the conversation,
 * and kept.
 */
public data class ActionsConfig(
    /**
     * What is looked for: `follow_up_visit`, `lab_order`, `refill`, `referral`, `imaging_order`, and the names that
     * `definitions` says. Default: all of these and those.
     */
    public val types: List<String>? = null,
    /** Types of the host's own, or other words for the built-in ones, by name. */
    public val definitions: Map<String, ActionDefinition>? = null,
    /** How sure the language model must be, 0–1. Default 0.6. */
    public val confidence: Double? = null,
    /** How many of the latest messages the language model is shown (2–50). Default 8. */
    public val contextMessages: Long? = null,
    /**
     * Whether a one-shot turn waits for what is found in it, so that its reply says it. Its text and its sound do
     * not wait. Default false: it is found when the reply is there already.
     */
    public val onReplies: Boolean? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        types?.let { keys["types"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        definitions?.let { keys["definitions"] = JsonObject(it.mapValues { (_, one) -> one.json() }) }
        confidence?.let { keys["confidence"] = JsonPrimitive(it) }
        contextMessages?.let { keys["context_messages"] = JsonPrimitive(it) }
        onReplies?.let { keys["on_replies"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** A type of actions of the host's own. */
public data class ActionDefinition(
    /** What it is, for the language model: when there is one, and when there is none. */
    public val description: String? = null,
    /** The JSON schema of its details, an object. Default: any. */
    public val details: JsonObject? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        description?.let { keys["description"] = JsonPrimitive(it) }
        details?.let { keys["details"] = it }
        return JsonObject(keys)
    }
}

/**
 * A server of the Model Context Protocol. Its tools stand beside the host's own: assistants choose among them by
 * name. Needs the feature `mcp`, which the packages of other languages have. Reached at a `url` (Streamable HTTP),
 * or a `command` of this machine that is started and spoken with over its standard input and output.
 */
public data class McpServerConfig(
    /** Where the server is, for example `https://mcp.example.org/mcp`. */
    public val url: String? = null,
    /** Headers of every request, for example `Authorization`. Their values are never shown. */
    public val headers: Map<String, String>? = null,
    /** The program of a server on this machine, for example `npx`. */
    public val command: String? = null,
    /** What it is given. */
    public val args: List<String>? = null,
    /**
     * Variables of its environment. Of this process's own it gets only those that every program needs (`PATH`,
     * `HOME`, …), so that no key reaches it by accident. Their values are never shown.
     */
    public val env: Map<String, String>? = null,
    /** Which of its tools may be called, by the server's names. Default: all. */
    public val tools: List<String>? = null,
    /** What is put before the names of its tools, so that no two servers' are alike. Default: nothing. */
    public val prefix: String? = null,
    /** How long the server may take to begin, and over one call of a tool, in seconds. Default 20. */
    public val timeoutSeconds: Double? = null,
    /**
     * Whether the agent cannot be made without it. If not, and it cannot be reached then, the agent is made without
     * its tools, and the log says so. Default true.
     */
    public val required: Boolean? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        url?.let { keys["url"] = JsonPrimitive(it) }
        headers?.let { keys["headers"] = JsonObject(it.mapValues { (_, one) -> JsonPrimitive(one) }) }
        command?.let { keys["command"] = JsonPrimitive(it) }
        args?.let { keys["args"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        env?.let { keys["env"] = JsonObject(it.mapValues { (_, one) -> JsonPrimitive(one) }) }
        tools?.let { keys["tools"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        prefix?.let { keys["prefix"] = JsonPrimitive(it) }
        timeoutSeconds?.let { keys["timeout_seconds"] = JsonPrimitive(it) }
        required?.let { keys["required"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }

    override fun toString(): String = "McpServerConfig(url=$url, command=$command, args=$args, env=$env, tools=$tools, prefix=$prefix, timeoutSeconds=$timeoutSeconds, required=$required)"
}

/**
 * Which documents answers are drawn from, and how much of them the language model is told. They are kept by
 * `VoiceAgent::knowledge`.
 */
public data class KnowledgeConfig(
    /**
     * The host's own documents that are searched for each answer, by their ids; `*` stands for all that belong to no
     * organization. An assistant that names documents has those instead. Default: none.
     */
    public val documents: List<String>? = null,
    /**
     * Whether the language model is given a tool, `search_knowledge`, in place of passages with every question. One
     * that cannot call tools is given passages all the same; a model that hears and speaks by itself always has the
     * tool. Default false.
     */
    public val asTool: Boolean? = null,
    /** How many passages the model is given at most (1–20). Default 3. */
    public val topK: Long? = null,
    /** How much of what was asked a passage must have to be given, 0–1. Default 0.2. */
    public val minScore: Double? = null,
    /** How many characters they have at most, all together (1,000–100,000). Default 2,000. */
    public val maxCharacters: Long? = null,
    /**
     * How long an answer waits for the documents to be searched, in milliseconds; it does without them then. Default
     * 500.
     */
    public val timeoutMs: Long? = null,
    /**
     * How many MiB of text are kept ready to be searched. Documents that have more than that, all those together
     * that one answer is drawn from, are not searched. Default 64.
     */
    public val memoryMb: Double? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        documents?.let { keys["documents"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        asTool?.let { keys["as_tool"] = JsonPrimitive(it) }
        topK?.let { keys["top_k"] = JsonPrimitive(it) }
        minScore?.let { keys["min_score"] = JsonPrimitive(it) }
        maxCharacters?.let { keys["max_characters"] = JsonPrimitive(it) }
        timeoutMs?.let { keys["timeout_ms"] = JsonPrimitive(it) }
        memoryMb?.let { keys["memory_mb"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** Organizations, users and their keys. */
public data class AccountsConfig(
    /** How often an API key may be used that has no limit of its own. Default: as often as it likes. */
    public val rateLimit: RateLimitOptions? = null,
    /**
     * The key under which the credentials of providers and the secrets of webhooks are encrypted: 32 bytes as 64
     * hexadecimal digits or in base64. Without one, none can be kept. Default: the environment variable
     * `VOICE_CORE_CREDENTIALS_KEY`.
     */
    public val credentialsKey: String? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        rateLimit?.let { keys["rate_limit"] = it.json() }
        credentialsKey?.let { keys["credentials_key"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }

    override fun toString(): String = "AccountsConfig(rateLimit=$rateLimit)"
}

/**
 * How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer;
 * where another provider of the list is ready, none waits for more than a second.
 */
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

/** How long things are kept. What is left out is kept until somebody deletes it. */
public data class RetentionConfig(
    /**
     * How often idle sessions are ended and old things deleted in the background, in minutes. Default: never; the
     * host does it by calls.
     */
    public val everyMinutes: Double? = null,
    /** After how many days a session that is over is deleted, with everything said in it. */
    public val sessionsDays: Double? = null,
    /** After how many days messages, actions and summaries are deleted, whatever becomes of their session. */
    public val messagesDays: Double? = null,
    /** After how many days an entry of the audit log is deleted. */
    public val auditDays: Double? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        everyMinutes?.let { keys["every_minutes"] = JsonPrimitive(it) }
        sessionsDays?.let { keys["sessions_days"] = JsonPrimitive(it) }
        messagesDays?.let { keys["messages_days"] = JsonPrimitive(it) }
        auditDays?.let { keys["audit_days"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** How a live session takes turns and behaves. */
public data class LiveConfig(
    /** When the user's words are recognised. One of `streaming`, `utterances`. */
    public val recognition: String? = null,
    /** Who says that the user's turn is over. One of `automatic`, `model`, `manual`. */
    public val turnDetection: String? = null,
    /** When the user's turn is over. */
    public val endpointing: EndpointingOptions? = null,
    /** When the user may stop the agent. */
    public val interruption: InterruptionOptions? = null,
    /** When sound counts as speech. */
    public val vad: VadOptions? = null,
    /** What is done to the user's sound before it is listened to. */
    public val input: InputOptions? = null,
    /** How sound is given out. */
    public val output: OutputOptions? = null,
    /** How the conversation is kept going and ended. */
    public val conversation: ConversationOptions? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        recognition?.let { keys["recognition"] = JsonPrimitive(it) }
        turnDetection?.let { keys["turn_detection"] = JsonPrimitive(it) }
        endpointing?.let { keys["endpointing"] = it.json() }
        interruption?.let { keys["interruption"] = it.json() }
        vad?.let { keys["vad"] = it.json() }
        input?.let { keys["input"] = it.json() }
        output?.let { keys["output"] = it.json() }
        conversation?.let { keys["conversation"] = it.json() }
        return JsonObject(keys)
    }
}

/**
 * When the user's turn is over: at least `min_delay_ms` after the last voice when the words sound complete, at most
 * `max_delay_ms` when they do not.
 */
public data class EndpointingOptions(
    /** The least silence, in milliseconds. Default 500. */
    public val minDelayMs: Long? = null,
    /** The most silence that is waited for, in milliseconds. Default 3,000. */
    public val maxDelayMs: Long? = null,
    /** The answer is begun as soon as the turn is likely over, and thrown away if the user goes on. Default true. */
    public val preemptiveGeneration: Boolean? = null,
    /** The longest utterance, in seconds; it is answered then, even if the user still speaks. Default 60. */
    public val maxUtteranceSeconds: Double? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        minDelayMs?.let { keys["min_delay_ms"] = JsonPrimitive(it) }
        maxDelayMs?.let { keys["max_delay_ms"] = JsonPrimitive(it) }
        preemptiveGeneration?.let { keys["preemptive_generation"] = JsonPrimitive(it) }
        maxUtteranceSeconds?.let { keys["max_utterance_seconds"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** When the user may stop the agent. */
public data class InterruptionOptions(
    /**
     * Whether the user can interrupt at all. What is said meanwhile is answered when the agent has finished. Default
     * true.
     */
    public val enabled: Boolean? = null,
    /** For how long the user must speak before the agent falls silent, in milliseconds. Default 500. */
    public val minDurationMs: Long? = null,
    /** How many words the user must say to interrupt. Default 0: any word that is not a backchannel. */
    public val minWords: Long? = null,
    /**
     * How long after the user's voice the agent goes on speaking if there were no words, in milliseconds. Default
     * 2,000.
     */
    public val falseInterruptionTimeoutMs: Long? = null,
    /** Whether the agent goes on speaking where it stopped if the interruption was none. Default true. */
    public val resumeFalseInterruption: Boolean? = null,
    /** What listeners say without wanting the turn, in lower case; more than the built-in ones. */
    public val backchannels: List<String>? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        enabled?.let { keys["enabled"] = JsonPrimitive(it) }
        minDurationMs?.let { keys["min_duration_ms"] = JsonPrimitive(it) }
        minWords?.let { keys["min_words"] = JsonPrimitive(it) }
        falseInterruptionTimeoutMs?.let { keys["false_interruption_timeout_ms"] = JsonPrimitive(it) }
        resumeFalseInterruption?.let { keys["resume_false_interruption"] = JsonPrimitive(it) }
        backchannels?.let { keys["backchannels"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        return JsonObject(keys)
    }
}

/** When sound counts as speech. */
public data class VadOptions(
    /** How sure the detector must be, 0–1. Default 0.5. */
    public val threshold: Double? = null,
    /** For how long there must be voice, in milliseconds. Default 48. */
    public val minSpeechMs: Long? = null,
    /** For how long there must be none before an utterance is recognised, in milliseconds. Default 200. */
    public val minSilenceMs: Long? = null,
    /** How much of the sound before the voice belongs to it, in milliseconds. Default 300. */
    public val prefixPaddingMs: Long? = null,
    /**
     * Voices that go on this many decibels fainter than the user's are others', behind the user: they keep no turn
     * open and begin none. 0: every voice is the user's. Default 12.
     */
    public val backgroundBelowDb: Double? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        threshold?.let { keys["threshold"] = JsonPrimitive(it) }
        minSpeechMs?.let { keys["min_speech_ms"] = JsonPrimitive(it) }
        minSilenceMs?.let { keys["min_silence_ms"] = JsonPrimitive(it) }
        prefixPaddingMs?.let { keys["prefix_padding_ms"] = JsonPrimitive(it) }
        backgroundBelowDb?.let { keys["background_below_db"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/**
 * What is done to the user's sound before it is listened to. Each costs some processor time; together they make it
 * at most 30 ms late.
 */
public data class InputOptions(
    /** Whether noise is taken out (RNNoise). Default false: recognisers that know noise do better without. */
    public val denoising: Boolean? = null,
    /**
     * Whether the echo of what the agent says is taken out (WebRTC's AEC3): for loudspeakers near the microphone
     * where the device does not do it itself. What is played is known from what was given out. Default false.
     */
    public val echoCancellation: Boolean? = null,
    /** Whether quiet voices are made louder and loud ones kept from clipping (WebRTC's AGC2). Default false. */
    public val automaticGain: Boolean? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        denoising?.let { keys["denoising"] = JsonPrimitive(it) }
        echoCancellation?.let { keys["echo_cancellation"] = JsonPrimitive(it) }
        automaticGain?.let { keys["automatic_gain"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** How sound is given out. */
public data class OutputOptions(
    /** At which pace. One of `real_time`, `immediate`. */
    public val pacing: String? = null,
    /** With real-time pacing, how much sound is given out ahead of its time, in milliseconds. Default 200. */
    public val leadMs: Long? = null,
    /** How long each piece of sound is, in milliseconds; 0: as the provider gives it. Default 20. */
    public val frameMs: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        pacing?.let { keys["pacing"] = JsonPrimitive(it) }
        leadMs?.let { keys["lead_ms"] = JsonPrimitive(it) }
        frameMs?.let { keys["frame_ms"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/** How the conversation is kept going and ended. */
public data class ConversationOptions(
    /** Whether the greeting can be interrupted. Default false. */
    public val greetingInterruptible: Boolean? = null,
    /** After how many seconds of silence the user is reminded. Default: never. */
    public val reminderSeconds: Double? = null,
    /** How often at most, until the user speaks again. Default 2. */
    public val reminderMaxCount: Long? = null,
    /** What is said then. */
    public val reminderMessage: String? = null,
    /** After how many seconds of silence from both sides the session ends. Default: never. */
    public val silenceTimeoutSeconds: Double? = null,
    /** After how many seconds the session ends, whatever happens. Default: never. */
    public val maxDurationSeconds: Double? = null,
    /** When the agent's answer has one of these phrases, the session ends once it is spoken. */
    public val endCallPhrases: List<String>? = null,
    /** When the user says no more than one of these, the agent answers and the session ends. */
    public val goodbyePhrases: List<String>? = null,
    /** What is said before the session ends of itself. */
    public val endCallMessage: String? = null,
    /**
     * How long digits are collected before they count as typed, in milliseconds; `#` ends them at once. Default
     * 2,000.
     */
    public val dtmfTimeoutMs: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        greetingInterruptible?.let { keys["greeting_interruptible"] = JsonPrimitive(it) }
        reminderSeconds?.let { keys["reminder_seconds"] = JsonPrimitive(it) }
        reminderMaxCount?.let { keys["reminder_max_count"] = JsonPrimitive(it) }
        reminderMessage?.let { keys["reminder_message"] = JsonPrimitive(it) }
        silenceTimeoutSeconds?.let { keys["silence_timeout_seconds"] = JsonPrimitive(it) }
        maxDurationSeconds?.let { keys["max_duration_seconds"] = JsonPrimitive(it) }
        endCallPhrases?.let { keys["end_call_phrases"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        goodbyePhrases?.let { keys["goodbye_phrases"] = JsonArray(it.map { one -> JsonPrimitive(one) }) }
        endCallMessage?.let { keys["end_call_message"] = JsonPrimitive(it) }
        dtmfTimeoutMs?.let { keys["dtmf_timeout_ms"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/**
 * Keeps the sound of turns beside their words: what the user said, what the agent answered, or both. The messages
 * refer to it. It goes with the session, with its user and with retention; a turn whose sound cannot be kept is
 * saved without it.
 */
public data class RecordingsConfig(
    /**
     * Where: `file:FOLDER`, `s3://BUCKET/PREFIX` (credentials come from the environment: `AWS_ACCESS_KEY_ID`, …), or
     * `memory`.
     */
    public val store: String,
    /** Whether what the user says is kept. Default true. */
    public val user: Boolean? = null,
    /** Whether what the agent says is kept. Default true. */
    public val assistant: Boolean? = null,
    /**
     * Whether the whole of each live session is kept as well, both sides in one file along the wall clock: the user
     * on the left, the agent on the right, at 16,000 samples a second. Default false.
     */
    public val live: Boolean? = null,
    /** The format of the files. Default `wav`. One of `wav`, `opus`. */
    public val format: String? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        keys["store"] = JsonPrimitive(store)
        user?.let { keys["user"] = JsonPrimitive(it) }
        assistant?.let { keys["assistant"] = JsonPrimitive(it) }
        live?.let { keys["live"] = JsonPrimitive(it) }
        format?.let { keys["format"] = JsonPrimitive(it) }
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

/**
 * When and how often a failed attempt is made again. Only errors that say they are retryable are. Where another
 * provider of the list is ready, it is asked at once instead of trying again after a time-out or a connection that
 * could not be made, and instead of waiting for more than a second.
 */
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
    /**
     * From the call to its first result, in milliseconds. Default 30,000. Where another provider of the list is
     * ready, it is asked when this is over.
     */
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

/** What providers charge. The library knows no prices by itself: they change, and depend on contracts. */
public data class PricesConfig(
    /** The currency of every price: three capital letters (ISO 4217). Default `USD`. */
    public val currency: String? = null,
    /**
     * Prices by `provider/model`, or by its beginning and `*`; of several that fit, the longest counts. Without a
     * price there is no cost.
     */
    public val models: Map<String, ModelPrice>? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        currency?.let { keys["currency"] = JsonPrimitive(it) }
        models?.let { keys["models"] = JsonObject(it.mapValues { (_, one) -> one.json() }) }
        return JsonObject(keys)
    }
}

/** What one model costs. What it is not asked for may be left out; with nothing at all, it is free of charge. */
public data class ModelPrice(
    /** The price of a million tokens of a prompt. */
    public val inputPerMillion: Double? = null,
    /** The price of a million tokens of a prompt that came from the provider's cache. Default: that of others. */
    public val cachedInputPerMillion: Double? = null,
    /** The price of a million tokens that were written. */
    public val outputPerMillion: Double? = null,
    /**
     * The price of a million tokens of sound that was heard, by a model that hears and speaks by itself.
     * `input_per_million` is then the price of text.
     */
    public val audioInputPerMillion: Double? = null,
    /** The price of a million of these that came from the provider's cache. Default: that of others. */
    public val cachedAudioInputPerMillion: Double? = null,
    /** The price of a million tokens of sound that such a model spoke. */
    public val audioOutputPerMillion: Double? = null,
    /** The price of a minute of sound that was recognised. */
    public val heardPerMinute: Double? = null,
    /** The price of a million characters that were spoken. */
    public val spokenPerMillionCharacters: Double? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        inputPerMillion?.let { keys["input_per_million"] = JsonPrimitive(it) }
        cachedInputPerMillion?.let { keys["cached_input_per_million"] = JsonPrimitive(it) }
        outputPerMillion?.let { keys["output_per_million"] = JsonPrimitive(it) }
        audioInputPerMillion?.let { keys["audio_input_per_million"] = JsonPrimitive(it) }
        cachedAudioInputPerMillion?.let { keys["cached_audio_input_per_million"] = JsonPrimitive(it) }
        audioOutputPerMillion?.let { keys["audio_output_per_million"] = JsonPrimitive(it) }
        heardPerMinute?.let { keys["heard_per_minute"] = JsonPrimitive(it) }
        spokenPerMillionCharacters?.let { keys["spoken_per_million_characters"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }
}

/**
 * Sends what is measured to an OpenTelemetry collector, as OTLP in JSON over HTTP: a span for every live session,
 * turn, and call of a provider or a tool, and metrics. Never words, sound or keys. Needs the feature `otel`, which
 * the packages of other languages have. The environment variables of OpenTelemetry stand for what is left out:
 * `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME`,
 * `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL`. With
 * `OTEL_SDK_DISABLED=true` none of them is read.
 */
public data class TelemetryConfig(
    /**
     * Where the collector is, for example `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are added.
     * Default: nothing is sent.
     */
    public val otlpEndpoint: String? = null,
    /** Headers of every request, for example the key of a service. Their values are never shown. */
    public val headers: Map<String, String>? = null,
    /** The attribute `service.name` of everything that is sent. Default `voice-core`. */
    public val serviceName: String? = null,
    /** More attributes of everything that is sent, for example `deployment.environment.name`. */
    public val attributes: Map<String, String>? = null,
    /** How often spans are sent, in milliseconds; 512 are sent at once. Default 5,000. */
    public val spansIntervalMs: Long? = null,
    /** How often metrics are sent, in milliseconds. Default 60,000. */
    public val metricsIntervalMs: Long? = null,
    /** How long the collector may take over a request, in milliseconds. Default 10,000. */
    public val timeoutMs: Long? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        otlpEndpoint?.let { keys["otlp_endpoint"] = JsonPrimitive(it) }
        headers?.let { keys["headers"] = JsonObject(it.mapValues { (_, one) -> JsonPrimitive(one) }) }
        serviceName?.let { keys["service_name"] = JsonPrimitive(it) }
        attributes?.let { keys["attributes"] = JsonObject(it.mapValues { (_, one) -> JsonPrimitive(one) }) }
        spansIntervalMs?.let { keys["spans_interval_ms"] = JsonPrimitive(it) }
        metricsIntervalMs?.let { keys["metrics_interval_ms"] = JsonPrimitive(it) }
        timeoutMs?.let { keys["timeout_ms"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }

    override fun toString(): String = "TelemetryConfig(otlpEndpoint=$otlpEndpoint, serviceName=$serviceName, attributes=$attributes, spansIntervalMs=$spansIntervalMs, metricsIntervalMs=$metricsIntervalMs, timeoutMs=$timeoutMs)"
}

/**
 * How webhooks are delivered: how long an attempt may take, when it is made again, and where it may go. Needs the
 * feature `webhooks`, which the packages of other languages have. An attempt that fails is made again after
 * `first_delay_seconds`, then after `backoff` times as long each time, up to `longest_delay_seconds`, with up to a
 * quarter more by chance. By the defaults there are twelve attempts in about 32 hours.
 */
public data class WebhooksConfig(
    /** Whether this agent delivers. Of several agents on one database, any number may; one has to. Default true. */
    public val deliver: Boolean? = null,
    /** How long an attempt may take, in seconds, from the connection to the end of the answer. Default 30. */
    public val timeoutSeconds: Double? = null,
    /** How many attempts are made before a delivery has failed (1–50). Default 12. */
    public val attempts: Long? = null,
    /** The wait before the second attempt, in seconds. Default 5. */
    public val firstDelaySeconds: Double? = null,
    /** By how much each wait is longer than the one before (1–10). Default 4. */
    public val backoff: Double? = null,
    /** The longest wait, in seconds, also where the receiver asks for one. Default 21,600 (6 hours). */
    public val longestDelaySeconds: Double? = null,
    /** How often to look for what other processes left to be delivered, in seconds. Default 15. */
    public val pollSeconds: Double? = null,
    /** After how many days deliveries that are over are deleted from the log. Default 30. */
    public val keepDays: Double? = null,
    /** Whether webhooks may have addresses of plain HTTP. Default false: anybody on the way could read what is told. */
    public val allowHttp: Boolean? = null,
    /**
     * Whether webhooks may lead to this machine and to private networks. Default false: who may create webhooks
     * could otherwise reach what only the host should reach.
     */
    public val allowPrivate: Boolean? = null,
) {
    internal fun json(): JsonObject {
        val keys = mutableMapOf<String, JsonElement>()
        deliver?.let { keys["deliver"] = JsonPrimitive(it) }
        timeoutSeconds?.let { keys["timeout_seconds"] = JsonPrimitive(it) }
        attempts?.let { keys["attempts"] = JsonPrimitive(it) }
        firstDelaySeconds?.let { keys["first_delay_seconds"] = JsonPrimitive(it) }
        backoff?.let { keys["backoff"] = JsonPrimitive(it) }
        longestDelaySeconds?.let { keys["longest_delay_seconds"] = JsonPrimitive(it) }
        pollSeconds?.let { keys["poll_seconds"] = JsonPrimitive(it) }
        keepDays?.let { keys["keep_days"] = JsonPrimitive(it) }
        allowHttp?.let { keys["allow_http"] = JsonPrimitive(it) }
        allowPrivate?.let { keys["allow_private"] = JsonPrimitive(it) }
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
     * A model that hears and speaks by itself: it holds live sessions in place of the three. What of them is not
     * named then is left out; one-shot turns need them. Default: none.
     */
    public val realtime: List<ProviderConfig>? = null,
    /**
     * Where conversations are kept: `sqlite:PATH`, `postgres://…`, `mongodb://…`, `memory`. Default: `DATABASE_URL`,
     * else an SQLite file in the user's data folder.
     */
    public val storage: String? = null,
    /** Who the agent is. */
    public val assistant: AssistantConfig? = null,
    /** What is found in conversations that has to be acted on. Default: nothing is looked for. */
    public val actions: ActionsConfig? = null,
    /**
     * Servers of the Model Context Protocol whose tools the language model may call, by names of your own. Default:
     * none.
     */
    public val mcpServers: Map<String, McpServerConfig>? = null,
    /** Which documents answers are drawn from. Default: none. */
    public val knowledge: KnowledgeConfig? = null,
    /** Organizations, users and their keys. */
    public val accounts: AccountsConfig? = null,
    /** How long things are kept. */
    public val retention: RetentionConfig? = null,
    /** How live sessions take turns and behave. */
    public val live: LiveConfig? = null,
    /** Whether the sound of turns is kept, and where. Default: it is not. */
    public val recordings: RecordingsConfig? = null,
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
    /** What providers charge, so that turns know what they cost. Default: no prices, and no costs. */
    public val prices: PricesConfig? = null,
    /** Whether what is measured is sent to an OpenTelemetry collector. Default: it is not. */
    public val telemetry: TelemetryConfig? = null,
    /** How webhooks are delivered. */
    public val webhooks: WebhooksConfig? = null,
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
        realtime?.let { keys["realtime"] = JsonArray(it.map { one -> one.json() }) }
        storage?.let { keys["storage"] = JsonPrimitive(it) }
        assistant?.let { keys["assistant"] = it.json() }
        actions?.let { keys["actions"] = it.json() }
        mcpServers?.let { keys["mcp_servers"] = JsonObject(it.mapValues { (_, one) -> one.json() }) }
        knowledge?.let { keys["knowledge"] = it.json() }
        accounts?.let { keys["accounts"] = it.json() }
        retention?.let { keys["retention"] = it.json() }
        live?.let { keys["live"] = it.json() }
        recordings?.let { keys["recordings"] = it.json() }
        limits?.let { keys["limits"] = it.json() }
        retry?.let { keys["retry"] = it.json() }
        timeouts?.let { keys["timeouts"] = it.json() }
        circuitBreaker?.let { keys["circuit_breaker"] = it.json() }
        rateLimit?.let { keys["rate_limit"] = it.json() }
        prices?.let { keys["prices"] = it.json() }
        telemetry?.let { keys["telemetry"] = it.json() }
        webhooks?.let { keys["webhooks"] = it.json() }
        local?.let { keys["local"] = it.json() }
        warmUp?.let { keys["warm_up"] = JsonPrimitive(it) }
        logLevel?.let { keys["log_level"] = JsonPrimitive(it) }
        return JsonObject(keys)
    }

    override fun toString(): String = "AgentConfig(stt=$stt, llm=$llm, tts=$tts, realtime=$realtime, assistant=$assistant, actions=$actions, mcpServers=$mcpServers, knowledge=$knowledge, accounts=$accounts, retention=$retention, live=$live, recordings=$recordings, limits=$limits, retry=$retry, timeouts=$timeouts, circuitBreaker=$circuitBreaker, rateLimit=$rateLimit, prices=$prices, telemetry=$telemetry, webhooks=$webhooks, local=$local, warmUp=$warmUp, logLevel=$logLevel)"
}
