// Written by `cargo xtask gen` from the library's own. Do not edit.

/// A call of a provider. One that is tried after another failed has a report of its own; retries at one provider
/// share theirs.
public struct CallReport: Decodable, Sendable {
    /// The session.
    public let sessionID: String
    /// The turn that it was a part of; `nil` when what was heard or prepared came to nothing.
    public let turnID: String?
    /// The trace: one for each one-shot turn and each live session.
    public let traceID: String
    /// What is reported.
    public let spanID: String
    /// What it is a part of; `nil`: it is the whole.
    public let parentSpanID: String?
    /// The stage that it served: `stt`, `llm` or `tts`.
    public let stage: String
    /// The provider and its model, for example `openai/gpt-transcribe`.
    public let provider: String
    /// When it began.
    public let startedAt: String
    /// How long it took. Speech that is recognised while it is spoken counts from the end of the sound: before that
    /// nobody waited.
    public let duration: Duration
    /// How long its first result took: TTFB, for the language model TTFT. `nil`: there was none.
    public let firstResult: Duration?
    /// How many attempts this provider was given.
    public let attempts: Int
    /// What it used, as far as that was told before it ended.
    public let usage: Usage
    /// What that cost; `nil` without a price, or when the provider did not say what was used.
    public let cost: Cost?
    /// Why it failed; `nil`: it did not. `CANCELLED`: nobody wanted the rest, as after an interruption.
    public let error: VoiceError.Code?

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        sessionID = try keys.decode(String.self, forKey: .sessionID)
        turnID = try keys.decodeIfPresent(String.self, forKey: .turnID)
        traceID = try keys.decode(String.self, forKey: .traceID)
        spanID = try keys.decode(String.self, forKey: .spanID)
        parentSpanID = try keys.decodeIfPresent(String.self, forKey: .parentSpanID)
        stage = try keys.decode(String.self, forKey: .stage)
        provider = try keys.decode(String.self, forKey: .provider)
        startedAt = try keys.decode(String.self, forKey: .startedAt)
        duration = .milliseconds(try keys.decode(Double.self, forKey: .duration))
        firstResult = try keys.decodeIfPresent(Double.self, forKey: .firstResult).map { Duration.milliseconds($0) }
        attempts = try keys.decode(Int.self, forKey: .attempts)
        usage = try keys.decode(Usage.self, forKey: .usage)
        cost = try keys.decodeIfPresent(Cost.self, forKey: .cost)
        error = try keys.decodeIfPresent(String.self, forKey: .error).map { VoiceError.Code(rawValue: $0) ?? .internal }
    }

    enum CodingKeys: String, CodingKey {
        case sessionID = "session_id"
        case turnID = "turn_id"
        case traceID = "trace_id"
        case spanID = "span_id"
        case parentSpanID = "parent_span_id"
        case stage
        case provider
        case startedAt = "started_at"
        case duration = "duration_ms"
        case firstResult = "first_result_ms"
        case attempts
        case usage
        case cost
        case error
    }
}

/// A call of a tool.
public struct ToolReport: Decodable, Sendable {
    /// The session.
    public let sessionID: String
    /// The turn whose model called it.
    public let turnID: String?
    /// The trace: one for each one-shot turn and each live session.
    public let traceID: String
    /// What is reported.
    public let spanID: String
    /// What it is a part of; `nil`: it is the whole.
    public let parentSpanID: String?
    /// Its name; `nil`: the model called for a tool that is not there.
    public let name: String?
    /// When it began.
    public let startedAt: String
    /// How long it took.
    public let duration: Duration
    /// Why it failed; `nil`: it did not.
    public let error: VoiceError.Code?

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        sessionID = try keys.decode(String.self, forKey: .sessionID)
        turnID = try keys.decodeIfPresent(String.self, forKey: .turnID)
        traceID = try keys.decode(String.self, forKey: .traceID)
        spanID = try keys.decode(String.self, forKey: .spanID)
        parentSpanID = try keys.decodeIfPresent(String.self, forKey: .parentSpanID)
        name = try keys.decodeIfPresent(String.self, forKey: .name)
        startedAt = try keys.decode(String.self, forKey: .startedAt)
        duration = .milliseconds(try keys.decode(Double.self, forKey: .duration))
        error = try keys.decodeIfPresent(String.self, forKey: .error).map { VoiceError.Code(rawValue: $0) ?? .internal }
    }

    enum CodingKeys: String, CodingKey {
        case sessionID = "session_id"
        case turnID = "turn_id"
        case traceID = "trace_id"
        case spanID = "span_id"
        case parentSpanID = "parent_span_id"
        case name
        case startedAt = "started_at"
        case duration = "duration_ms"
        case error
    }
}

