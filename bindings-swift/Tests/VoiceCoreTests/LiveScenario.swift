import Foundation

@testable import VoiceCore

/// One live session of a scenario, and what it told.
final class LiveScenario {
    private let live: LiveSession
    private var events: LiveEvents.Iterator
    private var told: [LiveEvent] = []

    init(_ live: LiveSession) {
        self.live = live
        events = live.events.makeAsyncIterator()
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
        while try await next() {}
        return [
            "session_id": .string(summary.sessionID), "reason": .string(summary.reason), "turns": .number(Double(summary.turns)),
            "interruptions": .number(Double(summary.interruptions)),
            "duration_seconds": .number(Double(summary.duration.milliseconds) / 1000),
        ]
    }

    private func next() async throws -> Bool {
        guard let event = try await events.next() else { return false }
        told.append(event)
        return true
    }

    private func act(_ action: JSONValue) async throws {
        if let kind = action["until"].text {
            while try await next(), Self.kind(told[told.count - 1]) != kind {}
        } else if action["push"] != .null {
            let (samples, rate, channels) = tone(action["push"])
            let frame = rate / 50 * channels
            for from in stride(from: 0, to: samples.count, by: frame) {
                let piece = Array(samples[from..<min(from + frame, samples.count)])
                if action["push"]["as"].text == "f32" {
                    try live.push(piece.map { Float($0) / 32768 })
                } else {
                    try live.push(piece)
                }
            }
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

    var value: JSONValue {
        var (order, states, finals, keys): ([String], [String], [String], [String]) = ([], [], [], [])
        var (text, spoken, seconds) = ("", "", 0.0)
        var (turns, errors, results): ([JSONValue], [JSONValue], [JSONValue]) = ([], [], [])
        var (calls, fillers): ([String], [String]) = ([], [])
        for event in told {
            let name = Self.kind(event)
            if !["metrics", "user_state", "agent_state"].contains(name), !order.contains(name) { order.append(name) }
            switch event {
            case .agentState(let state): states.append(state)
            case .transcript(let heard) where heard.isFinal: finals.append(heard.text)
            case .text(let delta): text += delta
            case .speaking(let words): spoken += words
            case .audio(let pcm): seconds += Double(pcm.samples.count) / Double(pcm.sampleRate)
            case .dtmf(let dialled): keys.append(dialled)
            case .turnDone(let turn): turns.append(Self.value(turn))
            case .failed(let error): errors.append(VoiceCoreTests.value(error))
            case .toolCall(let call): calls.append(call.name)
            case .toolResult(let call): results.append(VoiceCoreTests.value(call))
            case .filler(let words): fillers.append(words)
            default: break
            }
        }
        let strings = { (all: [String]) in JSONValue.array(all.map(JSONValue.string)) }
        return [
            "order": strings(order), "states": strings(states), "finals": strings(finals), "text": .string(text),
            "spoken": .string(spoken), "audio_seconds": .number(seconds), "keys": strings(keys), "turns": .array(turns),
            "errors": .array(errors), "calls": strings(calls), "results": .array(results), "fillers": strings(fillers),
        ]
    }

    private static func value(_ turn: LiveTurn) -> JSONValue {
        [
            "turn_id": .string(turn.turnID), "kind": .string(turn.kind), "transcript": .string(turn.transcript),
            "language": .text(turn.language), "text": .string(turn.text), "interrupted": .bool(turn.interrupted),
            "tool_calls": .array(turn.toolCalls.map { VoiceCoreTests.value($0) }),
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
        case .failed: "error"
        case .ended: "ended"
        }
    }
}
