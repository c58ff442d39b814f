import Foundation

@testable import VoiceCore

extension JSONValue: ExpressibleByDictionaryLiteral {
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(Dictionary(uniqueKeysWithValues: elements))
    }

    static func text(_ value: String?) -> JSONValue { value.map(JSONValue.string) ?? .null }

    subscript(name: String) -> JSONValue { members[name] ?? .null }

    var members: [String: JSONValue] { if case .object(let members) = self { members } else { [:] } }
    var items: [JSONValue] { if case .array(let items) = self { items } else { [] } }
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var number: Double? { if case .number(let number) = self { number } else { nil } }
}

/// A host's script, and what it was asked.
final class Asked: @unchecked Sendable {
    private struct Boom: Error, CustomStringConvertible { let description: String }

    private let lock = NSLock()
    private let script: JSONValue
    private var counted = (calls: 0, cancelled: 0)
    let name: String

    init(role: String, script: JSONValue) {
        name = "host/\(role)"
        self.script = script
    }

    var callsTools: Bool { script["tools"] == .bool(true) }
    var calls: Int { lock.withLock { counted.calls } }
    var cancelled: Int { lock.withLock { counted.cancelled } }

    func next() -> [JSONValue] {
        let call = lock.withLock {
            counted.calls += 1
            return counted.calls - 1
        }
        let scripts = script["calls"].items
        return scripts[min(call, scripts.count - 1)].items
    }

    func method(_ name: String) -> [JSONValue] {
        lock.withLock { counted.calls += 1 }
        let script = script["methods"][name].items
        return script.isEmpty ? [["json": .null]] : script
    }

    func play<T: Sendable>(_ script: [JSONValue], _ item: @escaping @Sendable (JSONValue) -> T) -> AsyncThrowingStream<T, any Error> {
        AsyncThrowingStream { answer in
            let task = Task {
                do {
                    for action in script {
                        if let ms = action["wait_ms"].number {
                            try await Task.sleep(for: .milliseconds(ms))
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

struct ScriptedStt: SpeechToText {
    let asked: Asked
    var name: String { asked.name }

    init(_ asked: Asked) { self.asked = asked }

    func transcribe(_ audio: Pcm, language: String?) -> AsyncThrowingStream<Transcript, any Error> {
        asked.play(asked.next()) { action in
            let text = (action["transcript"].text ?? "")
                .replacingOccurrences(of: "{samples}", with: "\(audio.samples.count)")
                .replacingOccurrences(of: "{language}", with: language ?? "none")
            return Transcript(text, isFinal: action["final"] == .bool(true), language: action["language"].text)
        }
    }
}

struct ScriptedLlm: LanguageModel {
    let asked: Asked
    var name: String { asked.name }

    init(_ asked: Asked) { self.asked = asked }

    func generate(_ prompt: Prompt) -> AsyncThrowingStream<String, any Error> {
        asked.play(asked.next()) { action in
            (action["text"].text ?? "")
                .replacingOccurrences(of: "{count}", with: "\(prompt.messages.count)")
                .replacingOccurrences(of: "{system}", with: prompt.messages.first?.content ?? "")
                .replacingOccurrences(of: "{last}", with: prompt.messages.last?.content ?? "")
        }
    }
}

struct ScriptedToolModel: ToolCallingModel {
    let asked: Asked
    var name: String { asked.name }

    func answer(_ prompt: Prompt) -> AsyncThrowingStream<Written, any Error> {
        asked.play(asked.next()) { action in
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

/// A model that calls tools when its script says so.
func scriptedModel(_ asked: Asked) -> any LanguageModel {
    if asked.callsTools { return ScriptedToolModel(asked: asked) }
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

    func synthesize(_ text: String, language: String?) -> AsyncThrowingStream<Pcm, any Error> {
        asked.play(asked.next()) { action in
            let rate = Int(action["sample_rate"].number ?? 0)
            return Pcm(samples: Array(repeating: 1000, count: Int(action["audio_ms"].number ?? 0) * rate / 1000), sampleRate: rate)
        }
    }
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
