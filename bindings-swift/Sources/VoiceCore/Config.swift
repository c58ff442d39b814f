// Written by `cargo xtask gen` from the library's own schema. Do not edit.

/// One provider: `"provider/model"`, or an object that says more.
public struct ProviderConfig: Encodable, Sendable {
    /// Whose: `local`, `openai`, `anthropic`, `google`, `deepgram`, `elevenlabs`, `cartesia`, `bhashini`, `groq`, …
    public var provider: String
    /// Which of its models; left out: its default. For `local`, a name in the model folder or a path.
    public var model: String?
    /// Which voice, by the provider's own name or id.
    public var voice: String?
    /// The key. Default: the provider's environment variable.
    public var apiKey: String?
    /// Where the server is, if not where the provider's own is. Beside a name that is not known: a server that
    /// speaks OpenAI's wire format.
    public var baseUrl: String?
    /// What only this provider knows, such as `speed`, `instructions` or `live_model`: `docs/providers.md` lists
    /// all.
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
    /// Whether noise is taken out of what is heard, in turns and in live sessions. Default false.
    public var backgroundDenoising: Bool?
    /// The sampling temperature, 0–2. Default 0.7.
    public var temperature: Double?
    /// The most tokens of one answer. Default 500.
    public var maxTokens: Int?
    /// How many messages of history the language model is shown (0–100). Default 10.
    public var contextMessages: Int?
    /// How often in one turn the language model may call tools before it has to answer (1–100). Default 5.
    public var maxToolRounds: Int?
    /// What is said, once in a turn, while a tool takes its time; empty: nothing. Default "One moment."
    public var filler: String?
    /// After how long of a tool's work that is said, in milliseconds. Default 2,000.
    public var fillerAfterMs: Int?
    /// The agent interprets between two languages instead of answering. Default: it answers.
    public var interpreter: InterpreterConfig?

    public init(
        systemPrompt: String? = nil,
        firstMessage: String? = nil,
        language: String? = nil,
        backgroundDenoising: Bool? = nil,
        temperature: Double? = nil,
        maxTokens: Int? = nil,
        contextMessages: Int? = nil,
        maxToolRounds: Int? = nil,
        filler: String? = nil,
        fillerAfterMs: Int? = nil,
        interpreter: InterpreterConfig? = nil
    ) {
        self.systemPrompt = systemPrompt
        self.firstMessage = firstMessage
        self.language = language
        self.backgroundDenoising = backgroundDenoising
        self.temperature = temperature
        self.maxTokens = maxTokens
        self.contextMessages = contextMessages
        self.maxToolRounds = maxToolRounds
        self.filler = filler
        self.fillerAfterMs = fillerAfterMs
        self.interpreter = interpreter
    }

    enum CodingKeys: String, CodingKey {
        case systemPrompt = "system_prompt"
        case firstMessage = "first_message"
        case language
        case backgroundDenoising = "background_denoising"
        case temperature
        case maxTokens = "max_tokens"
        case contextMessages = "context_messages"
        case maxToolRounds = "max_tool_rounds"
        case filler
        case fillerAfterMs = "filler_after_ms"
        case interpreter
    }
}

/// The agent is an interpreter between two languages: whatever is said in the one is said again in the other, and
/// nothing is answered. The system prompt is then the interpreter's own, the temperature is 0, and no tools are
/// offered. Both wordings are kept in the history, each with its language.
public struct InterpreterConfig: Encodable, Sendable {
    /// The two languages (BCP 47). Default `en` and `es`.
    public var languages: [String]?
    /// Who speaks which language, by its tag. Default: the agent's own voice, which is told the language.
    public var voices: [String: InterpreterVoice]?
    /// How many of the latest utterances the language model is shown with their interpretations, so that it knows
    /// what pronouns refer to (0–50). Default 6.
    public var contextUtterances: Int?
    /// What is said in another language: true, it is interpreted into the first of the two; false, it is kept and
    /// not spoken. Default false.
    public var otherLanguages: Bool?
    /// What asks for the last interpretation again when nothing else is said, by language tag; more than the
    /// built-in ones.
    public var repeatPhrases: [String: [String]]?
    /// What the language model is told besides: the setting, names, how terms are to be said.
    public var instructions: String?

    public init(
        languages: [String]? = nil,
        voices: [String: InterpreterVoice]? = nil,
        contextUtterances: Int? = nil,
        otherLanguages: Bool? = nil,
        repeatPhrases: [String: [String]]? = nil,
        instructions: String? = nil
    ) {
        self.languages = languages
        self.voices = voices
        self.contextUtterances = contextUtterances
        self.otherLanguages = otherLanguages
        self.repeatPhrases = repeatPhrases
        self.instructions = instructions
    }