/// A turn, one-shot or of a live session.
public struct TurnReport: Decodable, Sendable {
    /// The session; `nil` when the turn failed before it was let into one.
    public let sessionID: String?
    /// The turn.
    public let turnID: String
    /// The organization of the session.
    public let organizationID: String?
    /// The assistant of the session.
    public let assistantID: String?
    /// Whose session it is: the host's own name for the user.
    public let user: String?
    /// The trace: one for each one-shot turn and each live session.
    public let traceID: String
    /// What is reported.
    public let spanID: String
    /// What it is a part of; `nil`: it is the whole.
    public let parentSpanID: String?
    /// Whether it was a turn of a live session.
    public let live: Bool
    /// Why the agent spoke, as `SpeechKind` writes it: `answer`, `greeting`, …; or `preview`, of a voice; or
    /// `summary`, of a conversation.
    public let kind: String
    /// When it began; in a live session, when the user's voice ended.
    public let startedAt: String
    /// How long it took, until its answer was stored or, in a live session, was heard to its end.
    public let duration: Duration
    /// When each stage of the answer came through.
    public let timings: Timings
    /// Time to first audio: from the start of the turn to the first sound of the answer.
    public let firstAudio: Duration?
    /// From the end of the user's voice to the end of the user's turn, in a live session.
    public let endOfUtteranceDelay: Duration?
    /// How many calls of tools there were.
    public let toolCalls: Int
    /// Whether the user interrupted it.
    public let interrupted: Bool
    /// What it used.
    public let usage: Usage
    /// What that cost; `nil` unless every model that was called has a price.
    public let cost: Cost?
    /// Why it failed; `nil`: it did not.
    public let error: VoiceError.Code?

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        sessionID = try keys.decodeIfPresent(String.self, forKey: .sessionID)
        turnID = try keys.decode(String.self, forKey: .turnID)
        organizationID = try keys.decodeIfPresent(String.self, forKey: .organizationID)
        assistantID = try keys.decodeIfPresent(String.self, forKey: .assistantID)
        user = try keys.decodeIfPresent(String.self, forKey: .user)
        traceID = try keys.decode(String.self, forKey: .traceID)
        spanID = try keys.decode(String.self, forKey: .spanID)
        parentSpanID = try keys.decodeIfPresent(String.self, forKey: .parentSpanID)
        live = try keys.decode(Bool.self, forKey: .live)
        kind = try keys.decode(String.self, forKey: .kind)
        startedAt = try keys.decode(String.self, forKey: .startedAt)
        duration = .milliseconds(try keys.decode(Double.self, forKey: .duration))
        timings = try keys.decode(Timings.self, forKey: .timings)
        firstAudio = try keys.decodeIfPresent(Double.self, forKey: .firstAudio).map { Duration.milliseconds($0) }
        endOfUtteranceDelay = try keys.decodeIfPresent(Double.self, forKey: .endOfUtteranceDelay).map { Duration.milliseconds($0) }
        toolCalls = try keys.decode(Int.self, forKey: .toolCalls)
        interrupted = try keys.decode(Bool.self, forKey: .interrupted)
        usage = try keys.decode(Usage.self, forKey: .usage)
        cost = try keys.decodeIfPresent(Cost.self, forKey: .cost)
        error = try keys.decodeIfPresent(String.self, forKey: .error).map { VoiceError.Code(rawValue: $0) ?? .internal }
    }

    enum CodingKeys: String, CodingKey {
        case sessionID = "session_id"
        case turnID = "turn_id"
        case organizationID = "organization_id"
        case assistantID = "assistant_id"
        case user
        case traceID = "trace_id"
        case spanID = "span_id"
        case parentSpanID = "parent_span_id"
        case live
        case kind
        case startedAt = "started_at"
        case duration = "duration_ms"
        case timings
        case firstAudio = "first_audio_ms"
        case endOfUtteranceDelay = "end_of_utterance_delay_ms"
        case toolCalls = "tool_calls"
        case interrupted
        case usage
        case cost
        case error
    }
}

