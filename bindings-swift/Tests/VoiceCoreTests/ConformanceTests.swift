import Foundation
import XCTest

@testable import VoiceCore

/// Plays the scenarios of `tests/conformance`; what they mean is told in the README there.
final class ConformanceTests: XCTestCase {
    func testEveryScenarioHolds() async throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../tests/conformance").standardized
        let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }.sorted { $0.path < $1.path }
        var (defaults, scenarios): (JSONValue, [JSONValue]) = (.null, [])
        for file in files {
            let json = try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: file))
            if file.lastPathComponent == "defaults.json" { defaults = json }
            scenarios += json["scenarios"].items
        }
        var (passed, failed) = (0, 0)
        for scenario in scenarios {
            let name = scenario["name"].text ?? "?"
            if !scenario["needs"].items.isEmpty {
                print("n/a - \(name): needs \(scenario["needs"].items.compactMap(\.text).joined(separator: ", "))")
                continue
            }
            do {
                try await Scenario(defaults, scenario).play()
                passed += 1
                print("ok - \(name)")
            } catch {
                failed += 1
                print("FAIL - \(name): \(error)")
                XCTFail("\(name): \(error)")
            }
        }
        print("swift: \(passed) passed, \(failed) failed")
        XCTAssertGreaterThan(passed, 0)
    }
}

struct Mismatch: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// How a step ended.
private struct Outcome {
    var value: JSONValue = .null
    var error: JSONValue = .null
    var events: JSONValue = .null
}

private final class Scenario: @unchecked Sendable {
    private let scenario: JSONValue
    private let config: [String: JSONValue]
    private let tools: JSONValue
    private let lock = NSLock()
    private var hosts: [String: Asked]
    private var asked: [String: Asked] { lock.withLock { hosts } }
    private var saved: [String: String] = [:]
    private let sink: ScriptedSink?
    private var agent: VoiceAgent!

    init(_ defaults: JSONValue, _ scenario: JSONValue) {
        func over(_ part: String) -> [String: JSONValue] {
            defaults[part].members.merging(scenario[part].members) { $1 }
        }
        self.scenario = scenario
        config = over("config")
        let hosts = over("hosts").filter { $0.value != .null }
        tools = hosts["tools"] ?? .null
        self.hosts = hosts.filter { $0.key != "tools" }.reduce(into: [:]) { $0[$1.key] = Asked(role: $1.key, script: $1.value) }
        sink = self.hosts["metrics"].map(ScriptedSink.init)
    }

    /// Tools as their scripts say they are, which from now on are among the hosts.
    private func scripted(_ scripts: JSONValue) -> [Tool] {
        scripts.members.map { name, script in
            let host = Asked(role: name, script: script)
            lock.withLock { hosts["tool:\(name)"] = host }
            return scriptedTool(name, script, host)
        }
    }

    func play() async throws {
        let build = scenario["build"]["error"]
        do {
            agent = try await VoiceAgent(
                config: JSONValue.object(config).json, stt: asked["stt"].map(scriptedRecogniser),
                llm: asked["llm"].map(scriptedModel), tts: asked["tts"].map(scriptedVoice),
                store: asked["store"].map(ScriptedStore.init),
                tools: scripted(tools),
                turnDetector: asked["turn_detector"].map(ScriptedDetector.init), metrics: sink)
        } catch let error as VoiceError where build != .null {
            return try match(build, value(error), "the error of building")
        }
        guard build == .null else { throw Mismatch("the agent was built") }
        for step in scenario["steps"].items {
            let copies = step["copies"].number.map { Int($0) } ?? 1
            let saved = self.saved
            let kept = try await withThrowingTaskGroup(of: [String: String].self) { group in
                for copy in 0..<copies { group.addTask { try await self.step(step, copy, saved) } }
                return try await group.reduce(into: [:]) { $0.merge($1) { $1 } }
            }
            self.saved.merge(kept) { $1 }
        }
        try await after(scenario["after"])
        try await agent.close()
    }

