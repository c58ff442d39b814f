import Foundation

@testable import VoiceCore

extension JSONValue {
    static func ms(_ value: Duration?) -> JSONValue { value.map { .number($0 / .milliseconds(1)) } ?? .null }

    static func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }

    subscript(name: String) -> JSONValue { members[name] ?? .null }

    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
    var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
    var text: String? { string }
}

/// A host's script, and what it was asked.
final class Asked: @unchecked Sendable {
    fileprivate struct Boom: Error, CustomStringConvertible { let description: String }

    private let lock = NSLock()
    private let script: JSONValue
    private var counted = (calls: 0, listens: 0, warmUps: 0, cancelled: 0)
    let name: String

    init(role: String, script: JSONValue) {
        name = "host/\(role)"
        self.script = script
    }

    var callsTools: Bool { script["tools"] == .bool(true) }
    var reports: Bool {
        script["calls"].items.contains { $0.items.contains { $0["usage"] != .null || $0["finish_reason"] != .null } }
    }
    var calls: Int { lock.withLock { counted.calls } }
    var canListen: Bool { script["listens"] != .null }
    var listens: Int { lock.withLock { counted.listens } }
    var warmUps: Int { lock.withLock { counted.warmUps } }
    var cancelled: Int { lock.withLock { counted.cancelled } }

    func next() -> [JSONValue] {
        let call = lock.withLock {
            counted.calls += 1
            return counted.calls - 1
        }
        let scripts = script["calls"].items
        return scripts[min(call, scripts.count - 1)].items
    }

    var hasVoices: Bool { script["voices"] != .null }

    /// The next script, if it is the one of this voice.
    func next(as voice: JSONValue) throws -> [JSONValue] {
        let script = next()
        guard script.allSatisfy({ $0.members["speaks_as"] ?? voice == voice }) else { throw Boom(description: "asked for another voice") }
        return script.filter { $0.members["speaks_as"] == nil }
    }

    /// The voices that the script lists.
    func voices() async throws -> [JSONValue] {
        var listed: [JSONValue] = []
        for try await voices in play(script["voices"].items, { $0["json"].items }) { listed = voices }
        return listed
    }

    func nextToHear() -> [JSONValue] {
        let call = lock.withLock {
            counted.listens += 1
            return counted.listens - 1
        }
        let scripts = script["listens"].items
        return scripts[min(call, scripts.count - 1)].items
    }

    /// Gets ready as the script says, if it says something.
    func getReady(_ systemPrompt: String = "") async throws {
        let scripts = script["warm_up"].items
        if scripts.isEmpty { return }
        let call = lock.withLock {
            counted.warmUps += 1
            return counted.warmUps - 1
        }
        for try await told in play(scripts[min(call, scripts.count - 1)].items, { $0["told"].text }) where told != systemPrompt {
            throw Boom(description: "told another system prompt")
        }
    }

    func method(_ name: String) -> [JSONValue] {
        lock.withLock { counted.calls += 1 }
        let script = script["methods"][name].items
        return script.isEmpty ? [["json": .null]] : script
    }

    func play<T: Sendable>(
        _ script: [JSONValue], hear: @escaping @Sendable (Double) async throws -> Void = { _ in },
        _ item: @escaping @Sendable (JSONValue) -> T
    ) -> AsyncThrowingStream<T, any Error> {
        AsyncThrowingStream { answer in
            let task = Task {
                do {
                    for action in script {
                        if let ms = action["wait_ms"].number {
                            try await Task.sleep(for: .milliseconds(ms))
                        } else if action["hear"] != .null {
                            try await hear(action["hear"].number ?? .infinity)
                            try Task.checkCancellation()
                        } else if let message = action["throw"].text {
                            throw Boom(description: message)
                        } else if action["fail"] != .null {
                            throw Self.failure(action["fail"])
                        } else if action["no_answer"] != .null {
                            throw ProviderFailure("no answer", retryable: false)
                        } else if action["hang"] != .null {
                            while true { try await Task.sleep(for: .seconds(3600)) }
                        } else {
                            answer.yield(item(action))
                        }
                    }
                    answer.finish()
                } catch {
                    if error is CancellationError { self.lock.withLock { self.counted.cancelled += 1 } }
                    answer.finish(throwing: error)
                }
            }
            answer.onTermination = { _ in task.cancel() }
        }
    }