    enum CodingKeys: String, CodingKey {
        case languages
        case voices
        case contextUtterances = "context_utterances"
        case otherLanguages = "other_languages"
        case repeatPhrases = "repeat_phrases"
        case instructions
    }
}

/// Who speaks one of an interpreter's languages.
public struct InterpreterVoice: Encodable, Sendable {
    /// Whose text to speech. Default: the first that the agent or its assistant names.
    public var provider: String?
    /// Which of its models.
    public var model: String?
    /// Which voice, by the provider's own name or id.
    public var voice: String?
    /// What only this provider knows, such as `speed`.
    public var settings: [String: JSONValue]?

    public init(
        provider: String? = nil,
        model: String? = nil,
        voice: String? = nil,
        settings: [String: JSONValue]? = nil
    ) {
        self.provider = provider
        self.model = model
        self.voice = voice
        self.settings = settings
    }

    enum CodingKeys: String, CodingKey {
        case provider
        case model
        case voice
        case settings
    }
}

/// Things said that have to be acted on are found by the language model after each exchange, beside the
/// conversation, and kept.
public struct ActionsConfig: Encodable, Sendable {
    /// What is looked for: `follow_up_visit`, `lab_order`, `refill`, `referral`, `imaging_order`, and the names that
    /// `definitions` says. Default: all of these and those.
    public var types: [String]?
    /// Types of the host's own, or other words for the built-in ones, by name.
    public var definitions: [String: ActionDefinition]?
    /// How sure the language model must be, 0–1. Default 0.6.
    public var confidence: Double?
    /// How many of the latest messages the language model is shown (2–50). Default 8.
    public var contextMessages: Int?
    /// Whether a one-shot turn waits for what is found in it, so that its reply says it. Its text and its sound do
    /// not wait. Default false: it is found when the reply is there already.
    public var onReplies: Bool?

    public init(
        types: [String]? = nil,
        definitions: [String: ActionDefinition]? = nil,
        confidence: Double? = nil,
        contextMessages: Int? = nil,
        onReplies: Bool? = nil
    ) {
        self.types = types
        self.definitions = definitions
        self.confidence = confidence
        self.contextMessages = contextMessages
        self.onReplies = onReplies
    }

    enum CodingKeys: String, CodingKey {
        case types
        case definitions
        case confidence
        case contextMessages = "context_messages"
        case onReplies = "on_replies"
    }
}

/// A type of actions of the host's own.
public struct ActionDefinition: Encodable, Sendable {
    /// What it is, for the language model: when there is one, and when there is none.
    public var description: String?
    /// The JSON schema of its details, an object. Default: any.
    public var details: [String: JSONValue]?

    public init(
        description: String? = nil,
        details: [String: JSONValue]? = nil
    ) {
        self.description = description
        self.details = details
    }

    enum CodingKeys: String, CodingKey {
        case description
        case details
    }
}

/// A server of the Model Context Protocol. Its tools stand beside the host's own: assistants choose among them by
/// name. Needs the feature `mcp`, which the packages of other languages have. Reached at a `url` (Streamable HTTP),
/// or a `command` of this machine that is started and spoken with over its standard input and output.
public struct McpServerConfig: Encodable, Sendable {
    /// Where the server is, for example `https://mcp.example.org/mcp`.
    public var url: String?
    /// Headers of every request, for example `Authorization`. Their values are never shown.
    public var headers: [String: String]?
    /// The program of a server on this machine, for example `npx`.
    public var command: String?
    /// What it is given.
    public var args: [String]?
    /// Variables of its environment. Of this process's own it gets only those that every program needs (`PATH`,
    /// `HOME`, …), so that no key reaches it by accident. Their values are never shown.
    public var env: [String: String]?
    /// Which of its tools may be called, by the server's names. Default: all.
    public var tools: [String]?
    /// What is put before the names of its tools, so that no two servers' are alike. Default: nothing.
    public var prefix: String?
    /// How long the server may take to begin, and over one call of a tool, in seconds. Default 20.
    public var timeoutSeconds: Double?
    /// Whether the agent cannot be made without it. If not, and it cannot be reached then, the agent is made without
    /// its tools, and the log says so. Default true.
    public var required: Bool?

    public init(
        url: String? = nil,
        headers: [String: String]? = nil,
        command: String? = nil,
        args: [String]? = nil,
        env: [String: String]? = nil,
        tools: [String]? = nil,
        prefix: String? = nil,
        timeoutSeconds: Double? = nil,
        required: Bool? = nil
    ) {
        self.url = url
        self.headers = headers
        self.command = command
        self.args = args
        self.env = env
        self.tools = tools
        self.prefix = prefix
        self.timeoutSeconds = timeoutSeconds
        self.required = required
    }

    enum CodingKeys: String, CodingKey {
        case url
        case headers
        case command
        case args
        case env
        case tools
        case prefix
        case timeoutSeconds = "timeout_seconds"
        case required
    }
}

