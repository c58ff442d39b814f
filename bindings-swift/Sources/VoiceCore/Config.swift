// Written by `cargo xtask gen` from the library's own schema. Do not edit.

/// One provider: `"provider/model"`, or an object that says more.
public struct ProviderConfig: Encodable, Sendable {
    /// Whose: `openai`, `local`, `groq`, …
    public var provider: String
    /// Which of its models; left out: its default. For `local`, a name in the model folder or a path.
    public var model: String?
    /// Which voice, by the provider's own name or id.
    public var voice: String?
    /// The key. Default: the provider's environment variable.
    public var apiKey: String?
    /// Where the server is, for servers that speak OpenAI's wire format.
    public var baseUrl: String?
    /// What only this provider knows, such as `speed` or `instructions`.
    public var settings: [String: JSONValue]?

    public init(
        provider: String,
        model: String? = nil,
        voice: String? = nil,
        apiKey: String? = nil,
        baseUrl: String? = nil,
        settings: [String: JSONValue]? = nil
    ) {
        self.provider = provider
        self.model = model
        self.voice = voice
        self.apiKey = apiKey
        self.baseUrl = baseUrl
        self.settings = settings
    }

    enum CodingKeys: String, CodingKey {
        case provider
        case model
        case voice
        case apiKey = "api_key"
        case baseUrl = "base_url"
        case settings
    }
}

/// Who the agent is and how it answers.
public struct AssistantConfig: Encodable, Sendable {
    /// The instructions of the language model.
    public var systemPrompt: String?
    /// What is spoken when a live session starts.
    public var firstMessage: String?
    /// The language of the conversation (BCP 47), or `auto`. Default `auto`.
    public var language: String?
    /// The sampling temperature, 0–2. Default 0.7.
    public var temperature: Double?
    /// The most tokens of one answer. Default 500.
    public var maxTokens: Int?
    /// How many messages of history the language model is shown (0–100). Default 10.
    public var contextMessages: Int?

    public init(
        systemPrompt: String? = nil,
        firstMessage: String? = nil,
        language: String? = nil,
        temperature: Double? = nil,
        maxTokens: Int? = nil,
        contextMessages: Int? = nil
    ) {
        self.systemPrompt = systemPrompt
        self.firstMessage = firstMessage
        self.language = language
        self.temperature = temperature
        self.maxTokens = maxTokens
        self.contextMessages = contextMessages
    }

    enum CodingKeys: String, CodingKey {
        case systemPrompt = "system_prompt"
        case firstMessage = "first_message"
        case language
        case temperature
        case maxTokens = "max_tokens"
        case contextMessages = "context_messages"
    }
}

/// What is accepted, and for how long.
public struct LimitsConfig: Encodable, Sendable {
    /// The most bytes of one recording. Default 26,214,400 (25 MiB).
    public var maxAudioBytes: Int?
    /// The longest recording, in seconds. Default 300.
    public var maxAudioSeconds: Double?
    /// The most characters of a typed message. Default 10,000.
    public var maxTextCharacters: Int?
    /// After how many minutes without a turn a session expires. Default 30.
    public var sessionIdleMinutes: Double?
    /// How long a turn may take, in seconds, when the call does not say. Default 120.
    public var turnSeconds: Double?

    public init(
        maxAudioBytes: Int? = nil,
        maxAudioSeconds: Double? = nil,
        maxTextCharacters: Int? = nil,
        sessionIdleMinutes: Double? = nil,
        turnSeconds: Double? = nil
    ) {
        self.maxAudioBytes = maxAudioBytes
        self.maxAudioSeconds = maxAudioSeconds
        self.maxTextCharacters = maxTextCharacters
        self.sessionIdleMinutes = sessionIdleMinutes
        self.turnSeconds = turnSeconds
    }

    enum CodingKeys: String, CodingKey {
        case maxAudioBytes = "max_audio_bytes"
        case maxAudioSeconds = "max_audio_seconds"
        case maxTextCharacters = "max_text_characters"
        case sessionIdleMinutes = "session_idle_minutes"
        case turnSeconds = "turn_seconds"
    }
}

/// When and how often a failed attempt is made again. Only errors that say they are retryable are.
public struct RetryOptions: Encodable, Sendable {
    /// Attempts in all, the first included (1–10). Default 3.
    public var attempts: Int?
    /// The longest wait before the second attempt, in milliseconds; it doubles with each one. Default 1,000.
    public var firstDelayMs: Int?
    /// The longest wait before any attempt, in milliseconds; a provider that asks for more is not waited for.
    /// Default 20,000.
    public var maxDelayMs: Int?
    /// Whether waits are drawn at random between nothing and their longest ("full jitter"), so that many callers do
    /// not come back at once. Default true.
    public var jitter: Bool?

    public init(
        attempts: Int? = nil,
        firstDelayMs: Int? = nil,
        maxDelayMs: Int? = nil,
        jitter: Bool? = nil
    ) {
        self.attempts = attempts
        self.firstDelayMs = firstDelayMs
        self.maxDelayMs = maxDelayMs
        self.jitter = jitter
    }

    enum CodingKeys: String, CodingKey {
        case attempts
        case firstDelayMs = "first_delay_ms"
        case maxDelayMs = "max_delay_ms"
        case jitter
    }
}