    /// Makes one copy of a step; gives what it saves.
    private func step(_ template: JSONValue, _ copy: Int, _ saved: [String: String]) async throws -> [String: String] {
        var text = template.json.replacingOccurrences(of: "{n}", with: "\(copy)")
        for (name, value) in saved { text = text.replacingOccurrences(of: "{\(name)}", with: value) }
        let step = try JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))
        var outcome = Outcome()
        switch step["do"].text {
        case "turn": outcome = await turn(step)
        case "stream": outcome = await stream(step)
        case "live": outcome = try await live(step)
        case "sessions", "accounts", "assistants", "audit", "knowledge", "telephony", "webhooks", "realtime", "voices":
            outcome = await caught {
                let acting = try step["as"] == .null ? self.agent! : self.agent.with(principal(step["as"]))
                return try await Rooms(acting, step["arguments"]).call(step["do"].text ?? "", step["method"].text ?? "")
            }
        case "close": outcome = await caught { try await self.agent.close(); return .null }
        case "reports": outcome.value = sink!.reports(dropped: agent.droppedReports)
        case "warm_up": outcome = await caught { try await self.agent.warmUp(); return .null }
        default: throw Mismatch("there is no step \(step["do"])")
        }
        if step["abandon"] != .null { return [:] }
        let expect = step["expect"]
        if outcome.error != .null, expect["error"] == .null { throw Mismatch("it failed: \(outcome.error.json)") }
        if outcome.error == .null, expect["error"] != .null { throw Mismatch("it did not fail but gave \(outcome.value.json)") }
        for (part, found) in [
            ("error", outcome.error), ("reply", outcome.value), ("value", outcome.value), ("summary", outcome.value), ("events", outcome.events),
        ] where expect.members[part] != nil {
            try match(expect[part], found, part)
        }
        return step["save"].members.compactMapValues { inner(outcome.value, $0.text ?? "").text }
    }

    private func caught(_ work: () async throws -> JSONValue) async -> Outcome {
        do {
            return Outcome(value: try await work())
        } catch {
            return Outcome(error: value(error))
        }
    }

    private func turn(_ step: JSONValue) async -> Outcome {
        let call = CallOptions(step["options"])
        let cancel = step["cancel"].text
        let before = asked[cancel ?? ""]?.calls
        let own = scripted(step["tools"])
        let turn = Task { [agent] in
            value(
                try await agent!.converse(
                    input(step["input"]), session: call.session, user: call.user, language: call.language,
                    deadline: call.deadline, speak: call.speak, tools: own))
        }
        if let cancel {
            while let before, asked[cancel]?.calls == before { try? await Task.sleep(for: .milliseconds(1)) }
            turn.cancel()
        }
        return await caught { try await turn.value }
    }

    private func stream(_ step: JSONValue) async -> Outcome {
        let call = CallOptions(step["options"])
        let (cancel, abandon) = (step["cancel"].text, step["abandon"].text)
        let own = scripted(step["tools"])
        let reading = Task { [agent] in
            var seen = Seen()
            var outcome = Outcome()
            do {
                let events = agent!.turn(
                    input(step["input"]), session: call.session, user: call.user, language: call.language,
                    deadline: call.deadline, speak: call.speak, tools: own)
                for try await event in events {
                    seen.take(event)
                    if "event:\(kind(event))" == cancel { withUnsafeCurrentTask { $0?.cancel() } }
                    if "event:\(kind(event))" == abandon { break }
                }
                outcome.value = seen.reply
            } catch {
                outcome.error = value(error)
            }
            outcome.events = seen.value
            return outcome
        }
        return await reading.value
    }

    private func live(_ step: JSONValue) async throws -> Outcome {
        let session: LiveSession
        do {
            session = try await agent.live(json: step["options"] == .null ? "{}" : step["options"].json, tools: scripted(step["tools"]))
        } catch {
            return Outcome(error: value(error))
        }
        let scenario: LiveScenario
        do {
            scenario = try LiveScenario(session, overWire: step["wire"] == .bool(true), phone: step["phone"].text, after: after)
        } catch {
            return Outcome(error: value(error))
        }
        let summary = try await scenario.play(step["script"].items)
        return Outcome(value: summary, events: scenario.value)
    }

    private func after(_ expected: JSONValue) async throws {
        for left in stride(from: 500, through: 0, by: -1) {
            let counts = asked.mapValues { host -> JSONValue in
                [
                    "calls": .number(Double(host.calls)), "listens": .number(Double(host.listens)),
                    "warm_ups": .number(Double(host.warmUps)), "cancelled": .number(Double(host.cancelled)),
                ]
            }
            guard let why = difference(expected, .object(counts)) else { return }
            if left == 0 { throw Mismatch("what the hosts saw: \(why)") }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}

private struct CallOptions: Sendable {
    let session, user, language: String?
    let deadline: Duration?
    let speak: Bool

    init(_ json: JSONValue) {
        (session, user, language) = (json["session"].text, json["user"].text, json["language"].text)
        deadline = json["deadline_ms"].number.map { Duration.milliseconds($0) }
        speak = json["speak"] != .bool(false)
    }
}

func input(_ json: JSONValue) -> TurnInput {
    if let text = json["text"].text { return .text(text) }
    if let path = json["path"].text { return .file(URL(fileURLWithPath: path)) }
    if let hex = json["hex"].text {
        let digits = Array(hex)
        return .data(Data(stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0...($0 + 1)]), radix: 16) }))
    }
    let (samples, rate, channels) = tone(json)
    switch json["as"].text {
    case "pcm": return .pcm(samples, sampleRate: rate, channels: channels)
    case "f32": return .pcmFloat(samples.map { Float($0) / 32768 }, sampleRate: rate, channels: channels)
    default: return .data(wav(samples, rate, channels))
    }
}