/// Which documents answers are drawn from, and how much of them the language model is told. They are kept by
/// `VoiceAgent::knowledge`.
public struct KnowledgeConfig: Encodable, Sendable {
    /// The host's own documents that are searched for each answer, by their ids; `*` stands for all that belong to
    /// no organization. An assistant that names documents has those instead. Default: none.
    public var documents: [String]?
    /// Whether the language model is given a tool, `search_knowledge`, in place of passages with every question. One
    /// that cannot call tools is given passages all the same; a model that hears and speaks by itself always has the
    /// tool. Default false.
    public var asTool: Bool?
    /// How many passages the model is given at most (1–20). Default 3.
    public var topK: Int?
    /// How much of what was asked a passage must have to be given, 0–1. Default 0.2.
    public var minScore: Double?
    /// How many characters they have at most, all together (1,000–100,000). Default 2,000.
    public var maxCharacters: Int?
    /// How long an answer waits for the documents to be searched, in milliseconds; it does without them then.
    /// Default 500.
    public var timeoutMs: Int?
    /// How many MiB of text are kept ready to be searched. Documents that have more than that, all those together
    /// that one answer is drawn from, are not searched. Default 64.
    public var memoryMb: Double?

    public init(
        documents: [String]? = nil,
        asTool: Bool? = nil,
        topK: Int? = nil,
        minScore: Double? = nil,
        maxCharacters: Int? = nil,
        timeoutMs: Int? = nil,
        memoryMb: Double? = nil
    ) {
        self.documents = documents
        self.asTool = asTool
        self.topK = topK
        self.minScore = minScore
        self.maxCharacters = maxCharacters
        self.timeoutMs = timeoutMs
        self.memoryMb = memoryMb
    }

    enum CodingKeys: String, CodingKey {
        case documents
        case asTool = "as_tool"
        case topK = "top_k"
        case minScore = "min_score"
        case maxCharacters = "max_characters"
        case timeoutMs = "timeout_ms"
        case memoryMb = "memory_mb"
    }
}

/// Organizations, users and their keys.
public struct AccountsConfig: Encodable, Sendable {
    /// How often an API key may be used that has no limit of its own. Default: as often as it likes.
    public var rateLimit: RateLimitOptions?
    /// The key under which the credentials of providers and the secrets of webhooks are encrypted: 32 bytes as 64
    /// hexadecimal digits or in base64. Without one, none can be kept. Default: the environment variable
    /// `VOICE_CORE_CREDENTIALS_KEY`.
    public var credentialsKey: String?

    public init(
        rateLimit: RateLimitOptions? = nil,
        credentialsKey: String? = nil
    ) {
        self.rateLimit = rateLimit
        self.credentialsKey = credentialsKey
    }

    enum CodingKeys: String, CodingKey {
        case rateLimit = "rate_limit"
        case credentialsKey = "credentials_key"
    }
}

/// How many calls a provider is sent at most. Calls above it wait their turn, or fail when their deadline is nearer;
/// where another provider of the list is ready, none waits for more than a second.
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

/// How long things are kept. What is left out is kept until somebody deletes it.
public struct RetentionConfig: Encodable, Sendable {
    /// How often idle sessions are ended and old things deleted in the background, in minutes. Default: never; the
    /// host does it by calls.
    public var everyMinutes: Double?
    /// After how many days a session that is over is deleted, with everything said in it.
    public var sessionsDays: Double?
    /// After how many days messages, actions and summaries are deleted, whatever becomes of their session.
    public var messagesDays: Double?
    /// After how many days an entry of the audit log is deleted.
    public var auditDays: Double?

    public init(
        everyMinutes: Double? = nil,
        sessionsDays: Double? = nil,
        messagesDays: Double? = nil,
        auditDays: Double? = nil
    ) {
        self.everyMinutes = everyMinutes
        self.sessionsDays = sessionsDays
        self.messagesDays = messagesDays
        self.auditDays = auditDays
    }

    enum CodingKeys: String, CodingKey {
        case everyMinutes = "every_minutes"
        case sessionsDays = "sessions_days"
        case messagesDays = "messages_days"
        case auditDays = "audit_days"
    }
}

/// How a live session takes turns and behaves.
public struct LiveConfig: Encodable, Sendable {
    /// When the user's words are recognised. One of `streaming`, `utterances`.
    public var recognition: String?
    /// Who says that the user's turn is over. One of `automatic`, `model`, `manual`.
    public var turnDetection: String?
    /// When the user's turn is over.
    public var endpointing: EndpointingOptions?
    /// When the user may stop the agent.
    public var interruption: InterruptionOptions?
    /// When sound counts as speech.
    public var vad: VadOptions?
    /// What is done to the user's sound before it is listened to.
    public var input: InputOptions?
    /// How sound is given out.
    public var output: OutputOptions?
    /// How the conversation is kept going and ended.
    public var conversation: ConversationOptions?

