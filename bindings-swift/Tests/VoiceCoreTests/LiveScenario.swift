import Foundation

@testable import VoiceCore

/// One live session of a scenario, and what it told: in events, or in frames for a client.
final class LiveScenario {
    private let live: LiveSession
    private let wire: LiveWire?
    private let after: (JSONValue) async throws -> Void
    private var events: LiveEvents.Iterator
    private var frames: WireFrames.Iterator?
    private var told: [LiveEvent] = []
    private var sent = Frames()

    init(_ live: LiveSession, overWire: Bool, phone: String?, after: @escaping (JSONValue) async throws -> Void) throws {
        self.live = live
        self.after = after
        wire = try overWire || phone != nil ? live.wire(protocol: phone) : nil
        events = live.events.makeAsyncIterator()
        frames = wire?.frames.makeAsyncIterator()
    }

    /// Plays a script; gives the summary.
    func play(_ script: [JSONValue]) async throws -> JSONValue {
        for (number, action) in script.enumerated() {
            var failed = JSONValue.null
            do { try await act(action) } catch { failed = VoiceCoreTests.value(error) }
            let expected = action["error"]
            guard (failed == .null) == (expected == .null) else { throw Mismatch("action \(number): \(failed.json)") }
            if expected != .null { try match(expected, failed, "action \(number)") }
        }
        let summary = try await live.end()
        while try await next() != nil {}
        return [
            "session_id": .string(summary.sessionID), "reason": .string(summary.reason), "turns": .number(Double(summary.turns)),
            "interruptions": .number(Double(summary.interruptions)),
            "duration_seconds": .number(Double(summary.duration.milliseconds) / 1000),
        ]
    }

    /// Takes the next event or frame; gives its kind.
    private func next() async throws -> String? {
        if frames != nil { return try await frames?.next().map { sent.take($0) } }
        guard let event = try await events.next() else { return nil }
        told.append(event)
        return Self.kind(event)
    }

    private func act(_ action: JSONValue) async throws {
        if action["after"] != .null {
            try await after(action["after"])
        } else if let kind = action["until"].text {
            while let found = try await next(), found != kind {}
        } else if action["push"] != .null {
            try push(action)
        } else if let wire, action["send"] != .null {
            try wire.receive(action["send"].text ?? action["send"].json)
        } else if let wire, let keys = action["press"].text {
            try wire.press(keys)
        } else if let text = action["text"].text {
            try live.push(text: text)
        } else if let keys = action["dtmf"].text {
            try live.push(dtmf: keys)
        } else if let words = action["say"].text {
            try live.say(words, interruptible: action["interruptible"] != .bool(false))
        } else if let language = action["language"].text {
            try live.setLanguage(language)
        } else if let seconds = action["played"].number {
            try live.setPlaybackPosition(seconds: seconds)
        } else {
            switch action["do"].text {
            case "commit": try live.commit()
            case "interrupt": try live.interrupt()
            case "pause": try live.pause()
            case "resume": try live.resume()
            default: try await live.end()
            }
        }
    }

    private func push(_ action: JSONValue) throws {
        let (samples, rate, channels) = tone(action["push"])
        let frame = rate / 50 * channels
        let pieces = stride(from: 0, to: samples.count, by: frame).map { Array(samples[$0..<min($0 + frame, samples.count)]) }
        if let wire {
            for piece in pieces { try wire.receive(piece.littleEndian) }
        } else if let at = action["at"].number {
            for (seconds, piece) in timed(pieces, shuffled: action["shuffled"] == .bool(true)) {
                try live.push(piece, at: at + seconds)
            }
        } else if action["push"]["as"].text == "f32" {
            for piece in pieces { try live.push(piece.map { Float($0) / 32768 }) }
        } else {
            for piece in pieces { try live.push(piece) }
        }
    }

    /// Frames with their times; the README says what shuffled ones are.
    private func timed(_ pieces: [[Int16]], shuffled: Bool) -> [(Double, [Int16])] {
        var frames = pieces.enumerated().map { (Double($0.offset) / 50, $0.element) }
        guard shuffled else { return frames }
        for place in stride(from: 1, to: frames.count - 1, by: 2) { frames.swapAt(place, place + 1) }
        return frames.flatMap { [$0, $0] }
    }

