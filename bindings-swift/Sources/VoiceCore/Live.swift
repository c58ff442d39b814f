import Foundation
import VoiceCoreNative

/// How a live session is to be run; what is left out has a sensible default.
public struct LiveOptions: Sendable, Encodable {
    /// The session to continue; an unknown one starts a fresh session.
    public var session: String?
    /// Whose conversation it is: your own name for the user.
    public var user: String?
    /// The language that is spoken (BCP 47). Default: the assistant's, else detected with every utterance.
    public var language: String?
    /// How turns are taken and the conversation behaves, in place of the config's `live`.
    public var config: LiveConfig?
    /// What the agent says first. Default: the assistant's.
    public var firstMessage: String?
    /// The rate of the sound that will be pushed.
    public var inputRate: Int
    /// Its channels.
    public var inputChannels: Int
    /// The rate of the sound that is given out, one channel.
    public var outputRate: Int
    /// Whether the agent speaks.
    public var speak: Bool
    /// Who talks in a fresh session: an assistant, by its id.
    public var assistant: String?
    /// In which organization it is held, by its id.
    public var organization: String?

    public init(
        session: String? = nil, user: String? = nil, language: String? = nil, config: LiveConfig? = nil,
        firstMessage: String? = nil, inputRate: Int = 16_000, inputChannels: Int = 1, outputRate: Int = 24_000,
        speak: Bool = true, assistant: String? = nil, organization: String? = nil
    ) {
        (self.session, self.user, self.language, self.config) = (session, user, language, config)
        (self.firstMessage, self.speak) = (firstMessage, speak)
        (self.assistant, self.organization) = (assistant, organization)
        (self.inputRate, self.inputChannels, self.outputRate) = (inputRate, inputChannels, outputRate)
    }

    private enum CodingKeys: String, CodingKey {
        case session, user, language, config, speak, assistant, organization
        case firstMessage = "first_message"
        case inputRate = "input_rate"
        case inputChannels = "input_channels"
        case outputRate = "output_rate"
    }
}

/// A live conversation: push sound, read events. Made by ``VoiceAgent/live(_:tools:)``.
///
/// Pushing never waits, and any task may do it. The events must be taken: a session whose events nobody takes ends. A session that is let
/// go ends too.
///
/// ```swift
/// let live = try await agent.live()
/// microphone.onFrame = { try? live.push($0) }
/// for try await event in live.events { if case .audio(let chunk) = event { player.schedule(chunk) } }
/// ```
public final class LiveSession: Sendable {
    private let native: VoiceCoreNative.LiveSession
    /// The stored session, whose history the conversation continues.
    public let sessionID: String

    init(_ native: VoiceCoreNative.LiveSession) {
        self.native = native
        sessionID = native.sessionId()
    }

    deinit { letGo() }

    /// Has the session end without waiting for it.
    func letGo() { native.letGo() }

    /// What happens, to the end of the session. Cancelling the task that reads them ends the session.
    public var events: LiveEvents { LiveEvents(session: self, native: native) }

    /// Takes the next sound of the user: interleaved 16-bit samples of the rate and channels that the session was started with, at
    /// most ten seconds.
    ///
    /// - Throws: ``VoiceError`` of code `rateLimitExceeded` when sound comes faster than it can be heard: push it again in a moment.
    public func push(_ samples: [Int16]) throws { try translated { try native.pushPcm(data: samples.littleEndian) } }

    /// Takes sound that comes over a network, with the time at which its sender took it, in seconds from any moment: RTP's or a media
    /// stream's timestamp over its rate. Otherwise as `push` without a time.
    ///
    /// Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a gap is waited for 60 ms at
    /// most and then made up from the sound before it, and copies are dropped. A sender that begins to count anew is followed.
    public func push(_ samples: [Int16], at seconds: Double) throws {
        try translated { try native.pushPcmAt(seconds: seconds, data: samples.littleEndian) }
    }

    /// As `push` for float samples, full scale ±1.
    public func push(_ samples: [Float]) throws { try translated { try native.pushPcmF32(data: samples.littleEndian) } }

    /// Takes something that the user typed. It is answered at once; what the agent says is interrupted.
    public func push(text: String) throws { try translated { try native.pushText(text: text) } }

    /// Takes keys of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. `#` or a pause completes them.
    public func push(dtmf keys: String) throws { try translated { try native.pushDtmf(keys: keys) } }

    /// Ends the user's turn now: push to talk.
    public func commit() throws { try translated { try native.commit() } }

    /// Has the agent say something, after what it is saying now. It is stored as the agent's message.
    public func say(_ text: String, interruptible: Bool = true) throws {
        try translated { try native.say(text: text, interruptible: interruptible) }
    }

    /// Stops what the agent says or is about to say. What was heard of it is stored.
    public func interrupt() throws { try translated { try native.interrupt() } }

    /// Holds the sound back until ``resume()``; what is not played yet is to be thrown away (``LiveEvent/clear(position:)``) and comes again then.
    public func pause() throws { try translated { try native.pause() } }

    /// Goes on after ``pause()``.
    public func resume() throws { try translated { try native.resume() } }