    public init(
        recognition: String? = nil,
        turnDetection: String? = nil,
        endpointing: EndpointingOptions? = nil,
        interruption: InterruptionOptions? = nil,
        vad: VadOptions? = nil,
        input: InputOptions? = nil,
        output: OutputOptions? = nil,
        conversation: ConversationOptions? = nil
    ) {
        self.recognition = recognition
        self.turnDetection = turnDetection
        self.endpointing = endpointing
        self.interruption = interruption
        self.vad = vad
        self.input = input
        self.output = output
        self.conversation = conversation
    }

    enum CodingKeys: String, CodingKey {
        case recognition
        case turnDetection = "turn_detection"
        case endpointing
        case interruption
        case vad
        case input
        case output
        case conversation
    }
}

/// When the user's turn is over: at least `min_delay_ms` after the last voice when the words sound complete, at most
/// `max_delay_ms` when they do not.
public struct EndpointingOptions: Encodable, Sendable {
    /// The least silence, in milliseconds. Default 500.
    public var minDelayMs: Int?
    /// The most silence that is waited for, in milliseconds. Default 3,000.
    public var maxDelayMs: Int?
    /// The answer is begun as soon as the turn is likely over, and thrown away if the user goes on. Default true.
    public var preemptiveGeneration: Bool?
    /// The longest utterance, in seconds; it is answered then, even if the user still speaks. Default 60.
    public var maxUtteranceSeconds: Double?

    public init(
        minDelayMs: Int? = nil,
        maxDelayMs: Int? = nil,
        preemptiveGeneration: Bool? = nil,
        maxUtteranceSeconds: Double? = nil
    ) {
        self.minDelayMs = minDelayMs
        self.maxDelayMs = maxDelayMs
        self.preemptiveGeneration = preemptiveGeneration
        self.maxUtteranceSeconds = maxUtteranceSeconds
    }

    enum CodingKeys: String, CodingKey {
        case minDelayMs = "min_delay_ms"
        case maxDelayMs = "max_delay_ms"
        case preemptiveGeneration = "preemptive_generation"
        case maxUtteranceSeconds = "max_utterance_seconds"
    }
}

/// When the user may stop the agent.
public struct InterruptionOptions: Encodable, Sendable {
    /// Whether the user can interrupt at all. What is said meanwhile is answered when the agent has finished.
    /// Default true.
    public var enabled: Bool?
    /// For how long the user must speak before the agent falls silent, in milliseconds. Default 500.
    public var minDurationMs: Int?
    /// How many words the user must say to interrupt. Default 0: any word that is not a backchannel.
    public var minWords: Int?
    /// How long after the user's voice the agent goes on speaking if there were no words, in milliseconds. Default
    /// 2,000.
    public var falseInterruptionTimeoutMs: Int?
    /// Whether the agent goes on speaking where it stopped if the interruption was none. Default true.
    public var resumeFalseInterruption: Bool?
    /// What listeners say without wanting the turn, in lower case; more than the built-in ones.
    public var backchannels: [String]?

    public init(
        enabled: Bool? = nil,
        minDurationMs: Int? = nil,
        minWords: Int? = nil,
        falseInterruptionTimeoutMs: Int? = nil,
        resumeFalseInterruption: Bool? = nil,
        backchannels: [String]? = nil
    ) {
        self.enabled = enabled
        self.minDurationMs = minDurationMs
        self.minWords = minWords
        self.falseInterruptionTimeoutMs = falseInterruptionTimeoutMs
        self.resumeFalseInterruption = resumeFalseInterruption
        self.backchannels = backchannels
    }

    enum CodingKeys: String, CodingKey {
        case enabled
        case minDurationMs = "min_duration_ms"
        case minWords = "min_words"
        case falseInterruptionTimeoutMs = "false_interruption_timeout_ms"
        case resumeFalseInterruption = "resume_false_interruption"
        case backchannels
    }
}

/// When sound counts as speech.
public struct VadOptions: Encodable, Sendable {
    /// How sure the detector must be, 0–1. Default 0.5.
    public var threshold: Double?
    /// For how long there must be voice, in milliseconds. Default 48.
    public var minSpeechMs: Int?
    /// For how long there must be none before an utterance is recognised, in milliseconds. Default 200.
    public var minSilenceMs: Int?
    /// How much of the sound before the voice belongs to it, in milliseconds. Default 300.
    public var prefixPaddingMs: Int?
    /// Voices that go on this many decibels fainter than the user's are others', behind the user: they keep no turn
    /// open and begin none. 0: every voice is the user's. Default 12.
    public var backgroundBelowDb: Double?