/// The sound of a tone, its rate and channels.
func tone(_ json: JSONValue) -> ([Int16], Int, Int) {
    let tone = json["tone"].members.compactMapValues { $0.number.map { Int($0) } }
    let (rate, channels, amplitude) = (tone["sample_rate"] ?? 0, tone["channels"] ?? 1, Int16(tone["amplitude"] ?? 0))
    let samples = (0..<(tone["seconds"] ?? 0) * rate * channels).map { $0 / channels / 40 % 2 == 0 ? amplitude : -amplitude }
    return (samples, rate, channels)
}

private func wav(_ samples: [Int16], _ rate: Int, _ channels: Int) -> Data {
    var file = Data("RIFF".utf8)
    func put(_ value: Int, _ size: Int) { file.append(contentsOf: (0..<size).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }) }
    put(36 + samples.count * 2, 4)
    file += Data("WAVEfmt ".utf8)
    for (value, size) in [(16, 4), (1, 2), (channels, 2), (rate, 4), (rate * channels * 2, 4), (channels * 2, 2), (16, 2)] {
        put(value, size)
    }
    file += Data("data".utf8)
    put(samples.count * 2, 4)
    return file + samples.littleEndian
}

/// What a stream told, as the scenarios speak of it.
private struct Seen {
    private var order: [String] = []
    private var transcripts: [JSONValue] = []
    private var text = ""
    private var seconds = 0.0
    private var metrics: Set<String> = []
    private var used: [Usage] = []
    private var audioFailed: JSONValue = .null
    private var calls: [String] = []
    private var results: [JSONValue] = []
    private var fillers: [String] = []
    private(set) var reply: JSONValue = .null

    mutating func take(_ event: TurnEvent) {
        let name = kind(event)
        if name != "metrics", !order.contains(name) { order.append(name) }
        switch event {
        case .transcript(let heard):
            transcripts.append(["text": .string(heard.text), "final": .bool(heard.isFinal), "language": .text(heard.language)])
        case .text(let delta): text += delta
        case .audio(let pcm): seconds += Double(pcm.samples.count) / Double(pcm.sampleRate)
        case .metrics(let call):
            metrics.insert(call.stage)
            used.append(call.usage)
        case .audioFailed(let error): audioFailed = VoiceCoreTests.value(error)
        case .done(let done): reply = VoiceCoreTests.value(done)
        case .toolCall(let call): calls.append(call.name)
        case .toolResult(let call): results.append(VoiceCoreTests.value(call))
        case .filler(let words): fillers.append(words)
        case .started, .sources, .knowledgeFailed, .speaking, .actionDetected: break
        }
    }

    var value: JSONValue {
        [
            "order": .array(order.map(JSONValue.string)), "transcripts": .array(transcripts), "text": .string(text),
            "audio_seconds": .number(seconds), "metrics": .array(metrics.sorted().map(JSONValue.string)),
            "used": tokens(used), "audio_failed": audioFailed, "calls": .array(calls.map(JSONValue.string)), "results": .array(results),
            "fillers": .array(fillers.map(JSONValue.string)),
        ]
    }
}

private func kind(_ event: TurnEvent) -> String {
    switch event {
    case .started: "started"
    case .transcript: "transcript"
    case .sources: "sources"
    case .knowledgeFailed: "knowledge_failed"
    case .text: "text"
    case .speaking: "speaking"
    case .filler: "filler"
    case .toolCall: "tool_call"
    case .toolResult: "tool_result"
    case .audio: "audio"
    case .metrics: "metrics"
    case .actionDetected: "action_detected"
    case .audioFailed: "audio_failed"
    case .done: "done"
    }
}