    /// Says how many seconds of the session's sound were played so far. From then on only this tells what was heard; until then sound
    /// counts as played when its time has passed.
    public func setPlaybackPosition(seconds: Double) throws {
        try translated { try native.setPlaybackPosition(seconds: seconds) }
    }

    /// Changes the language that is expected and spoken (BCP 47); `nil`: it is detected.
    public func setLanguage(_ language: String?) throws { try translated { try native.setLanguage(language: language) } }

    /// The session as frames for a connection of your own, a WebSocket for example: in place of ``events``. ``say(_:interruptible:)``,
    /// ``interrupt()`` and the others go on working beside it.
    ///
    /// - Parameter protocol: whose telephone call it is: `twilio`, `plivo`, `vobiz`, `exotel`, `telnyx` or `vonage`; `auto` tells it from the
    ///   first messages. Default: a client that speaks this library's own protocol.
    public func wire(protocol name: String? = nil) throws -> LiveWire {
        let native = try translated {
            if let name { try native.phone(protocol: name) } else { try native.wire() }
        }
        return LiveWire(session: self, native: native)
    }

    /// Ends the session: what is being said is stopped, what was heard is stored. Ending it again gives the same.
    @discardableResult
    public func end() async throws -> LiveSummary { try await awaited { LiveSummary(try await native.end()) } }
}

/// The events of a live session.
public struct LiveEvents: AsyncSequence, Sendable {
    public typealias Element = LiveEvent

    /// Whoever reads events keeps the session.
    let session: LiveSession
    let native: VoiceCoreNative.LiveSession

    public func makeAsyncIterator() -> Iterator { Iterator(session: session, native: native) }

    public struct Iterator: AsyncIteratorProtocol {
        let session: LiveSession
        let native: VoiceCoreNative.LiveSession

        public mutating func next() async throws -> LiveEvent? {
            let native = native
            while true {
                // One at a time, so that an iterator that is let go takes none with it. The native layer's futures know nothing of
                // the task's cancellation.
                let batch = try await awaited {
                    try await withTaskCancellationHandler {
                        try await native.nextBatch(max: 1)
                    } onCancel: {
                        native.letGo()
                    }
                }
                guard let event = batch.first else { return nil }
                if let event = LiveEvent(event) { return event }
            }
        }
    }
}

/// What happens in a live session, in order. ``ended(_:)`` is the last.
public enum LiveEvent: Sendable {
    /// The session is ready for sound; its own sound has this rate.
    case started(sessionID: String, sampleRate: Int)
    /// What the user is doing changed: `listening`, `speaking`, or `away`, silent for so long that the reminder was spoken.
    case userState(String)
    /// What the agent is doing changed: `listening`, `thinking` or `speaking`.
    case agentState(String)
    /// What the user says: interim ones replace each other, the final one ends the user's turn.
    case transcript(Transcript)
    /// A turn of the agent's begins, and why it speaks: `answer`, `greeting`, `said`, `reminder`, `farewell` or `tool_result`.
    case turnStarted(turnID: String, kind: String)
    /// The passages of documents that the model is given to answer from, the best first.
    case sources([Source])
    /// The next piece of the agent's text.
    case text(String)
    /// What the sound that follows says.
    case speaking(String)
    /// What the sound that follows says to fill the time that a tool takes; it is not stored.
    case filler(String)
    /// The model calls a tool.
    case toolCall(ToolCall)
    /// A tool is done, or failed and the model is told why.
    case toolResult(ToolCallRecord)
    /// The next sound, gapless with the one before.
    case audio(Pcm)
    /// Throw away the sound that was given out and is not played yet. What is still to be heard of it comes again. The next sound
    /// begins `position` seconds into the session's sound: who counts what was played counts on from there.
    case clear(position: Double)
    /// The user interrupted the agent for good, having heard these words.
    case interrupted(turnID: String, heard: String)
    /// The agent fell silent because the user seemed to interrupt, and now goes on.
    case falseInterruption
    /// The user said something that did not ask for an answer.
    case backchannel(String)
    /// Keys of the telephone that were pressed, once they are complete.
    case dtmf(String)
    /// A provider call ended.
    case metrics(CallMetrics)
    /// An exchange is over and stored.
    case turnDone(LiveTurn)
    /// Something that was said has to be acted on. It is stored; told some time after its exchange.
    case actionDetected(Action)
    /// Something failed; the session goes on.
    case failed(VoiceError)
    /// The recording of the whole session is kept (`recordings.live` in the config), and where it lies: `KEY#bytes=LENGTH&sha256=HEX`. Told
    /// just before the end.
    case recorded(String)
    /// The session is over.
    case ended(LiveSummary)