    public init(
        threshold: Double? = nil,
        minSpeechMs: Int? = nil,
        minSilenceMs: Int? = nil,
        prefixPaddingMs: Int? = nil,
        backgroundBelowDb: Double? = nil
    ) {
        self.threshold = threshold
        self.minSpeechMs = minSpeechMs
        self.minSilenceMs = minSilenceMs
        self.prefixPaddingMs = prefixPaddingMs
        self.backgroundBelowDb = backgroundBelowDb
    }

    enum CodingKeys: String, CodingKey {
        case threshold
        case minSpeechMs = "min_speech_ms"
        case minSilenceMs = "min_silence_ms"
        case prefixPaddingMs = "prefix_padding_ms"
        case backgroundBelowDb = "background_below_db"
    }
}

/// What is done to the user's sound before it is listened to. Each costs some processor time; together they make it
/// at most 30 ms late.
public struct InputOptions: Encodable, Sendable {
    /// Whether noise is taken out (RNNoise). Default false: recognisers that know noise do better without.
    public var denoising: Bool?
    /// Whether the echo of what the agent says is taken out (WebRTC's AEC3): for loudspeakers near the microphone
    /// where the device does not do it itself. What is played is known from what was given out. Default false.
    public var echoCancellation: Bool?
    /// Whether quiet voices are made louder and loud ones kept from clipping (WebRTC's AGC2). Default false.
    public var automaticGain: Bool?

    public init(
        denoising: Bool? = nil,
        echoCancellation: Bool? = nil,
        automaticGain: Bool? = nil
    ) {
        self.denoising = denoising
        self.echoCancellation = echoCancellation
        self.automaticGain = automaticGain
    }

    enum CodingKeys: String, CodingKey {
        case denoising
        case echoCancellation = "echo_cancellation"
        case automaticGain = "automatic_gain"
    }
}

/// How sound is given out.
public struct OutputOptions: Encodable, Sendable {
    /// At which pace. One of `real_time`, `immediate`.
    public var pacing: String?
    /// With real-time pacing, how much sound is given out ahead of its time, in milliseconds. Default 200.
    public var leadMs: Int?
    /// How long each piece of sound is, in milliseconds; 0: as the provider gives it. Default 20.
    public var frameMs: Int?

    public init(
        pacing: String? = nil,
        leadMs: Int? = nil,
        frameMs: Int? = nil
    ) {
        self.pacing = pacing
        self.leadMs = leadMs
        self.frameMs = frameMs
    }

    enum CodingKeys: String, CodingKey {
        case pacing
        case leadMs = "lead_ms"
        case frameMs = "frame_ms"
    }
}

/// How the conversation is kept going and ended.
public struct ConversationOptions: Encodable, Sendable {
    /// Whether the greeting can be interrupted. Default false.
    public var greetingInterruptible: Bool?
    /// After how many seconds of silence the user is reminded. Default: never.
    public var reminderSeconds: Double?
    /// How often at most, until the user speaks again. Default 2.
    public var reminderMaxCount: Int?
    /// What is said then.
    public var reminderMessage: String?
    /// After how many seconds of silence from both sides the session ends. Default: never.
    public var silenceTimeoutSeconds: Double?
    /// After how many seconds the session ends, whatever happens. Default: never.
    public var maxDurationSeconds: Double?
    /// When the agent's answer has one of these phrases, the session ends once it is spoken.
    public var endCallPhrases: [String]?
    /// When the user says no more than one of these, the agent answers and the session ends.
    public var goodbyePhrases: [String]?
    /// What is said before the session ends of itself.
    public var endCallMessage: String?
    /// How long digits are collected before they count as typed, in milliseconds; `#` ends them at once. Default
    /// 2,000.
    public var dtmfTimeoutMs: Int?

    public init(
        greetingInterruptible: Bool? = nil,
        reminderSeconds: Double? = nil,
        reminderMaxCount: Int? = nil,
        reminderMessage: String? = nil,
        silenceTimeoutSeconds: Double? = nil,
        maxDurationSeconds: Double? = nil,
        endCallPhrases: [String]? = nil,
        goodbyePhrases: [String]? = nil,
        endCallMessage: String? = nil,
        dtmfTimeoutMs: Int? = nil
    ) {
        self.greetingInterruptible = greetingInterruptible
        self.reminderSeconds = reminderSeconds
        self.reminderMaxCount = reminderMaxCount
        self.reminderMessage = reminderMessage
        self.silenceTimeoutSeconds = silenceTimeoutSeconds
        self.maxDurationSeconds = maxDurationSeconds
        self.endCallPhrases = endCallPhrases
        self.goodbyePhrases = goodbyePhrases
        self.endCallMessage = endCallMessage
        self.dtmfTimeoutMs = dtmfTimeoutMs
    }