    var value: JSONValue {
        if let wire { return sent.value(of: wire.call) }
        var (order, states, finals, keys): ([String], [String], [String], [String]) = ([], [], [], [])
        var shown: [String] = []
        var (text, spoken, seconds) = ("", "", 0.0)
        var (turns, errors, results): ([JSONValue], [JSONValue], [JSONValue]) = ([], [], [])
        var (calls, fillers, recordings): ([String], [String], [String]) = ([], [], [])
        for event in told {
            let name = Self.kind(event)
            if !["metrics", "user_state", "agent_state"].contains(name), !order.contains(name) { order.append(name) }
            switch event {
            case .agentState(let state): states.append(state)
            case .transcript(let heard):
                if shown.last != heard.text { shown.append(heard.text) }
                if heard.isFinal { finals.append(heard.text) }
            case .text(let delta): text += delta
            case .speaking(let words): spoken += words
            case .audio(let pcm): seconds += Double(pcm.samples.count) / Double(pcm.sampleRate)
            case .dtmf(let dialled): keys.append(dialled)
            case .turnDone(let turn): turns.append(Self.value(turn))
            case .failed(let error): errors.append(VoiceCoreTests.value(error))
            case .toolCall(let call): calls.append(call.name)
            case .toolResult(let call): results.append(VoiceCoreTests.value(call))
            case .filler(let words): fillers.append(words)
            case .recorded(let recording): recordings.append(recording)
            default: break
            }
        }
        let strings = { (all: [String]) in JSONValue.array(all.map(JSONValue.string)) }
        return [
            "order": strings(order), "states": strings(states), "shown": strings(shown), "finals": strings(finals), "text": .string(text),
            "spoken": .string(spoken), "audio_seconds": .number(seconds), "keys": strings(keys), "turns": .array(turns),
            "errors": .array(errors), "calls": strings(calls), "results": .array(results), "fillers": strings(fillers),
            "recordings": strings(recordings),
        ]
    }

    private static func value(_ turn: LiveTurn) -> JSONValue {
        [
            "turn_id": .string(turn.turnID), "kind": .string(turn.kind), "transcript": .string(turn.transcript),
            "language": .text(turn.language), "text": .string(turn.text), "interrupted": .bool(turn.interrupted),
            "tool_calls": .array(turn.toolCalls.map { VoiceCoreTests.value($0) }),
            "sources": VoiceCoreTests.value(turn.sources),
            "user_message_id": .text(turn.userMessageID), "assistant_message_id": .text(turn.assistantMessageID),
        ]
    }

    private static func kind(_ event: LiveEvent) -> String {
        switch event {
        case .started: "started"
        case .userState: "user_state"
        case .agentState: "agent_state"
        case .transcript: "transcript"
        case .turnStarted: "turn_started"
        case .sources: "sources"
        case .text: "text"
        case .speaking: "speaking"
        case .filler: "filler"
        case .toolCall: "tool_call"
        case .toolResult: "tool_result"
        case .audio: "audio"
        case .clear: "clear"
        case .interrupted: "interrupted"
        case .falseInterruption: "false_interruption"
        case .backchannel: "backchannel"
        case .dtmf: "dtmf"
        case .metrics: "metrics"
        case .turnDone: "turn_done"
        case .actionDetected: "action_detected"
        case .failed: "error"
        case .recorded: "recorded"
        case .ended: "ended"
        }
    }
}

/// What a live session told its client.
private struct Frames {
    private var order: [String] = []
    private var messages: [String: [JSONValue]] = [:]
    private var samples: UInt64 = 0
    private var next: UInt64 = 0
    private var gapless = true

    /// Takes note of a frame; gives its type.
    mutating func take(_ frame: WireFrame) -> String {
        var kind = "audio"
        switch frame {
        case .text(let text):
            let message = JSONValue(parsing: text)
            kind = message["type"].text ?? message["event"].text ?? ""
            messages[kind, default: []].append(message)
        case .binary(let bytes):
            let position = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            let count = UInt64((bytes.count - 8) / 2)
            gapless = gapless && position == next
            next = position + count
            samples += count
        }
        if !["user-state", "agent-state"].contains(kind), !order.contains(kind) { order.append(kind) }
        return kind
    }

    func value(of call: PhoneCall?) -> JSONValue {
        [
            "call": call.flatMap { try? JSONValue(encoding: $0) } ?? .null,
            "order": .array(order.map(JSONValue.string)), "messages": .object(messages.mapValues(JSONValue.array)),
            "samples": .number(Double(samples)), "gapless": .bool(gapless),
        ]
    }
}