    /// `nil` for a kind that this version does not know.
    init?(_ event: Event) {
        switch event {
        case .liveStarted(let sessionId, let sampleRate):
            self = .started(sessionID: sessionId, sampleRate: Int(sampleRate))
        case .userState(let state): self = .userState(state)
        case .agentState(let state): self = .agentState(state)
        case .turnStarted(let turnId, let kind): self = .turnStarted(turnID: turnId, kind: kind)
        case .clear(let position): self = .clear(position: position)
        case .interrupted(let turnId, let heard): self = .interrupted(turnID: turnId, heard: heard)
        case .falseInterruption: self = .falseInterruption
        case .backchannel(let text): self = .backchannel(text)
        case .dtmf(let keys): self = .dtmf(keys)
        case .turnDone(let turn): self = .turnDone(LiveTurn(turn))
        case .failed(let error): self = .failed(VoiceError(error))
        case .recorded(let recording): self = .recorded(recording)
        case .ended(let summary): self = .ended(LiveSummary(summary))
        case .transcript, .sources, .text, .speaking, .filler, .audio, .toolCall, .toolResult, .metrics, .actionDetected:
            switch TurnEvent(event) {
            case .transcript(let heard): self = .transcript(heard)
            case .sources(let sources): self = .sources(sources)
            case .text(let delta): self = .text(delta)
            case .speaking(let words): self = .speaking(words)
            case .filler(let words): self = .filler(words)
            case .audio(let chunk): self = .audio(chunk)
            case .toolCall(let call): self = .toolCall(call)
            case .toolResult(let call): self = .toolResult(call)
            case .metrics(let call): self = .metrics(call)
            case .actionDetected(let action): self = .actionDetected(action)
            default: return nil
            }
        case .started, .knowledgeFailed, .audioFailed, .done, .other: return nil
        }
    }
}

/// An exchange of a live session that is over and stored.
public struct LiveTurn: Sendable {
    /// The turn.
    public let turnID: String
    /// Why the agent spoke: `answer`, `greeting`, `said`, `reminder`, `farewell` or `tool_result`.
    public let kind: String
    /// What the user said or typed; empty when the agent spoke by itself.
    public let transcript: String
    /// The language of the user (BCP 47), when it is known.
    public let language: String?
    /// The language of what was said, where an interpreter speaks; the user's own when something is said again.
    public let textLanguage: String?
    /// What the agent said and the user heard: this is what is stored.
    public let text: String
    /// The tools that the model called, in the order in which they were done.
    public let toolCalls: [ToolCallRecord]
    /// Whether it was interrupted.
    public let interrupted: Bool
    /// Why (part of) the sound is missing, if it is.
    public let audioError: VoiceError?
    /// The user's stored message.
    public let userMessageID: String?
    /// The agent's stored message.
    public let assistantMessageID: String?
    /// From the end of the user's voice to the end of the user's turn.
    public let endOfUtteranceDelay: Duration?
    /// From the end of the user's voice to the first sound of the answer.
    public let responseDelay: Duration?
    /// The passages of documents that the model was given to answer from.
    public var sources: [Source] { Source.all(in: json) }
    /// What was used since the exchange before, as far as the providers say.
    public var usage: Usage { Usage(in: json) }
    /// When the stages of the exchange came through.
    public var timings: Timings { Timings(in: json) }
    /// What was spent since the exchange before, where every model that was called has a price in the config.
    public let cost: Cost?
    /// Everything as JSON, with the times of every stage and what was used.
    public let json: String

    init(_ fields: LiveTurnFields) {
        (turnID, kind, transcript, language) = (fields.turnId, fields.kind, fields.transcript, fields.language)
        (text, textLanguage) = (fields.text, fields.textLanguage)
        (interrupted, json) = (fields.interrupted, fields.json)
        cost = fields.cost.map(Cost.init)
        toolCalls = fields.toolCalls.map(ToolCallRecord.init)
        audioError = fields.audioError.map(VoiceError.init)
        (userMessageID, assistantMessageID) = (fields.userMessageId, fields.assistantMessageId)
        endOfUtteranceDelay = fields.endOfUtteranceDelayMs.map { Duration.milliseconds($0) }
        responseDelay = fields.responseDelayMs.map { Duration.milliseconds($0) }
    }
}

/// What a whole live session came to.
public struct LiveSummary: Sendable {
    /// The stored session.
    public let sessionID: String
    /// Why it ended: `host`, `agent_closed`, `silence`, `max_duration`, `end_call_phrase`, `goodbye`, `nobody_listens`: the events were
    /// not taken, `connection_lost`: the speech-to-speech model is gone, or `session_gone`: the stored session was deleted meanwhile.
    public let reason: String
    /// How long it lasted.
    public let duration: Duration
    /// How many exchanges were stored.
    public let turns: Int
    /// How many of them were interrupted.
    public let interruptions: Int
    /// What all of it used, as far as the providers say.
    public var usage: Usage { Usage(in: json) }
    /// What all of it cost, where every model that was called has a price in the config.
    public let cost: Cost?
    /// Everything as JSON, with what was used.
    public let json: String

    init(_ fields: LiveSummaryFields) {
        (sessionID, reason, json) = (fields.sessionId, fields.reason, fields.json)
        cost = fields.cost.map(Cost.init)
        duration = .seconds(fields.durationSeconds)
        (turns, interruptions) = (Int(fields.turns), Int(fields.interruptions))
    }
}