    enum CodingKeys: String, CodingKey {
        case greetingInterruptible = "greeting_interruptible"
        case reminderSeconds = "reminder_seconds"
        case reminderMaxCount = "reminder_max_count"
        case reminderMessage = "reminder_message"
        case silenceTimeoutSeconds = "silence_timeout_seconds"
        case maxDurationSeconds = "max_duration_seconds"
        case endCallPhrases = "end_call_phrases"
        case goodbyePhrases = "goodbye_phrases"
        case endCallMessage = "end_call_message"
        case dtmfTimeoutMs = "dtmf_timeout_ms"
    }
}

/// Keeps the sound of turns beside their words: what the user said, what the agent answered, or both. The messages
/// refer to it. It goes with the session, with its user and with retention; a turn whose sound cannot be kept is
/// saved without it.
public struct RecordingsConfig: Encodable, Sendable {
    /// Where: `file:FOLDER`, `s3://BUCKET/PREFIX` (credentials come from the environment: `AWS_ACCESS_KEY_ID`, …),
    /// or `memory`.
    public var store: String
    /// Whether what the user says is kept. Default true.
    public var user: Bool?
    /// Whether what the agent says is kept. Default true.
    public var assistant: Bool?
    /// Whether the whole of each live session is kept as well, both sides in one file along the wall clock: the user
    /// on the left, the agent on the right, at 16,000 samples a second. Default false.
    public var live: Bool?
    /// The format of the files. Default `wav`. One of `wav`, `opus`.
    public var format: String?

    public init(
        store: String,
        user: Bool? = nil,
        assistant: Bool? = nil,
        live: Bool? = nil,
        format: String? = nil
    ) {
        self.store = store
        self.user = user
        self.assistant = assistant
        self.live = live
        self.format = format
    }

    enum CodingKeys: String, CodingKey {
        case store
        case user
        case assistant
        case live
        case format
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

/// When and how often a failed attempt is made again. Only errors that say they are retryable are. Where another
/// provider of the list is ready, it is asked at once instead of trying again after a time-out or a connection that
/// could not be made, and instead of waiting for more than a second.
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
    /// From the call to its first result, in milliseconds. Default 30,000. Where another provider of the list is
    /// ready, it is asked when this is over.
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

/// What providers charge. The library knows no prices by itself: they change, and depend on contracts.
public struct PricesConfig: Encodable, Sendable {
    /// The currency of every price: three capital letters (ISO 4217). Default `USD`.
    public var currency: String?
    /// Prices by `provider/model`, or by its beginning and `*`; of several that fit, the longest counts. Without a
    /// price there is no cost.
    public var models: [String: ModelPrice]?

    public init(
        currency: String? = nil,
        models: [String: ModelPrice]? = nil
    ) {
        self.currency = currency
        self.models = models
    }

    enum CodingKeys: String, CodingKey {
        case currency
        case models
    }
}

/// What one model costs. What it is not asked for may be left out; with nothing at all, it is free of charge.
public struct ModelPrice: Encodable, Sendable {
    /// The price of a million tokens of a prompt.
    public var inputPerMillion: Double?
    /// The price of a million tokens of a prompt that came from the provider's cache. Default: that of others.
    public var cachedInputPerMillion: Double?
    /// The price of a million tokens that were written.
    public var outputPerMillion: Double?
    /// The price of a million tokens of sound that was heard, by a model that hears and speaks by itself.
    /// `input_per_million` is then the price of text.
    public var audioInputPerMillion: Double?
    /// The price of a million of these that came from the provider's cache. Default: that of others.
    public var cachedAudioInputPerMillion: Double?
    /// The price of a million tokens of sound that such a model spoke.
    public var audioOutputPerMillion: Double?
    /// The price of a minute of sound that was recognised.
    public var heardPerMinute: Double?
    /// The price of a million characters that were spoken.
    public var spokenPerMillionCharacters: Double?

    public init(
        inputPerMillion: Double? = nil,
        cachedInputPerMillion: Double? = nil,
        outputPerMillion: Double? = nil,
        audioInputPerMillion: Double? = nil,
        cachedAudioInputPerMillion: Double? = nil,
        audioOutputPerMillion: Double? = nil,
        heardPerMinute: Double? = nil,
        spokenPerMillionCharacters: Double? = nil
    ) {
        self.inputPerMillion = inputPerMillion
        self.cachedInputPerMillion = cachedInputPerMillion
        self.outputPerMillion = outputPerMillion
        self.audioInputPerMillion = audioInputPerMillion
        self.cachedAudioInputPerMillion = cachedAudioInputPerMillion
        self.audioOutputPerMillion = audioOutputPerMillion
        self.heardPerMinute = heardPerMinute
        self.spokenPerMillionCharacters = spokenPerMillionCharacters
    }