    private static func failure(_ of: JSONValue) -> ProviderFailure {
        let retryable: Bool? = if case .bool(let bool) = of["retryable"] { bool } else { nil }
        return ProviderFailure(
            of["message"].text ?? "", code: of["code"].text.flatMap(VoiceError.Code.init(rawValue:)) ?? .provider,
            retryable: retryable, retryAfter: of["retry_after_ms"].number.map { Duration.milliseconds($0) })
    }
}

/// What an action says was recognised in so many samples.
private func transcript(_ action: JSONValue, _ samples: Int, _ language: String?) -> Transcript {
    let text = (action["transcript"].text ?? "")
        .replacingOccurrences(of: "{samples}", with: "\(samples)")
        .replacingOccurrences(of: "{language}", with: language ?? "none")
    return Transcript(text, isFinal: action["final"] == .bool(true), language: action["language"].text)
}

struct ScriptedStt: SpeechToText {
    let asked: Asked
    var name: String { asked.name }

    func transcribe(_ audio: Pcm, language: String?) -> AsyncThrowingStream<Transcript, any Error> {
        asked.play(asked.next()) { transcript($0, audio.samples.count, language) }
    }
}

extension ScriptedStt {
    func warmUp() async throws { try await asked.getReady() }
}

struct ScriptedListener: StreamingSpeechToText {
    /// How many samples were heard.
    private final class Heard: @unchecked Sendable {
        private let lock = NSLock()
        private var count = 0
        var samples: Int { lock.withLock { count } }
        func add(_ more: Int) { lock.withLock { count += more } }
    }

    let asked: Asked
    var name: String { asked.name }

    func transcribe(_ audio: Pcm, language: String?) -> AsyncThrowingStream<Transcript, any Error> {
        ScriptedStt(asked: asked).transcribe(audio, language: language)
    }

    func listen(_ sound: SpokenSound, language: String?) -> AsyncThrowingStream<Transcript, any Error> {
        let heard = Heard()
        let hear: @Sendable (Double) async throws -> Void = { seconds in
            for try await piece in sound {
                heard.add(piece.samples.count)
                if Double(heard.samples) >= seconds * 16_000 { break }
            }
        }
        return asked.play(asked.nextToHear(), hear: hear) { transcript($0, heard.samples, language) }
    }

    func warmUp() async throws { try await asked.getReady() }
}

/// A recogniser that listens when its script says how.
func scriptedRecogniser(_ asked: Asked) -> any SpeechToText {
    if asked.canListen { return ScriptedListener(asked: asked) }
    return ScriptedStt(asked: asked)
}

struct ScriptedDetector: TurnDetector {
    let asked: Asked
    var name: String { asked.name }

    func completeness(_ audio: Pcm) async throws -> Double {
        var likely = 0.0
        for try await value in asked.play(asked.next(), { $0["completeness"].number ?? 0 }) { likely = value }
        return likely
    }

    func warmUp() async throws { try await asked.getReady() }
}

struct ScriptedLlm: LanguageModel {
    let asked: Asked
    var name: String { asked.name }

    init(_ asked: Asked) { self.asked = asked }

    func warmUp(systemPrompt: String) async throws { try await asked.getReady(systemPrompt) }

    func generate(_ prompt: Prompt) -> AsyncThrowingStream<String, any Error> {
        asked.play(asked.next()) { action in
            (action["text"].text ?? "")
                .replacingOccurrences(of: "{count}", with: "\(prompt.messages.count)")
                .replacingOccurrences(of: "{system}", with: prompt.messages.first?.content ?? "")
                .replacingOccurrences(of: "{last}", with: prompt.messages.last?.content ?? "")
        }
    }
}

struct ScriptedReporter: ReportingModel {
    let asked: Asked
    var name: String { asked.name }

    func warmUp(systemPrompt: String) async throws { try await asked.getReady(systemPrompt) }

    func answer(_ prompt: Prompt) -> AsyncThrowingStream<Written, any Error> {
        asked.play(asked.next()) { action in
            if let reason = action["finish_reason"].text.flatMap(FinishReason.init(rawValue:)) { return .finished(reason) }
            if action["usage"] != .null {
                let tokens = { (name: String) in Int(action["usage"][name].number ?? 0) }
                return .usage(input: tokens("input_tokens"), output: tokens("output_tokens"), cached: tokens("cached_tokens"))
            }
            let call = action["tool_call"]
            if call != .null {
                return .call(ToolCall(id: call["id"].text ?? "", name: call["name"].text ?? "", arguments: call["arguments"]))
            }
            let tools = (prompt.tools ?? []).map(\.name).joined(separator: ",")
            return .text(
                (action["text"].text ?? "")
                    .replacingOccurrences(of: "{count}", with: "\(prompt.messages.count)")
                    .replacingOccurrences(of: "{tools}", with: tools)
                    .replacingOccurrences(of: "{system}", with: prompt.messages.first?.content ?? "")
                    .replacingOccurrences(of: "{last}", with: prompt.messages.last?.content ?? ""))
        }
    }
}

