import Foundation
import VoiceCoreNative

/// Part of a longer list.
public struct Page<Item: Codable & Sendable>: Codable, Sendable {
    /// The items.
    public let items: [Item]
    /// Whether there are more beyond this page.
    public let hasMore: Bool

    enum CodingKeys: String, CodingKey {
        case items
        case hasMore = "has_more"
    }
}

/// A room of the native half, and what every call of it says.
struct Room: Sendable {
    private let native: Agent
    private let name: String
    private var also: [String: JSONValue] = [:]

    init(_ native: Agent, _ name: String) { (self.native, self.name) = (native, name) }

    /// The same with one more thing that every call says.
    func with(_ argument: String, _ value: String) -> Room {
        var room = self
        room.also[argument] = .string(value)
        return room
    }

    func answer(_ method: String, _ arguments: [String: JSONValue]) async throws -> Answer {
        let given = also.merging(arguments.filter { $0.value != .null }) { $1 }
        let json = String(decoding: try JSONEncoder().encode(given), as: UTF8.self)
        return try await stoppable {
            try await native.call(room: name, method: method, argumentsJson: json, cancellation: $0)
        }
    }

    func call<T: Decodable>(_ method: String, _ arguments: [String: JSONValue] = [:]) async throws -> T {
        try JSONDecoder().decode(T.self, from: Data(try await answer(method, arguments).json.utf8))
    }

    /// For what gives nothing.
    func run(_ method: String, _ arguments: [String: JSONValue]) async throws { _ = try await answer(method, arguments) }
}

extension JSONValue {
    init(_ text: String?) { self = text.map(JSONValue.string) ?? .null }

    init(_ number: Int) { self = .integer(Int64(number)) }

    init(_ duration: Duration?) { self = duration.map { .number(Double($0.milliseconds) / 1000) } ?? .null }

    init(encoding value: some Encodable) throws {
        self = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
    }
}