    enum CodingKeys: String, CodingKey {
        case inputPerMillion = "input_per_million"
        case cachedInputPerMillion = "cached_input_per_million"
        case outputPerMillion = "output_per_million"
        case audioInputPerMillion = "audio_input_per_million"
        case cachedAudioInputPerMillion = "cached_audio_input_per_million"
        case audioOutputPerMillion = "audio_output_per_million"
        case heardPerMinute = "heard_per_minute"
        case spokenPerMillionCharacters = "spoken_per_million_characters"
    }
}

/// Sends what is measured to an OpenTelemetry collector, as OTLP in JSON over HTTP: a span for every live session,
/// turn, and call of a provider or a tool, and metrics. Never words, sound or keys. Needs the feature `otel`, which
/// the packages of other languages have. The environment variables of OpenTelemetry stand for what is left out:
/// `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_EXPORTER_OTLP_TIMEOUT`, `OTEL_SERVICE_NAME`,
/// `OTEL_RESOURCE_ATTRIBUTES`, `OTEL_BSP_SCHEDULE_DELAY`, `OTEL_METRIC_EXPORT_INTERVAL`. With
/// `OTEL_SDK_DISABLED=true` none of them is read.
public struct TelemetryConfig: Encodable, Sendable {
    /// Where the collector is, for example `http://localhost:4318`; `/v1/traces` and `/v1/metrics` are added.
    /// Default: nothing is sent.
    public var otlpEndpoint: String?
    /// Headers of every request, for example the key of a service. Their values are never shown.
    public var headers: [String: String]?
    /// The attribute `service.name` of everything that is sent. Default `voice-core`.
    public var serviceName: String?
    /// More attributes of everything that is sent, for example `deployment.environment.name`.
    public var attributes: [String: String]?
    /// How often spans are sent, in milliseconds; 512 are sent at once. Default 5,000.
    public var spansIntervalMs: Int?
    /// How often metrics are sent, in milliseconds. Default 60,000.
    public var metricsIntervalMs: Int?
    /// How long the collector may take over a request, in milliseconds. Default 10,000.
    public var timeoutMs: Int?

    public init(
        otlpEndpoint: String? = nil,
        headers: [String: String]? = nil,
        serviceName: String? = nil,
        attributes: [String: String]? = nil,
        spansIntervalMs: Int? = nil,
        metricsIntervalMs: Int? = nil,
        timeoutMs: Int? = nil
    ) {
        self.otlpEndpoint = otlpEndpoint
        self.headers = headers
        self.serviceName = serviceName
        self.attributes = attributes
        self.spansIntervalMs = spansIntervalMs
        self.metricsIntervalMs = metricsIntervalMs
        self.timeoutMs = timeoutMs
    }

    enum CodingKeys: String, CodingKey {
        case otlpEndpoint = "otlp_endpoint"
        case headers
        case serviceName = "service_name"
        case attributes
        case spansIntervalMs = "spans_interval_ms"
        case metricsIntervalMs = "metrics_interval_ms"
        case timeoutMs = "timeout_ms"
    }
}

/// How webhooks are delivered: how long an attempt may take, when it is made again, and where it may go. Needs the
/// feature `webhooks`, which the packages of other languages have. An attempt that fails is made again after
/// `first_delay_seconds`, then after `backoff` times as long each time, up to `longest_delay_seconds`, with up to a
/// quarter more by chance. By the defaults there are twelve attempts in about 32 hours.
public struct WebhooksConfig: Encodable, Sendable {
    /// Whether this agent delivers. Of several agents on one database, any number may; one has to. Default true.
    public var deliver: Bool?
    /// How long an attempt may take, in seconds, from the connection to the end of the answer. Default 30.
    public var timeoutSeconds: Double?
    /// How many attempts are made before a delivery has failed (1–50). Default 12.
    public var attempts: Int?
    /// The wait before the second attempt, in seconds. Default 5.
    public var firstDelaySeconds: Double?
    /// By how much each wait is longer than the one before (1–10). Default 4.
    public var backoff: Double?
    /// The longest wait, in seconds, also where the receiver asks for one. Default 21,600 (6 hours).
    public var longestDelaySeconds: Double?
    /// How often to look for what other processes left to be delivered, in seconds. Default 15.
    public var pollSeconds: Double?
    /// After how many days deliveries that are over are deleted from the log. Default 30.
    public var keepDays: Double?
    /// Whether webhooks may have addresses of plain HTTP. Default false: anybody on the way could read what is told.
    public var allowHttp: Bool?
    /// Whether webhooks may lead to this machine and to private networks. Default false: who may create webhooks
    /// could otherwise reach what only the host should reach.
    public var allowPrivate: Bool?

