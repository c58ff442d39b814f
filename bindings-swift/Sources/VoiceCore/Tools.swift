import Foundation
import VoiceCoreNative

/// A function of yours that the language model may call while it answers.
///
/// ```swift
/// let orderStatus = Tool("order_status", description: "Where an order is.", parameters: schema) { arguments, _ in
///     "Order \(arguments["order_id"]?.string ?? "?") is on its way."
/// }
/// let agent = try await VoiceAgent(config: config, tools: [orderStatus])
/// ```
public struct Tool: Sendable {
    /// What becomes of a call whose turn is cancelled or interrupted.
    public enum OnInterruption: String, Sendable {
        /// Its task is cancelled with the turn.
        case cancel
        /// It runs to its end or its time-out: for what must not be left half done.
        case runOn = "run_on"
    }

    /// The name under which the model knows it.
    public let name: String
    let definition: String
    let execute: @Sendable ([String: JSONValue], ToolContext) async throws -> String?

    /// - Parameters:
    ///   - name: 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`.
    ///   - description: what it does and when to call it: all that the model knows of it.
    ///   - parameters: the JSON schema of its arguments, an object; arguments that do not fit never reach the function. Default: it takes none.
    ///   - timeout: how long a call may take; its task is cancelled then, and the model told so.
    ///   - onInterruption: what becomes of a call whose turn is cancelled or interrupted.
    ///   - parallel: whether it may run beside other calls.
    ///   - background: whether its work outlasts the turn of a live session: the agent goes on without it and tells the result later, when
    ///     nobody speaks or with its next answer. Turns outside live sessions wait for it.
    ///   - execute: gives what the model is told, text or JSON; `nil` is told as "done". What it throws is told to the model with its
    ///     message (``ProviderFailure`` also with its code), and the turn goes on.
    public init(
        _ name: String, description: String, parameters: JSONValue? = nil, timeout: Duration = .seconds(20),
        onInterruption: OnInterruption = .cancel, parallel: Bool = true, background: Bool = false,
        execute: @escaping @Sendable ([String: JSONValue], ToolContext) async throws -> String?
    ) {
        self.name = name
        self.execute = execute
        var definition: [String: JSONValue] = [
            "name": .string(name), "description": .string(description), "parallel": .bool(parallel),
            "background": .bool(background),
            "timeout_ms": .number(Double(timeout.milliseconds)), "on_interruption": .string(onInterruption.rawValue),
        ]
        definition["parameters"] = parameters
        self.definition = JSONValue.object(definition).json
    }
}

/// Whose call a tool serves.
public struct ToolContext: Sendable, Decodable {
    /// The session of the turn.
    public let sessionID: String
    /// The turn.
    public let turnID: String
    /// Whose session it is, as it was said when the turn was begun.
    public let user: String?
    /// How long the call may take.
    public var timeout: Duration { .milliseconds(left ?? 0) }
    private let left: Double?

    enum CodingKeys: String, CodingKey {
        case sessionID = "session_id"
        case turnID = "turn_id"
        case user
        case left = "timeout_ms"
    }
}

/// A call of a tool, as a language model asks for it.
public struct ToolCall: Sendable, Decodable {
    /// Names the call within its turn.
    public let id: String
    /// The tool's name.
    public let name: String
    /// The arguments: an object, or the text that the model wrote instead.
    public let arguments: JSONValue

    public init(id: String, name: String, arguments: JSONValue) {
        (self.id, self.name, self.arguments) = (id, name, arguments)
    }
}

/// A call of a tool, and what came of it.
public struct ToolCallRecord: Sendable {
    /// Names the call within its turn.
    public let id: String
    /// The tool's name.
    public let name: String
    /// The arguments that the model gave.
    public let arguments: JSONValue
    /// What the model was told: the tool's result, or as JSON why there is none.
    public let result: String
    /// Whether it failed: wrong arguments, no such tool, an error, a time-out.
    public let failed: Bool
    /// How long it took.
    public let elapsed: Duration

    init(_ fields: ToolCallFields) {
        (id, name, result, failed) = (fields.id, fields.name, fields.result, fields.failed)
        arguments = JSONValue(parsing: fields.argumentsJson)
        elapsed = .milliseconds(Double(fields.elapsedMs))
    }

    /// A call as the history keeps it; `nil`: it was written by another hand.
    init?(content: String) {
        struct Kept: Decodable {
            let id, name, result: String
            let arguments: JSONValue
            let failed: Bool
            let elapsed_ms: Double
        }
        guard let kept = try? JSONDecoder().decode(Kept.self, from: Data(content.utf8)) else { return nil }
        (id, name, result, failed) = (kept.id, kept.name, kept.result, kept.failed)
        arguments = kept.arguments
        elapsed = .milliseconds(kept.elapsed_ms)
    }
}

/// A tool, as a language model is told of it.
public struct ToolSpec: Sendable, Decodable {
    /// Its name.
    public let name: String
    /// What it does and when to call it.
    public let description: String
    /// The JSON schema of its arguments, an object.
    public let parameters: JSONValue
}

extension JSONValue {
    /// The value as JSON.
    public var json: String { (try? JSONEncoder().encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null" }

    /// The value of a JSON text; the text itself when it is none.
    init(parsing text: String) {
        self = (try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8))) ?? .string(text)
    }
}

extension Tool {
    var lowered: ToolHost { ToolHost(definitionJson: definition, host: ToolBridge(self)) }
}

final class ToolBridge: HostTool {
    private let tool: Tool

    init(_ tool: Tool) { self.tool = tool }

    func call(argumentsJson: String, contextJson: String) async throws -> String? {
        try await hosted {
            let context = try JSONDecoder().decode(ToolContext.self, from: Data(contextJson.utf8))
            let arguments = try JSONDecoder().decode([String: JSONValue].self, from: Data(argumentsJson.utf8))
            return try await tool.execute(arguments, context)
        }
    }
}
