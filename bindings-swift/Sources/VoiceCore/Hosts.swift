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
        /// What was said.
        public let content: String
    }

    /// The instructions, the history, and last what the user said.
    public let messages: [Message]
    /// The most tokens of the answer.
    public let maxTokens: Int?
    /// The sampling temperature, 0–2.
    public let temperature: Double?

    enum CodingKeys: String, CodingKey {
        case messages, temperature
        case maxTokens = "max_tokens"
    }
}

/// Runs a host's code; whatever it throws reaches the library as a failure that it understands.
private func hosted<T>(_ work: () async throws -> T) async throws -> T {
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
            for try await piece in host.generate(prompt) where !answer.send(text: piece) { return }
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