    public init(
        deliver: Bool? = nil,
        timeoutSeconds: Double? = nil,
        attempts: Int? = nil,
        firstDelaySeconds: Double? = nil,
        backoff: Double? = nil,
        longestDelaySeconds: Double? = nil,
        pollSeconds: Double? = nil,
        keepDays: Double? = nil,
        allowHttp: Bool? = nil,
        allowPrivate: Bool? = nil
    ) {
        self.deliver = deliver
        self.timeoutSeconds = timeoutSeconds
        self.attempts = attempts
        self.firstDelaySeconds = firstDelaySeconds
        self.backoff = backoff
        self.longestDelaySeconds = longestDelaySeconds
        self.pollSeconds = pollSeconds
        self.keepDays = keepDays
        self.allowHttp = allowHttp
        self.allowPrivate = allowPrivate
    }

    enum CodingKeys: String, CodingKey {
        case deliver
        case timeoutSeconds = "timeout_seconds"
        case attempts
        case firstDelaySeconds = "first_delay_seconds"
        case backoff
        case longestDelaySeconds = "longest_delay_seconds"
        case pollSeconds = "poll_seconds"
        case keepDays = "keep_days"
        case allowHttp = "allow_http"
        case allowPrivate = "allow_private"
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
    /// A model that hears and speaks by itself: it holds live sessions in place of the three. What of them is not
    /// named then is left out; one-shot turns need them. Default: none.
    public var realtime: [ProviderConfig]?
    /// Where conversations are kept: `sqlite:PATH`, `postgres://…`, `mongodb://…`, `memory`. Default:
    /// `DATABASE_URL`, else an SQLite file in the user's data folder.
    public var storage: String?
    /// Who the agent is.
    public var assistant: AssistantConfig?
    /// What is found in conversations that has to be acted on. Default: nothing is looked for.
    public var actions: ActionsConfig?
    /// Servers of the Model Context Protocol whose tools the language model may call, by names of your own. Default:
    /// none.
    public var mcpServers: [String: McpServerConfig]?
    /// Which documents answers are drawn from. Default: none.
    public var knowledge: KnowledgeConfig?
    /// Organizations, users and their keys.
    public var accounts: AccountsConfig?
    /// How long things are kept.
    public var retention: RetentionConfig?
    /// How live sessions take turns and behave.
    public var live: LiveConfig?
    /// Whether the sound of turns is kept, and where. Default: it is not.
    public var recordings: RecordingsConfig?
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
    /// What providers charge, so that turns know what they cost. Default: no prices, and no costs.
    public var prices: PricesConfig?
    /// Whether what is measured is sent to an OpenTelemetry collector. Default: it is not.
    public var telemetry: TelemetryConfig?
    /// How webhooks are delivered.
    public var webhooks: WebhooksConfig?
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
        realtime: [ProviderConfig]? = nil,
        storage: String? = nil,
        assistant: AssistantConfig? = nil,
        actions: ActionsConfig? = nil,
        mcpServers: [String: McpServerConfig]? = nil,
        knowledge: KnowledgeConfig? = nil,
        accounts: AccountsConfig? = nil,
        retention: RetentionConfig? = nil,
        live: LiveConfig? = nil,
        recordings: RecordingsConfig? = nil,
        limits: LimitsConfig? = nil,
        retry: RetryOptions? = nil,
        timeouts: TimeoutOptions? = nil,
        circuitBreaker: CircuitBreakerOptions? = nil,
        rateLimit: RateLimitOptions? = nil,
        prices: PricesConfig? = nil,
        telemetry: TelemetryConfig? = nil,
        webhooks: WebhooksConfig? = nil,
        local: LocalConfig? = nil,
        warmUp: Bool? = nil,
        logLevel: String? = nil
    ) {
        self.stt = stt
        self.llm = llm
        self.tts = tts
        self.realtime = realtime
        self.storage = storage
        self.assistant = assistant
        self.actions = actions
        self.mcpServers = mcpServers
        self.knowledge = knowledge
        self.accounts = accounts
        self.retention = retention
        self.live = live
        self.recordings = recordings
        self.limits = limits
        self.retry = retry
        self.timeouts = timeouts
        self.circuitBreaker = circuitBreaker
        self.rateLimit = rateLimit
        self.prices = prices
        self.telemetry = telemetry
        self.webhooks = webhooks
        self.local = local
        self.warmUp = warmUp
        self.logLevel = logLevel
    }

    enum CodingKeys: String, CodingKey {
        case stt
        case llm
        case tts
        case realtime
        case storage
        case assistant
        case actions
        case mcpServers = "mcp_servers"
        case knowledge
        case accounts
        case retention
        case live
        case recordings
        case limits
        case retry
        case timeouts
        case circuitBreaker = "circuit_breaker"
        case rateLimit = "rate_limit"
        case prices
        case telemetry
        case webhooks
        case local
        case warmUp = "warm_up"
        case logLevel = "log_level"
    }
}
