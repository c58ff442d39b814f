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
}

/// A language model of your own.
public protocol LanguageModel: Sendable {
    /// How errors and metrics name it.
    var name: String { get }
    /// Writes the answer, piece by piece.
    func generate(_ prompt: Prompt) -> AsyncThrowingStream<String, any Error>
}

/// What a ``ToolCallingModel`` writes.
public enum Written: Sendable {
    /// A piece of text.
    case text(String)
    /// A call of a tool. Its result is in the prompt of the next request.
    case call(ToolCall)
}

/// A language model of your own that calls tools, too.
public protocol ToolCallingModel: LanguageModel {
    /// Writes the answer, piece by piece.
    func answer(_ prompt: Prompt) -> AsyncThrowingStream<Written, any Error>
}

extension ToolCallingModel {
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
}

/// A conversation store of your own: one function, JSON in and out. Methods and arguments are listed in the README.
public protocol ConversationStore: Sendable {
    /// How errors name it.
    var name: String { get }
    /// Runs one method and gives its answer, a JSON text.
    func call(_ method: String, arguments: String) async throws -> String
}

extension SpeechToText { public var name: String { "host/\(Self.self)" } }
extension LanguageModel { public var name: String { "host/\(Self.self)" } }
extension TextToSpeech { public var name: String { "host/\(Self.self)" } }
extension ConversationStore { public var name: String { "host/\(Self.self)" } }

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

    public init(
        stt: [any SpeechToText] = [], llm: [any LanguageModel] = [], tts: [any TextToSpeech] = [],
        store: (any ConversationStore)? = nil, tools: [Tool] = []
    ) {
        (self.stt, self.llm, self.tts, self.store, self.tools) = (stt, llm, tts, store, tools)
    }

    var lowered: VoiceCoreNative.Hosts {
        VoiceCoreNative.Hosts(
            stt: stt.map { SttHost(name: $0.name, host: SttBridge($0)) },
            llm: llm.map { LlmHost(name: $0.name, host: LlmBridge($0), callsTools: $0 is any ToolCallingModel) },
            tts: tts.map { TtsHost(name: $0.name, host: TtsBridge($0)) },
            store: store.map { StoreHost(name: $0.name, host: StoreBridge($0)) },
            tools: tools.map { ToolHost(definitionJson: $0.definition, host: ToolBridge($0)) }
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
}

final class LlmBridge: HostLlm {
    private let host: any LanguageModel

    init(_ host: any LanguageModel) { self.host = host }

    func generate(requestJson: String, answer: TextAnswer) async throws {
        try await hosted {
            let prompt = try JSONDecoder().decode(Prompt.self, from: Data(requestJson.utf8))
            guard let model = host as? any ToolCallingModel else {
                for try await piece in host.generate(prompt) where !answer.send(text: piece) { return }
                return
            }
            for try await piece in model.answer(prompt) where !Self.send(piece, to: answer) { return }
        }
    }

    private static func send(_ piece: Written, to answer: TextAnswer) -> Bool {
        switch piece {
        case .text(let text): return answer.send(text: text)
        case .call(let call):
            var arguments = call.arguments.json
            if case .string(let written) = call.arguments { arguments = written }
            return answer.callTool(id: call.id, name: call.name, argumentsJson: arguments)
        }
    }
}

final class TtsBridge: HostTts {
    private let host: any TextToSpeech

    init(_ host: any TextToSpeech) { self.host = host }

    func synthesize(text: String, language: String?, answer: AudioAnswer) async throws {
        try await hosted {
            for try await chunk in host.synthesize(text, language: language)
            where !answer.send(pcm: chunk.samples.littleEndian, sampleRate: UInt32(clamping: chunk.sampleRate)) { return }
        }
    }
}

final class StoreBridge: HostStore {
    private let host: any ConversationStore

    init(_ host: any ConversationStore) { self.host = host }

    func call(method: String, argumentsJson: String) async throws -> String {
        try await hosted { try await host.call(method, arguments: argumentsJson) }
    }
}
