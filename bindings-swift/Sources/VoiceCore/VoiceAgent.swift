import Foundation
import VoiceCoreNative

/// Speech in, speech out: hears, thinks, answers, remembers.
///
/// One agent serves any number of tasks at a time; turns of one session run one after the other. Cancelling the task that waits
/// for a turn, or that reads its events, stops the turn: providers are stopped and nothing is stored.
///
/// ```swift
/// let agent = try await VoiceAgent.local()
/// let reply = try await agent.converse(.file(url))
/// print(reply.transcript, reply.text, separator: "\n")
/// try reply.save(to: URL(fileURLWithPath: "answer.wav"))
/// ```
public final class VoiceAgent: Sendable {
    private let native: Agent
    /// The sessions, their history and their sound.
    public var sessions: Sessions { Sessions(room: Room(native, "sessions")) }
    /// Organizations, users and their API keys.
    public var accounts: Accounts { Accounts(room: Room(native, "accounts")) }
    /// The assistants that are kept.
    public var assistants: Assistants { Assistants(room: Room(native, "assistants")) }
    /// The documents that answers are drawn from.
    public var knowledge: Knowledge { Knowledge(room: Room(native, "knowledge")) }
    /// Who changed what, and when.
    public var audit: Audit { Audit(room: Room(native, "audit")) }
    /// What is to be known of a telephone call before it is answered.
    public var telephony: Telephony { Telephony(room: Room(native, "telephony")) }
    /// The voices of text to speech: a list of them, and how one sounds.
    public var voices: Voices { Voices(room: Room(native, "voices")) }
    /// Who is told of events, and what was delivered to them.
    public var webhooks: Webhooks { Webhooks(room: Room(native, "webhooks")) }
    /// A browser's own way to the speech-to-speech model: client secrets.
    public var realtime: Realtime { Realtime(room: Room(native, "realtime")) }

    /// An agent as a config document (JSON) and your own objects say; what is left out has a sensible default.
    ///
    /// - Parameter config: the same document in every language. In a list of providers `"host/0"` is your own object of that role, to
    ///   be tried in that place; an object that the config does not name stands in place of what it says.
    /// - Throws: ``VoiceError`` of code `invalidRequest`, naming the path of what is wrong in the config.
    public convenience init(
        config: String = "{}",
        stt: (any SpeechToText)? = nil,
        llm: (any LanguageModel)? = nil,
        tts: (any TextToSpeech)? = nil,
        store: (any ConversationStore)? = nil,
        tools: [Tool] = [],
        turnDetector: (any TurnDetector)? = nil,
        metrics: (any MetricsSink)? = nil
    ) async throws {
        let hosts = Hosts(
            stt: stt.map { [$0] } ?? [], llm: llm.map { [$0] } ?? [], tts: tts.map { [$0] } ?? [], store: store, tools: tools,
            turnDetector: turnDetector, metrics: metrics)
        try await self.init(config: config, hosts: hosts)
    }

    /// The same with any number of your own objects for each role.
    public init(config: String, hosts: Hosts) async throws {
        native = try await stoppable {
            try await Agent.build(configJson: config, hosts: hosts.lowered, cancellation: $0)
        }
    }

    private init(_ native: Agent) { self.native = native }

    /// The same agent as somebody with a credential reaches it: turns, live sessions and everything that is kept hold nothing of anybody
    /// else. It lives as long as this agent.
    ///
    /// - Throws: ``VoiceError`` of code `unauthorized` when this agent acts for somebody already.
    public func with(_ principal: Principal) throws -> VoiceAgent {
        let json = String(decoding: try JSONEncoder().encode(principal), as: UTF8.self)
        return VoiceAgent(try translated { try native.withPrincipal(principalJson: json) })
    }

    /// The same with a typed config.
    ///
    /// ```swift
    /// try await VoiceAgent(AgentConfig(llm: [.host, .named("openai/gpt-6-luna")]), llm: mine)
    /// ```
    public convenience init(
        _ config: AgentConfig,
        stt: (any SpeechToText)? = nil,
        llm: (any LanguageModel)? = nil,
        tts: (any TextToSpeech)? = nil,
        store: (any ConversationStore)? = nil,
        tools: [Tool] = [],
        turnDetector: (any TurnDetector)? = nil,
        metrics: (any MetricsSink)? = nil
    ) async throws {
        let json = String(decoding: try JSONEncoder().encode(config), as: UTF8.self)
        try await self.init(
            config: json, stt: stt, llm: llm, tts: tts, store: store, tools: tools, turnDetector: turnDetector, metrics: metrics)
    }