struct ScriptedToolModel: ToolCallingModel {
    let asked: Asked
    var name: String { asked.name }

    func warmUp(systemPrompt: String) async throws { try await asked.getReady(systemPrompt) }

    func answer(_ prompt: Prompt) -> AsyncThrowingStream<Written, any Error> { ScriptedReporter(asked: asked).answer(prompt) }
}

/// A model that calls tools, or reports what it used, when its script says so.
func scriptedModel(_ asked: Asked) -> any LanguageModel {
    if asked.callsTools { return ScriptedToolModel(asked: asked) }
    if asked.reports { return ScriptedReporter(asked: asked) }
    return ScriptedLlm(asked)
}

/// A tool as its script says it is.
func scriptedTool(_ name: String, _ script: JSONValue, _ asked: Asked) -> Tool {
    Tool(
        name, description: script["description"].text ?? "",
        parameters: script["parameters"] == .null ? nil : script["parameters"],
        timeout: .milliseconds(script["timeout_ms"].number ?? 20_000),
        onInterruption: script["on_interruption"].text == "run_on" ? .runOn : .cancel,
        parallel: script["parallel"] != .bool(false), background: script["background"] == .bool(true)
    ) { arguments, context in
        var answer: String?
        let results = asked.play(asked.next()) { action in
            guard var result = action["result"].text else { return action["json"].json }
            result = result.replacingOccurrences(of: "{user}", with: context.user ?? "none")
            for (key, value) in arguments {
                result = result.replacingOccurrences(of: "{\(key)}", with: value.text ?? value.json)
            }
            return result
        }
        for try await result in results { answer = result }
        return answer
    }
}

struct ScriptedTts: TextToSpeech {
    let asked: Asked
    var name: String { asked.name }

    init(_ asked: Asked) { self.asked = asked }

    func warmUp() async throws { try await asked.getReady() }

    func synthesize(_ text: String, language: String?) -> AsyncThrowingStream<Pcm, any Error> { speak(as: .null) }

    func speak(as voice: JSONValue) -> AsyncThrowingStream<Pcm, any Error> {
        let script: [JSONValue]
        do {
            script = try asked.next(as: voice)
        } catch {
            return AsyncThrowingStream { $0.finish(throwing: error) }
        }
        return asked.play(script) { action in
            let rate = Int(action["sample_rate"].number ?? 0)
            let words = action["words"].items.map(\.items).map {
                SpokenWord($0[0].text ?? "", start: $0[1].number ?? 0, end: $0[2].number ?? 0)
            }
            let count = Int(action["audio_ms"].number ?? 0) * rate / 1000
            return Pcm(samples: Array(repeating: 1000, count: count), sampleRate: rate, words: words)
        }
    }
}

struct ScriptedChoir: ManyVoices {
    let asked: Asked
    var name: String { asked.name }

    func warmUp() async throws { try await asked.getReady() }

    func synthesize(_ text: String, language: String?) -> AsyncThrowingStream<Pcm, any Error> {
        ScriptedTts(asked).synthesize(text, language: language)
    }

    func synthesize(_ text: String, language: String?, as voice: ChosenVoice) -> AsyncThrowingStream<Pcm, any Error> {
        ScriptedTts(asked).speak(as: ["id": .text(voice.id), "settings": .object(voice.settings)])
    }

    func voices(language: String?) async throws -> [Voice] {
        try await asked.voices().map { voice in
            Voice(
                voice["id"].text ?? "", name: voice["name"].text, languages: voice["languages"].items.compactMap(\.text),
                gender: voice["gender"].text, description: voice["description"].text, previewURL: voice["preview_url"].text,
                labels: voice["labels"].members.compactMapValues(\.text))
        }
    }
}

/// A voice, or several when its script lists them.
func scriptedVoice(_ asked: Asked) -> any TextToSpeech {
    if asked.hasVoices { return ScriptedChoir(asked: asked) }
    return ScriptedTts(asked)
}