/// How long each part of one attempt may take. The deadline of the turn stands above all of them.
public struct TimeoutOptions: Encodable, Sendable {
    /// To open a connection, in milliseconds. Default 5,000. Watched by the provider's own client.
    public var connectMs: Int?
    /// From the call to its first result, in milliseconds. Default 30,000.
    public var firstByteMs: Int?
    /// Between two results, in milliseconds. Default 15,000.
    public var idleMs: Int?

    public init(
        connectMs: Int? = nil,
        firstByteMs: Int? = nil,
        idleMs: Int? = nil
    ) {
        self.connectMs = connectMs
        self.firstByteMs = firstByteMs
        self.idleMs = idleMs
    }

    enum CodingKeys: String, CodingKey {
        case connectMs = "connect_ms"
        case firstByteMs = "first_byte_ms"
        case idleMs = "idle_ms"
    }
}

/// When a failing provider is left alone, so that a turn goes to the next in the list at once.
public struct CircuitBreakerOptions: Encodable, Sendable {
    /// Calls that must fail in a row. Default 5; 0 switches the breaker off.
    public var failures: Int?
    /// How long the provider then rests, in milliseconds. One call is let through after that: if it succeeds the
    /// provider is back, otherwise it rests again. Default 30,000.
    public var restMs: Int?

    public init(
        failures: Int? = nil,
        restMs: Int? = nil
    ) {
        self.failures = failures
        self.restMs = restMs
    }

    enum CodingKeys: String, CodingKey {
        case failures
        case restMs = "rest_ms"
    }
}

/// How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer.
public struct RateLimitOptions: Encodable, Sendable {
    /// Calls a minute, on average.
    public var perMinute: Int
    /// How many may go at once after a quiet time. Default 1.
    public var burst: Int?

    public init(
        perMinute: Int,
        burst: Int? = nil
    ) {
        self.perMinute = perMinute
        self.burst = burst
    }

    enum CodingKeys: String, CodingKey {
        case perMinute = "per_minute"
        case burst
    }
}

/// Local models.
public struct LocalConfig: Encodable, Sendable {
    /// The folder of the model files. Default: `VOICE_CORE_MODELS`, else `voice-core/models` in the user's data
    /// folder.
    public var models: String?
    /// How many threads models may use, all together. Default: one less than there are cores, but both of two.
    public var threads: Int?

    public init(
        models: String? = nil,
        threads: Int? = nil
    ) {
        self.models = models
        self.threads = threads
    }

    enum CodingKeys: String, CodingKey {
        case models
        case threads
    }
}

/// The configuration of an agent. See the module for where it comes from.
public struct AgentConfig: Encodable, Sendable {
    /// Speech to text: one provider, or several tried in order. Default: the local one.
    public var stt: [ProviderConfig]?
    /// The language model: one provider, or several tried in order. Default: the local one.
    public var llm: [ProviderConfig]?
    /// Text to speech: one provider, or several tried in order. Default: the local one.
    public var tts: [ProviderConfig]?
    /// Where conversations are kept: `sqlite:PATH`, `memory`. Default: `DATABASE_URL`, else an SQLite file in the
    /// user's data folder.
    public var storage: String?
    /// Who the agent is.
    public var assistant: AssistantConfig?
    /// What is accepted, and for how long.
    public var limits: LimitsConfig?
    /// When a failed attempt at a provider is made again.
    public var retry: RetryOptions?
    /// How long an attempt at a provider may take.
    public var timeouts: TimeoutOptions?
    /// When a failing provider is left alone.
    public var circuitBreaker: CircuitBreakerOptions?
    /// How many calls each provider is sent at most.
    public var rateLimit: RateLimitOptions?
    /// Local models.
    public var local: LocalConfig?
    /// Whether every provider is made ready (models loaded, connections opened) before the agent is. Default false.
    public var warmUp: Bool?
    /// Which log records the host should show: `error`, `warn`, `info`, `debug`, `trace`. The library never prints
    /// by itself.
    public var logLevel: String?

    public init(
        stt: [ProviderConfig]? = nil,
        llm: [ProviderConfig]? = nil,
        tts: [ProviderConfig]? = nil,
        storage: String? = nil,
        assistant: AssistantConfig? = nil,
        limits: LimitsConfig? = nil,
        retry: RetryOptions? = nil,
        timeouts: TimeoutOptions? = nil,
        circuitBreaker: CircuitBreakerOptions? = nil,
        rateLimit: RateLimitOptions? = nil,
        local: LocalConfig? = nil,
        warmUp: Bool? = nil,
        logLevel: String? = nil
    ) {
        self.stt = stt
        self.llm = llm
        self.tts = tts
        self.storage = storage
        self.assistant = assistant
        self.limits = limits
        self.retry = retry
        self.timeouts = timeouts
        self.circuitBreaker = circuitBreaker
        self.rateLimit = rateLimit
        self.local = local
        self.warmUp = warmUp
        self.logLevel = logLevel
    }

    enum CodingKeys: String, CodingKey {
        case stt
        case llm
        case tts
        case storage
        case assistant
        case limits
        case retry
        case timeouts
        case circuitBreaker = "circuit_breaker"
        case rateLimit = "rate_limit"
        case local
        case warmUp = "warm_up"
        case logLevel = "log_level"
    }
}
