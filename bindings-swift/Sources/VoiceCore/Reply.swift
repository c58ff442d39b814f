import Foundation
import VoiceCoreNative

/// What a turn gave.
public struct Reply: Sendable {
    private let native: VoiceCoreNative.Reply
    /// What the user said.
    public let transcript: String
    /// What the agent answered.
    public let text: String
    /// The language of the user's words (BCP 47), when the recogniser told.
    public let language: String?
    /// The language of the answer, where an interpreter speaks; the user's own when something is said again.
    public let textLanguage: String?
    /// What has to be acted on, where `actions.on_replies` in the config waits for it.
    public let actions: [Action]
    /// The passages of documents that the model was given to answer from, the best first.
    public var sources: [Source] { Source.all(in: json) }
    /// Why the documents could not be searched, if they could not: the answer does without them.
    public let knowledgeError: VoiceError?
    /// The session, new or continued: give it to the next turn.
    public let sessionID: String
    /// This turn.
    public let turnID: String
    /// The stored message of the user.
    public let userMessageID: String
    /// The stored message of the agent.
    public let assistantMessageID: String
    /// Why sound is missing or incomplete although there is text.
    public let audioError: VoiceError?
    /// The tools that the model called, in the order of its calls.
    public let toolCalls: [ToolCallRecord]
    /// Samples a second of the answer's sound.
    public let sampleRate: Int
    /// How long the answer's sound lasts; zero when there is none.
    public let duration: Duration
    /// What was used, as far as the providers say.
    public var usage: Usage { Usage(in: json) }
    /// When the stages of the turn came through.
    public var timings: Timings { Timings(in: json) }
    /// What it cost, where every model that was called has a price in the config.
    public let cost: Cost?
    /// Everything but the sound as JSON, with the times of every stage and what was used.
    public var json: String { native.json() }

    init(_ native: VoiceCoreNative.Reply) {
        let fields = native.fields()
        self.native = native
        transcript = fields.transcript
        text = fields.text
        language = fields.language
        textLanguage = fields.textLanguage
        actions = fields.actionsJson.compactMap(Action.init(json:))
        sessionID = fields.sessionId
        turnID = fields.turnId
        userMessageID = fields.userMessageId
        assistantMessageID = fields.assistantMessageId
        audioError = fields.audioError.map(VoiceError.init)
        knowledgeError = fields.knowledgeError.map(VoiceError.init)
        toolCalls = fields.toolCalls.map(ToolCallRecord.init)
        sampleRate = Int(fields.sampleRate)
        duration = .seconds(fields.audioSeconds)
        cost = fields.cost.map(Cost.init)
    }

    /// The answer's sound, mono; copied from the library at each call.
    public func samples() -> [Int16] { [Int16](littleEndian: native.pcm()) }

    /// The answer's sound as a file's bytes: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law` or `pcm`.
    public func encoded(_ format: String = "wav") throws -> Data {
        try translated { try native.encoded(format: format) }
    }

    /// Writes the answer's sound to a file in the format that its name says.
    public func save(to url: URL) throws {
        try translated { try native.save(path: url.path) }
    }
}

/// What happens in a turn. The last event of a turn that succeeds is ``done(_:)``; a turn that fails ends with an error.
public enum TurnEvent: Sendable {
    /// The turn was admitted.
    case started(sessionID: String, turnID: String)
    /// Everything recognised so far; a later transcript replaces an earlier one.
    case transcript(Transcript)
    /// The passages of documents that the model is given to answer from, the best first.
    case sources([Source])
    /// The documents could not be searched; the turn goes on without them.
    case knowledgeFailed(VoiceError)
    /// The next piece of the answer's text.
    case text(String)
    /// What the sound that follows says.
    case speaking(String)
    /// What the sound that follows says to fill the time that a tool takes. No part of the answer; it is not stored.
    case filler(String)
    /// The model calls a tool.
    case toolCall(ToolCall)
    /// A tool is done, or failed and the model is told why.
    case toolResult(ToolCallRecord)
    /// The next piece of the answer's sound, gapless with the one before.
    case audio(Pcm)
    /// A provider call ended.
    case metrics(CallMetrics)
    /// Something that was said has to be acted on. Told only where `actions.on_replies` in the config waits for it.
    case actionDetected(Action)
    /// Speech failed; the turn goes on without (the rest of) its sound.
    case audioFailed(VoiceError)
    /// The turn is complete and stored.
    case done(Reply)