func value(_ error: any Error) -> JSONValue {
    guard let error = error as? VoiceError else {
        return ["code": .string(error is CancellationError ? "CANCELLED" : "\(error)")]
    }
    return [
        "code": .string(error.code.rawValue), "kind": .string(error.kind), "stage": .text(error.stage),
        "message": .string(error.message), "retryable": .bool(error.retryable), "provider": .text(error.provider),
        "retry_after_ms": error.retryAfter.map { JSONValue.number(Double($0.milliseconds)) } ?? .null,
        "http_status": .number(Double(error.httpStatus)), "reply": error.reply.map { value($0) } ?? .null,
    ]
}

func value(_ call: ToolCallRecord) -> JSONValue {
    [
        "id": .string(call.id), "name": .string(call.name), "arguments": call.arguments, "result": .string(call.result),
        "failed": .bool(call.failed), "elapsed_ms": .number(Double(call.elapsed.milliseconds)),
    ]
}

private func value(_ reply: Reply) -> JSONValue {
    [
        "transcript": .string(reply.transcript), "text": .string(reply.text), "language": .text(reply.language),
        "session_id": .string(reply.sessionID), "turn_id": .string(reply.turnID),
        "user_message_id": .string(reply.userMessageID), "assistant_message_id": .string(reply.assistantMessageID),
        "sample_rate": .number(Double(reply.sampleRate)), "audio_seconds": .number(Double(reply.duration.milliseconds) / 1000),
        "audio_error": reply.audioError.map { value($0) } ?? .null, "tool_calls": .array(reply.toolCalls.map { value($0) }),
        "knowledge_error": reply.knowledgeError.map { value($0) } ?? .null, "sources": value(reply.sources),
        "usage": value(reply.usage), "cost": reply.cost.map { value($0) } ?? .null,
    ]
}

/// The tokens of all of them together.
private func tokens(_ used: [Usage]) -> JSONValue {
    let sum = { (of: (Usage) -> Int) in JSONValue.number(Double(used.map(of).reduce(0, +))) }
    return [
        "input_tokens": sum(\.inputTokens), "cached_tokens": sum(\.cachedTokens), "output_tokens": sum(\.outputTokens),
    ]
}

func value(_ sources: [Source]) -> JSONValue { .array(sources.map { (try? JSONValue(encoding: $0)) ?? .null }) }

func value(_ cost: Cost) -> JSONValue {
    [
        "currency": .string(cost.currency), "amount": .string("\(cost.amount)"), "micros": .number(Double(cost.micros)),
    ]
}

/// The field at a path, `items.0.id`; of an empty path the value itself.
private func inner(_ value: JSONValue, _ path: String) -> JSONValue {
    path.split(separator: ".").reduce(value) { found, name in
        Int(name).flatMap { found.items.indices.contains($0) ? found.items[$0] : nil } ?? found[String(name)]
    }
}

func match(_ expected: JSONValue, _ found: JSONValue, _ what: String) throws {
    if let why = difference(expected, found) { throw Mismatch("\(what): \(why); found \(found.json)") }
}

/// The first difference, with its path; `nil` when it matches.
private func difference(_ expected: JSONValue, _ found: JSONValue) -> String? {
    let no = "expected \(expected.json), found \(found.json)"
    switch (expected, found) {
    case (.object(let rules), _) where rules.keys.contains(where: { $0.hasPrefix("$") }):
        return rules.allSatisfy { holds($0.key, $0.value, found) } ? nil : no
    case (.object(let expected), .object):
        return expected.lazy.compactMap { key, value in difference(value, found[key]).map { "\(key): \($0)" } }.first
    case (.array(let expected), .array(let found)) where expected.count == found.count:
        return zip(expected, found).lazy.compactMap { difference($0, $1) }.first
    default: return expected == found ? nil : no
    }
}

private func holds(_ rule: String, _ value: JSONValue, _ found: JSONValue) -> Bool {
    switch (rule, found) {
    case ("$contains", .string(let text)): text.contains(value.text ?? "\0")
    case ("$length", .string(let text)): Double(text.unicodeScalars.count) == value.number
    case ("$length", .array(let items)): Double(items.count) == value.number
    case ("$min", _): (found.number ?? -.infinity) >= (value.number ?? .infinity)
    case ("$max", _): (found.number ?? .infinity) <= (value.number ?? -.infinity)
    default: false
    }
}