/// When the stages of a turn came through, each measured from the start of the turn. `nil`: did not happen. Written
/// in JSON, every field is a number of milliseconds.
public struct Timings: Decodable, Sendable {
    /// The audio was decoded.
    public let audioReady: Duration?
    /// The transcript was final.
    public let transcript: Duration?
    /// The documents were searched.
    public let searched: Duration?
    /// The language model's first token came.
    public let firstToken: Duration?
    /// The first sentence was complete and went to speech.
    public let firstSentence: Duration?
    /// The first chunk of sound came: time to first audio.
    public let firstAudio: Duration?
    /// The text was complete.
    public let textDone: Duration?
    /// The last chunk of sound came.
    public let audioDone: Duration?
    /// Both messages were saved.
    public let stored: Duration?
    /// Everything was done.
    public let total: Duration

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        audioReady = try keys.decodeIfPresent(Double.self, forKey: .audioReady).map { Duration.milliseconds($0) }
        transcript = try keys.decodeIfPresent(Double.self, forKey: .transcript).map { Duration.milliseconds($0) }
        searched = try keys.decodeIfPresent(Double.self, forKey: .searched).map { Duration.milliseconds($0) }
        firstToken = try keys.decodeIfPresent(Double.self, forKey: .firstToken).map { Duration.milliseconds($0) }
        firstSentence = try keys.decodeIfPresent(Double.self, forKey: .firstSentence).map { Duration.milliseconds($0) }
        firstAudio = try keys.decodeIfPresent(Double.self, forKey: .firstAudio).map { Duration.milliseconds($0) }
        textDone = try keys.decodeIfPresent(Double.self, forKey: .textDone).map { Duration.milliseconds($0) }
        audioDone = try keys.decodeIfPresent(Double.self, forKey: .audioDone).map { Duration.milliseconds($0) }
        stored = try keys.decodeIfPresent(Double.self, forKey: .stored).map { Duration.milliseconds($0) }
        total = .milliseconds(try keys.decode(Double.self, forKey: .total))
    }

    enum CodingKeys: String, CodingKey {
        case audioReady = "audio_ready"
        case transcript
        case searched
        case firstToken = "first_token"
        case firstSentence = "first_sentence"
        case firstAudio = "first_audio"
        case textDone = "text_done"
        case audioDone = "audio_done"
        case stored
        case total
    }
}

/// A live session.
public struct SessionReport: Decodable, Sendable {
    /// The stored session.
    public let sessionID: String
    /// Its organization.
    public let organizationID: String?
    /// Its assistant.
    public let assistantID: String?
    /// Whose it is: the host's own name for the user.
    public let user: String?
    /// The trace: one for each one-shot turn and each live session.
    public let traceID: String
    /// What is reported.
    public let spanID: String
    /// What it is a part of; `nil`: it is the whole.
    public let parentSpanID: String?
    /// When it began.
    public let startedAt: String
    /// How long it lasted.
    public let duration: Duration
    /// Why it ended, as `EndReason` writes it: `host`, `goodbye`, …
    public let reason: String
    /// How many exchanges were stored.
    public let turns: Int
    /// How many of them the user interrupted.
    public let interruptions: Int
    /// What was used in all of it.
    public let usage: Usage
    /// What that cost; `nil` unless every model that was called has a price.
    public let cost: Cost?

    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        sessionID = try keys.decode(String.self, forKey: .sessionID)
        organizationID = try keys.decodeIfPresent(String.self, forKey: .organizationID)
        assistantID = try keys.decodeIfPresent(String.self, forKey: .assistantID)
        user = try keys.decodeIfPresent(String.self, forKey: .user)
        traceID = try keys.decode(String.self, forKey: .traceID)
        spanID = try keys.decode(String.self, forKey: .spanID)
        parentSpanID = try keys.decodeIfPresent(String.self, forKey: .parentSpanID)
        startedAt = try keys.decode(String.self, forKey: .startedAt)
        duration = .milliseconds(try keys.decode(Double.self, forKey: .duration))
        reason = try keys.decode(String.self, forKey: .reason)
        turns = try keys.decode(Int.self, forKey: .turns)
        interruptions = try keys.decode(Int.self, forKey: .interruptions)
        usage = try keys.decode(Usage.self, forKey: .usage)
        cost = try keys.decodeIfPresent(Cost.self, forKey: .cost)
    }

    enum CodingKeys: String, CodingKey {
        case sessionID = "session_id"
        case organizationID = "organization_id"
        case assistantID = "assistant_id"
        case user
        case traceID = "trace_id"
        case spanID = "span_id"
        case parentSpanID = "parent_span_id"
        case startedAt = "started_at"
        case duration = "duration_ms"
        case reason
        case turns
        case interruptions
        case usage
        case cost
    }
}