    /// An agent that runs offline with local models and keeps conversations in an SQLite file in the user's data folder.
    ///
    /// - Parameter storage: another place for conversations: `sqlite:voice.db`, `memory`.
    /// - Throws: ``VoiceError`` of code `invalidRequest` when models are missing: the message says how to fetch them.
    public static func local(storage: String? = nil) async throws -> VoiceAgent {
        var config = ["stt": "local", "llm": "local", "tts": "local"]
        config["storage"] = storage
        return try await VoiceAgent(config: String(decoding: JSONEncoder().encode(config), as: UTF8.self))
    }

    /// One whole turn: hears the input, answers, saves both messages.
    ///
    /// - Parameters:
    ///   - session: the session to continue; an unknown one starts a fresh session.
    ///   - user: whose turn it is: your own name for the user.
    ///   - language: the language that is spoken (BCP 47).
    ///   - deadline: how long the turn may take; default: the config's.
    ///   - speak: whether the answer is spoken.
    ///   - assistant: who answers in a fresh session: an assistant, by its id.
    ///   - organization: in which organization the turn is taken, by its id.
    ///   - tools: what the language model may call in this turn, besides the agent's tools.
    /// - Throws: ``VoiceError`` when the turn fails, `CancellationError` when the task was cancelled; nothing is stored then.
    public func converse(
        _ input: TurnInput, session: String? = nil, user: String? = nil, language: String? = nil,
        deadline: Duration? = nil, speak: Bool = true, assistant: String? = nil, organization: String? = nil, tools: [Tool] = []
    ) async throws -> Reply {
        let options = TurnOptions(
            session: session, user: user, language: language, deadlineMs: deadline?.milliseconds, speak: speak,
            assistant: assistant, organization: organization, tools: tools.map(\.lowered))
        return try await stoppable {
            Reply(try await native.turn(input: input.lowered, options: options, cancellation: $0))
        }
    }

    /// One turn as it happens: text and sound come while the answer is still being written. Parameters as for
    /// ``converse(_:session:user:language:deadline:speak:assistant:organization:tools:)``.
    public func turn(
        _ input: TurnInput, session: String? = nil, user: String? = nil, language: String? = nil,
        deadline: Duration? = nil, speak: Bool = true, assistant: String? = nil, organization: String? = nil, tools: [Tool] = []
    ) -> TurnEvents {
        let options = TurnOptions(
            session: session, user: user, language: language, deadlineMs: deadline?.milliseconds, speak: speak,
            assistant: assistant, organization: organization, tools: tools.map(\.lowered))
        return TurnEvents { [native] in try native.stream(input: input.lowered, options: options) }
    }

    /// Starts a live conversation: sound in both directions at once.
    ///
    /// - Parameter tools: what the language model may call in this session, besides the agent's tools.
    /// - Throws: ``VoiceError`` of code `validation` for a rate or a number of channels that is not supported, `invalidRequest` for a
    ///   wrong config.
    public func live(_ options: LiveOptions = LiveOptions(), tools: [Tool] = []) async throws -> LiveSession {
        let json = String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
        return try await live(json: json, tools: tools)
    }

    func live(json: String, tools: [Tool]) async throws -> LiveSession {
        try await stoppable {
            LiveSession(try await native.live(optionsJson: json, tools: tools.map(\.lowered), cancellation: $0))
        }
    }

    /// How many reports neither your ``MetricsSink`` nor a collector took: they were too slow, failed, or were gone.
    public var droppedReports: Int { Int(clamping: native.droppedReports()) }

    /// Makes every provider ready, so that the first turn is as fast as the others.
    public func warmUp() async throws {
        try await stoppable { try await native.warmUp(cancellation: $0) }
    }

    /// Cancels what runs, finishes what is being saved. A second time is fine; any other use afterwards is a ``VoiceError`` of kind
    /// `closed`. An agent that is simply let go stops its turns too.
    public func close() async throws {
        try await awaited { try await native.shutDown() }
    }

    /// The version of the library, the same in every language.
    public static var version: String { VoiceCoreNative.version() }
}

extension ProviderConfig {
    /// A provider by its name in the config, as in `openai/gpt-transcribe`.
    public static func named(_ name: String) -> ProviderConfig {
        let parts = name.split(separator: "/", maxSplits: 1).map(String.init)
        return ProviderConfig(provider: parts.first ?? "", model: parts.count > 1 ? parts[1] : nil)
    }

    /// In a list of providers, your own object of that role.
    public static var host: ProviderConfig { ProviderConfig(provider: "host") }
}