final class ScriptedSink: MetricsSink, @unchecked Sendable {
    private let asked: Asked
    private let lock = NSLock()
    private var told: [Report] = []
    private var flushes = 0

    init(_ asked: Asked) { self.asked = asked }

    func record(_ reports: [Report]) async throws {
        lock.withLock { told += reports }
        for try await _ in asked.play(asked.next(), { $0 }) {}
    }

    func flush() async throws { lock.withLock { flushes += 1 } }

    /// What it was told, as the scenarios speak of it.
    func reports(dropped: Int) -> JSONValue {
        lock.withLock {
            [
                "told": .array(told.map { value($0) }), "flushes": .number(Double(flushes)),
                "dropped": .number(Double(dropped)),
            ]
        }
    }
}

private func value(_ report: Report) -> JSONValue {
    switch report {
    case .call(let call):
        return [
            "type": .string("call"), "session_id": .string(call.sessionID), "turn_id": .text(call.turnID), "stage": .string(call.stage),
            "provider": .string(call.provider), "trace_id": .string(call.traceID), "span_id": .string(call.spanID),
            "parent_span_id": .text(call.parentSpanID), "started_at": .string(call.startedAt), "duration_ms": .ms(call.duration),
            "first_result_ms": .ms(call.firstResult), "attempts": .number(Double(call.attempts)), "usage": value(call.usage),
            "cost": call.cost.map { value($0) } ?? .null, "error": .text(call.error?.rawValue),
        ]
    case .tool(let tool):
        return [
            "type": .string("tool"), "session_id": .string(tool.sessionID), "turn_id": .text(tool.turnID), "name": .text(tool.name),
            "trace_id": .string(tool.traceID), "span_id": .string(tool.spanID), "parent_span_id": .text(tool.parentSpanID),
            "started_at": .string(tool.startedAt), "duration_ms": .ms(tool.duration), "error": .text(tool.error?.rawValue),
        ]
    case .turn(let turn):
        return [
            "type": .string("turn"), "session_id": .text(turn.sessionID), "turn_id": .string(turn.turnID),
            "organization_id": .text(turn.organizationID), "assistant_id": .text(turn.assistantID), "user": .text(turn.user),
            "trace_id": .string(turn.traceID), "span_id": .string(turn.spanID), "parent_span_id": .text(turn.parentSpanID),
            "live": .bool(turn.live), "kind": .string(turn.kind), "started_at": .string(turn.startedAt),
            "duration_ms": .ms(turn.duration),
            "timings": ["transcript": .ms(turn.timings.transcript), "total": .ms(turn.timings.total)],
            "first_audio_ms": .ms(turn.firstAudio), "end_of_utterance_delay_ms": .ms(turn.endOfUtteranceDelay),
            "tool_calls": .number(Double(turn.toolCalls)), "interrupted": .bool(turn.interrupted), "usage": value(turn.usage),
            "cost": turn.cost.map { value($0) } ?? .null, "error": .text(turn.error?.rawValue),
        ]
    case .session(let session):
        return [
            "type": .string("session"), "session_id": .string(session.sessionID), "organization_id": .text(session.organizationID),
            "assistant_id": .text(session.assistantID), "user": .text(session.user), "trace_id": .string(session.traceID),
            "span_id": .string(session.spanID), "parent_span_id": .text(session.parentSpanID),
            "started_at": .string(session.startedAt), "duration_ms": .ms(session.duration), "reason": .string(session.reason),
            "turns": .number(Double(session.turns)), "interruptions": .number(Double(session.interruptions)),
            "usage": value(session.usage), "cost": session.cost.map { value($0) } ?? .null,
        ]
    }
}

func value(_ usage: Usage) -> JSONValue {
    [
        "input_tokens": .number(Double(usage.inputTokens)), "cached_tokens": .number(Double(usage.cachedTokens)),
        "output_tokens": .number(Double(usage.outputTokens)), "stt_seconds": .number(usage.heard / .seconds(1)),
        "tts_characters": .number(Double(usage.ttsCharacters)), "tts_seconds": .number(usage.spoken / .seconds(1)),
    ]
}

struct ScriptedStore: ConversationStore {
    let asked: Asked
    var name: String { asked.name }

    init(_ asked: Asked) { self.asked = asked }

    func call(_ method: String, arguments: String) async throws -> String {
        var answer = JSONValue.null
        for try await value in asked.play(asked.method(method), { $0["json"] }) { answer = value }
        return answer.json
    }
}
