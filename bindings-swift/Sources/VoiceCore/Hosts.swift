import Foundation
import VoiceCoreNative

/// A recogniser of your own.
///
/// The stream of every provider is read in a task of its own, which is cancelled as soon as nobody wants the items: the turn was
/// cancelled, timed out, or was answered otherwise. Time-outs, retries and fallback are the library's.
public protocol SpeechToText: Sendable {
    /// How errors and metrics name it.
    var name: String { get }
    /// Transcribes 16 kHz mono samples: interim transcripts if any, then one that is final.
    func transcribe(_ audio: Pcm, language: String?) -> AsyncThrowingStream<Transcript, any Error>
    /// Gets ready before it is asked for the first time: opens a connection, loads a model. ``VoiceAgent/warmUp()`` calls it and waits for
    /// it; what it throws is thrown there. Does nothing by default.
    func warmUp() async throws
}

/// A recogniser of your own that recognises speech while it is spoken, too.
public protocol StreamingSpeechToText: SpeechToText {
    /// Recognises one utterance of a live session while it is spoken: interim transcripts as they come, each with everything said so
    /// far, then, once `sound` is over, one that is final. Whatever fails here costs no words: the utterance is then given to
    /// ``SpeechToText/transcribe(_:language:)``.
    func listen(_ sound: SpokenSound, language: String?) -> AsyncThrowingStream<Transcript, any Error>
}

/// The sound of one utterance as it is spoken: 16 kHz mono, in pieces of any length.
///
/// What is not taken waits; a recogniser that takes none for the idle time-out counts as failed. Reading it again goes on where it was
/// left. It ends with the utterance, and when nobody wants the words any more.
public struct SpokenSound: AsyncSequence, Sendable {
    public typealias Element = Pcm

    private let native: VoiceCoreNative.SpokenSound

    init(_ native: VoiceCoreNative.SpokenSound) { self.native = native }

    /// Reads the sound.
    public struct AsyncIterator: AsyncIteratorProtocol {
        let native: VoiceCoreNative.SpokenSound