    /// `nil` for a kind that this version does not know.
    init?(_ event: Event) {
        switch event {
        case .started(let sessionId, let turnId): self = .started(sessionID: sessionId, turnID: turnId)
        case .transcript(let text, let isFinal, let language):
            self = .transcript(Transcript(text, isFinal: isFinal, language: language))
        case .sources(let json): self = .sources(Source.all(json))
        case .knowledgeFailed(let error): self = .knowledgeFailed(VoiceError(error))
        case .text(let delta): self = .text(delta)
        case .speaking(let text): self = .speaking(text)
        case .filler(let text): self = .filler(text)
        case .toolCall(let id, let name, let argumentsJson):
            self = .toolCall(ToolCall(id: id, name: name, arguments: JSONValue(parsing: argumentsJson)))
        case .toolResult(let call): self = .toolResult(ToolCallRecord(call))
        case .audio(let pcm, let sampleRate):
            self = .audio(Pcm(samples: [Int16](littleEndian: pcm), sampleRate: Int(sampleRate)))
        case .metrics(let stage, let provider, let firstResultMs, let totalMs, let attempts, let usage, let cost):
            self = .metrics(
                CallMetrics(
                    stage: stage, provider: provider, firstResult: firstResultMs.map { Duration.milliseconds($0) },
                    total: .milliseconds(totalMs), attempts: Int(attempts), usage: Usage(usage),
                    cost: cost.map(Cost.init)))
        case .actionDetected(let json):
            guard let action = Action(json: json) else { return nil }
            self = .actionDetected(action)
        case .audioFailed(let error): self = .audioFailed(VoiceError(error))
        case .done(let reply): self = .done(Reply(reply))
        // Only live sessions tell the others.
        default: return nil
        }
    }
}

/// Words that were recognised.
public struct Transcript: Sendable {
    /// Everything recognised so far.
    public var text: String
    /// Whether this is the last word on it.
    public var isFinal: Bool
    /// The language (BCP 47), when it is known.
    public var language: String?

    public init(_ text: String, isFinal: Bool = true, language: String? = nil) {
        self.text = text
        self.isFinal = isFinal
        self.language = language
    }
}

/// One provider call, measured.
public struct CallMetrics: Sendable {
    /// `stt`, `llm` or `tts`.
    public let stage: String
    /// `provider/model`.
    public let provider: String
    /// From the call to its first result.
    public let firstResult: Duration?
    /// From the call to its end.
    public let total: Duration
    /// Attempts made.
    public let attempts: Int
    /// What it used.
    public let usage: Usage
    /// What that cost, where it has a price.
    public let cost: Cost?
}

/// How much was used, as far as the providers say.
public struct Usage: Sendable, Equatable {
    /// Tokens in the language model's prompt.
    public let inputTokens: Int
    /// Of those, tokens that were served from a cache.
    public let cachedTokens: Int
    /// Tokens that the language model wrote.
    public let outputTokens: Int
    /// Speech that was transcribed.
    public let heard: Duration
    /// Characters that were spoken.
    public let ttsCharacters: Int
    /// Speech that was produced.
    public let spoken: Duration

    init(_ fields: UsageFields) {
        (inputTokens, cachedTokens) = (Int(fields.inputTokens), Int(fields.cachedTokens))
        (outputTokens, ttsCharacters) = (Int(fields.outputTokens), Int(fields.ttsCharacters))
        (heard, spoken) = (.seconds(fields.sttSeconds), .seconds(fields.ttsSeconds))
    }
}

/// An amount of money.
public struct Cost: Sendable, Equatable {
    /// The currency: three capital letters (ISO 4217).
    public let currency: String
    /// The amount, exactly.
    public let amount: Decimal
    /// The amount in millionths of the currency's unit, rounded to the nearest.
    public let micros: UInt64

    init(_ fields: CostFields) {
        (currency, micros) = (fields.currency, fields.micros)
        // Digits and a point, whatever the device's language.
        amount = Decimal(string: fields.amount, locale: Locale(identifier: "en_US_POSIX")) ?? 0
    }
}

/// The events of one turn as it happens: each iteration is a turn of its own, which begins with the first `next`.
///
/// Cancelling the task, or letting go of the iterator, stops the turn: providers are stopped and nothing is stored.
public struct TurnEvents: AsyncSequence, Sendable {
    public typealias Element = TurnEvent

    let begin: @Sendable () throws -> EventStream

    public func makeAsyncIterator() -> Iterator { Iterator(begin: begin) }

    public struct Iterator: AsyncIteratorProtocol {
        private static let batch: UInt32 = 64

        private let begin: @Sendable () throws -> EventStream
        private var turn: Turn?
        private var waiting: ArraySlice<Event> = []
        private var over = false

        init(begin: @escaping @Sendable () throws -> EventStream) { self.begin = begin }

        public mutating func next() async throws -> TurnEvent? {
            while !over {
                while let event = waiting.popFirst() {
                    if let event = TurnEvent(event) { return event }
                }
                do {
                    try await pull()
                } catch {
                    over = true
                    throw error
                }
            }
            return nil
        }

        private mutating func pull() async throws {
            let turn: Turn
            if let begun = self.turn { turn = begun } else { turn = Turn(stream: try translated(begin)) }
            self.turn = turn
            // The native layer's futures know nothing of the task's cancellation.
            let batch = try await awaited {
                try await withTaskCancellationHandler {
                    try await turn.stream.nextBatch(max: Self.batch)
                } onCancel: {
                    turn.stream.cancel()
                }
            }
            waiting = batch[...]
            over = batch.isEmpty
        }

        /// Cancels its turn when nobody holds it any more; a turn that is over does not mind.
        private final class Turn: Sendable {
            let stream: EventStream

            init(stream: EventStream) { self.stream = stream }

            deinit { stream.cancel() }
        }
    }
}