        /// Waits for the next piece; nil: the sound is over.
        public mutating func next() async throws -> Pcm? {
            try await awaited { try await native.next() }.map { Pcm(samples: [Int16](littleEndian: $0), sampleRate: 16_000) }
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(native: native) }
}

/// What hears the end of turns, of your own: asked in live sessions whose config has `turnDetection` `"model"`.
public protocol TurnDetector: Sendable {
    /// How logs name it.
    var name: String { get }
    /// Says how likely the speaker is done, 0–1, given the latest eight seconds at most of the turn, 16 kHz mono, which end with a short
    /// silence. Asked at every pause; when it fails, or takes longer than the longest pause, the words alone tell.
    func completeness(_ audio: Pcm) async throws -> Double
    /// Gets ready before it is asked for the first time, as ``SpeechToText/warmUp()``. Does nothing by default.
    func warmUp() async throws
}

/// A language model of your own.
public protocol LanguageModel: Sendable {
    /// How errors and metrics name it.
    var name: String { get }
    /// Writes the answer, piece by piece.
    func generate(_ prompt: Prompt) -> AsyncThrowingStream<String, any Error>
    /// Gets ready as ``SpeechToText/warmUp()``, for prompts that will begin with `systemPrompt`. Does nothing by default.
    func warmUp(systemPrompt: String) async throws
}

/// What a ``ReportingModel`` writes.
public enum Written: Sendable {
    /// A piece of text.
    case text(String)
    /// A call of a tool. Its result is in the prompt of the next request.
    case call(ToolCall)
    /// What was used, in tokens: of the prompt, of the answer, and of those of the prompt the ones that came from a cache. For metrics and
    /// costs; usually at the end. What is said more than once adds up.
    case usage(input: Int, output: Int, cached: Int = 0)
    /// Why the model stopped. One that does not say was done, or called tools. When nothing was said, the error of the turn tells it.
    case finished(FinishReason)
}

/// Why a language model stopped.
public enum FinishReason: String, Sendable {
    /// It was done.
    case stop
    /// It waits for the results of the tools that it called.
    case toolCalls = "tool_calls"
    /// It reached the most tokens.
    case length
    /// The answer, or the rest of it, was withheld.
    case contentFilter = "content_filter"
    /// Something else.
    case other
}

/// A language model of your own that says more of its answer than its words: what was used, and why it stopped.
public protocol ReportingModel: LanguageModel {
    /// Writes the answer, piece by piece.
    func answer(_ prompt: Prompt) -> AsyncThrowingStream<Written, any Error>
}

/// A language model of your own that calls tools, too, by ``Written/call(_:)``.
public protocol ToolCallingModel: ReportingModel {}

extension ReportingModel {
    public func generate(_ prompt: Prompt) -> AsyncThrowingStream<String, any Error> {
        AsyncThrowingStream { texts in
            let task = Task {
                do {
                    for try await piece in answer(prompt) {
                        if case .text(let text) = piece { texts.yield(text) }
                    }
                    texts.finish()
                } catch {
                    texts.finish(throwing: error)
                }
            }
            texts.onTermination = { _ in task.cancel() }
        }
    }
}

/// A voice of your own.
public protocol TextToSpeech: Sendable {
    /// How errors and metrics name it.
    var name: String { get }
    /// Speaks a text, chunk by chunk; every chunk has the same rate.
    func synthesize(_ text: String, language: String?) -> AsyncThrowingStream<Pcm, any Error>
    /// Gets ready before it is asked for the first time, as ``SpeechToText/warmUp()``. Does nothing by default.
    func warmUp() async throws
}

/// One of several voices, and how it is to speak.
public struct ChosenVoice: Sendable, Decodable {
    /// The voice, by its id; `nil`: your own choice.
    public let id: String?
    /// How it is to speak: `stability`, `similarity`, `style`, `speed`, and whatever else of your own.
    public let settings: [String: JSONValue]
}

/// Several voices of your own.
public protocol ManyVoices: TextToSpeech {
    /// Lists them, for ``Voices/list(provider:language:limit:)``. Those that do not speak `language` (BCP 47) may be left out.
    func voices(language: String?) async throws -> [Voice]
    /// Speaks a text as one of them, for ``Voices/preview(_:provider:settings:text:language:format:)``.
    func synthesize(_ text: String, language: String?, as voice: ChosenVoice) -> AsyncThrowingStream<Pcm, any Error>
}

/// A conversation store of your own: one function, JSON in and out. Methods and arguments are listed in the README.
public protocol ConversationStore: Sendable {
    /// How errors name it.
    var name: String { get }
    /// Runs one method and gives its answer, a JSON text.
    func call(_ method: String, arguments: String) async throws -> String
}

extension SpeechToText { public var name: String { "host/\(Self.self)" } }
extension TurnDetector { public var name: String { "host/\(Self.self)" } }
extension LanguageModel { public var name: String { "host/\(Self.self)" } }
extension TextToSpeech { public var name: String { "host/\(Self.self)" } }
extension ConversationStore { public var name: String { "host/\(Self.self)" } }

extension SpeechToText { public func warmUp() async throws {} }
extension TurnDetector { public func warmUp() async throws {} }
extension LanguageModel { public func warmUp(systemPrompt: String) async throws {} }
extension TextToSpeech { public func warmUp() async throws {} }

/// What a language model is asked.
public struct Prompt: Sendable, Decodable {
    /// One message.
    public struct Message: Sendable, Decodable {
        /// `system`, `user`, `assistant` or `tool`.
        public let role: String
        /// What was said; of a tool, its result.
        public let content: String
        /// The tools that the assistant calls with this message. Messages of the role `tool` that follow at once answer them.
        public let toolCalls: [ToolCall]?
        /// Of a tool: the call that it answers.
        public let toolCallID: String?
        /// Of a tool: its name.
        public let name: String?
        /// Of a tool: whether it failed.
        public let failed: Bool?

        enum CodingKeys: String, CodingKey {
            case role, content, name, failed
            case toolCalls = "tool_calls"
            case toolCallID = "tool_call_id"
        }
    }

    /// The instructions, the history, and last what the user said.
    public let messages: [Message]
    /// The most tokens of the answer.
    public let maxTokens: Int?
    /// The sampling temperature, 0–2.
    public let temperature: Double?
    /// The tools that the model may call, if there are any. Only a ``ToolCallingModel`` is told of them.
    public let tools: [ToolSpec]?
    /// `auto`, or `none`: it shall answer in words now.
    public let toolChoice: String?
    /// Whether it may ask for several calls at once.
    public let parallelToolCalls: Bool?

    enum CodingKeys: String, CodingKey {
        case messages, temperature, tools
        case maxTokens = "max_tokens"
        case toolChoice = "tool_choice"
        case parallelToolCalls = "parallel_tool_calls"
    }
}

/// Your own objects, any number for each role.
///
/// In a list of providers of the config, `"host/0"` is the first of that role, `"host/1"` the second; a role that the config does not
/// name so has its objects in place of what the config says, tried in their order.
public struct Hosts: Sendable {
    /// Speech to text.
    public var stt: [any SpeechToText]
    /// Language models.
    public var llm: [any LanguageModel]
    /// Text to speech.
    public var tts: [any TextToSpeech]
    /// Where conversations are kept.
    public var store: (any ConversationStore)?
    /// What the language model may call.
    public var tools: [Tool]
    /// What hears the end of turns. Default: the model `smart-turn`.
    public var turnDetector: (any TurnDetector)?
    /// What is told what was measured.
    public var metrics: (any MetricsSink)?

    public init(
        stt: [any SpeechToText] = [], llm: [any LanguageModel] = [], tts: [any TextToSpeech] = [],
        store: (any ConversationStore)? = nil, tools: [Tool] = [], turnDetector: (any TurnDetector)? = nil,
        metrics: (any MetricsSink)? = nil
    ) {
        (self.stt, self.llm, self.tts, self.store, self.tools) = (stt, llm, tts, store, tools)
        (self.turnDetector, self.metrics) = (turnDetector, metrics)
    }

    var lowered: VoiceCoreNative.Hosts {
        VoiceCoreNative.Hosts(
            stt: stt.map { SttHost(name: $0.name, host: SttBridge($0), listens: $0 is any StreamingSpeechToText) },
            llm: llm.map { LlmHost(name: $0.name, host: LlmBridge($0), callsTools: $0 is any ToolCallingModel) },
            tts: tts.map { TtsHost(name: $0.name, host: TtsBridge($0), hasSeveral: $0 is any ManyVoices) },
            turnDetector: turnDetector.map { TurnDetectorHost(name: $0.name, host: TurnDetectorBridge($0)) },
            store: store.map { StoreHost(name: $0.name, host: StoreBridge($0)) },
            tools: tools.map(\.lowered),
            metrics: metrics.map(MetricsBridge.init)
        )
    }
}

/// Runs a host's code; whatever it throws reaches the library as a failure that it understands.
func hosted<T>(_ work: () async throws -> T) async throws -> T {
    do {
        return try await work()
    } catch let failure as ProviderFailure {
        throw HostFailure.Failed(
            code: failure.code.rawValue, detail: failure.message, retryable: failure.retryable,
            retryAfterMs: failure.retryAfter?.milliseconds)
    } catch {
        throw HostFailure.Failed(code: nil, detail: "\(error)", retryable: nil, retryAfterMs: nil)
    }
}

final class SttBridge: HostStt {
    private let host: any SpeechToText

    init(_ host: any SpeechToText) { self.host = host }

    func transcribe(pcm: Data, language: String?, answer: TranscriptAnswer) async throws {
        try await hosted {
            let audio = Pcm(samples: [Int16](littleEndian: pcm), sampleRate: 16_000)
            for try await item in host.transcribe(audio, language: language)
            where !answer.send(text: item.text, isFinal: item.isFinal, language: item.language) { return }
        }
    }

    func listen(sound: VoiceCoreNative.SpokenSound, language: String?, answer: TranscriptAnswer) async throws {
        // Only asked of one that listens.
        guard let host = host as? any StreamingSpeechToText else { return }
        try await hosted {
            for try await item in host.listen(SpokenSound(sound), language: language)
            where !answer.send(text: item.text, isFinal: item.isFinal, language: item.language) { return }
        }
    }

    func warmUp() async throws {
        try await hosted { try await host.warmUp() }
    }
}

final class TurnDetectorBridge: HostTurnDetector {
    private let host: any TurnDetector

    init(_ host: any TurnDetector) { self.host = host }

    func completeness(pcm: Data) async throws -> Double {
        try await hosted { try await host.completeness(Pcm(samples: [Int16](littleEndian: pcm), sampleRate: 16_000)) }
    }

    func warmUp() async throws {
        try await hosted { try await host.warmUp() }
    }
}

final class LlmBridge: HostLlm {
    private let host: any LanguageModel

    init(_ host: any LanguageModel) { self.host = host }

    func generate(requestJson: String, answer: TextAnswer) async throws {
        try await hosted {
            let prompt = try JSONDecoder().decode(Prompt.self, from: Data(requestJson.utf8))
            guard let model = host as? any ReportingModel else {
                for try await piece in host.generate(prompt) where !answer.send(text: piece) { return }
                return
            }
            for try await piece in model.answer(prompt) where !Self.send(piece, to: answer) { return }
        }
    }

    func warmUp(systemPrompt: String) async throws {
        try await hosted { try await host.warmUp(systemPrompt: systemPrompt) }
    }

    private static func send(_ piece: Written, to answer: TextAnswer) -> Bool {
        switch piece {
        case .text(let text): return answer.send(text: text)
        case .call(let call):
            var arguments = call.arguments.json
            if case .string(let written) = call.arguments { arguments = written }
            return answer.callTool(id: call.id, name: call.name, argumentsJson: arguments)
        case .usage(let input, let output, let cached):
            return answer.used(
                inputTokens: UInt64(clamping: input), cachedTokens: UInt64(clamping: cached), outputTokens: UInt64(clamping: output))
        case .finished(let reason): return answer.finished(reason: reason.rawValue)
        }
    }
}

extension AudioAnswer {
    fileprivate func take(_ chunk: Pcm) throws -> Bool {
        for spoken in chunk.words { _ = try word(text: spoken.text, start: spoken.start, end: spoken.end) }
        return send(pcm: chunk.samples.littleEndian, sampleRate: UInt32(clamping: chunk.sampleRate))
    }
}

final class TtsBridge: HostTts {
    private let host: any TextToSpeech

    init(_ host: any TextToSpeech) { self.host = host }

    func synthesize(text: String, language: String?, answer: AudioAnswer) async throws {
        try await hosted {
            for try await chunk in host.synthesize(text, language: language) {
                guard try answer.take(chunk) else { return }
            }
        }
    }

    func synthesizeAs(text: String, language: String?, voiceJson: String, answer: AudioAnswer) async throws {
        // Only asked of one that has several.
        guard let host = host as? any ManyVoices else { return }
        try await hosted {
            let voice = try JSONDecoder().decode(ChosenVoice.self, from: Data(voiceJson.utf8))
            for try await chunk in host.synthesize(text, language: language, as: voice) {
                guard try answer.take(chunk) else { return }
            }
        }
    }

    func voices(language: String?) async throws -> String? {
        guard let host = host as? any ManyVoices else { return nil }
        return try await hosted {
            String(decoding: try JSONEncoder().encode(try await host.voices(language: language)), as: UTF8.self)
        }
    }

    func warmUp() async throws {
        try await hosted { try await host.warmUp() }
    }
}

final class StoreBridge: HostStore {
    private let host: any ConversationStore

    init(_ host: any ConversationStore) { self.host = host }

    func call(method: String, argumentsJson: String) async throws -> String {
        try await hosted { try await host.call(method, arguments: argumentsJson) }
    }
}
