/// Where an organization wants to be told of events.
public struct Webhook: Codable, Sendable, CustomStringConvertible {
    /// Its id.
    public let id: String
    /// Its organization; `nil` in a host without organizations.
    public let organization: String?
    /// Where events are sent. It is not printed: it may hold a secret.
    public let url: String
    /// The names of the events that it wants; `session.*` stands for all whose name begins with `session.`; none: all.
    public let events: [String]
    /// What it is for, in the owner's words.
    public let purpose: String
    /// Whether anything is sent.
    public let enabled: Bool
    /// Why the library disabled it, if it did: the receiver answered 410.
    public let disabledBecause: String?
    /// When it was created.
    public let createdAt: String
    /// When it was last changed.
    public let updatedAt: String

    /// Without the address.
    public var description: String { "Webhook(id: \(id), enabled: \(enabled))" }

    private enum CodingKeys: String, CodingKey {
        case id, organization, url, events, enabled
        case purpose = "description"
        case disabledBecause = "disabled_because"
        case createdAt = "created_at"
        case updatedAt = "updated_at"
    }
}

/// A webhook with a secret that was just made.
public struct SignedWebhook: Codable, Sendable, CustomStringConvertible {
    /// The webhook.
    public let webhook: Webhook
    /// `whsec_` and 32 bytes in base64. Give it to the receiver and forget it: it is kept encrypted, and never given back.
    public let secret: String

    /// Without the secret.
    public var description: String { "SignedWebhook(webhook: \(webhook))" }
}

/// One attempt to deliver.
public struct DeliveryAttempt: Codable, Sendable {
    /// When it was begun.
    public let at: String
    /// The HTTP status of the answer; `nil`: there was none.
    public let status: Int?
    /// How long it took, in milliseconds.
    public let durationMilliseconds: Int
    /// What went wrong, if something did.
    public let error: String?

    private enum CodingKeys: String, CodingKey {
        case at, status, error
        case durationMilliseconds = "duration_ms"
    }
}

/// The telling of one event to one webhook.
public struct WebhookDelivery: Codable, Sendable, CustomStringConvertible {
    /// Its id, which the receiver sees as `webhook-id`: the same in every attempt.
    public let id: String
    /// The webhook.
    public let webhook: String
    /// The organization of the webhook.
    public let organization: String?
    /// The event.
    public let event: String
    /// The name of the event.
    public let name: String
    /// The session in which it happened.
    public let session: String?
    /// Where it stands: `pending`, `delivered` or `failed`.
    public let status: String
    /// What is sent: JSON, the same bytes in every attempt. It is not printed.
    public let body: String
    /// When the event was handed to this webhook.
    public let createdAt: String
    /// When the next attempt is due; of one that is over, when the last was.
    public let dueAt: String
    /// When it was delivered, or given up.
    public let settledAt: String?
    /// How many attempts have counted since it was last asked for.
    public let tries: Int
    /// The attempts, oldest first; of very many, the latest.
    public let attempts: [DeliveryAttempt]

    /// Without what is sent.
    public var description: String { "WebhookDelivery(id: \(id), name: \(name), status: \(status))" }

    private enum CodingKeys: String, CodingKey {
        case id, webhook, organization, event, name, session, status, body, tries, attempts
        case createdAt = "created_at"
        case dueAt = "due_at"
        case settledAt = "settled_at"
    }
}

/// Webhooks, and what was delivered to them: those of no organization, of one (``of(_:)``), or of whom the agent acts for. What becomes of
/// sessions and turns is told by itself: `session.started`, `session.ended`, `turn.completed`.
public struct Webhooks: Sendable {
    let room: Room

    /// The webhooks of one organization.
    public func of(_ organization: String) -> Webhooks { Webhooks(room: room.with("organization", organization)) }

    /// Makes a webhook for these events, or for all. Its secret is shown this once.
    public func create(
        _ url: String, events: [String] = [], description: String = "", enabled: Bool = true
    ) async throws -> SignedWebhook {
        try await room.call(
            "create",
            ["url": .string(url), "events": names(events), "description": .string(description), "enabled": .bool(enabled)])
    }

    /// A webhook.
    public func get(_ id: String) async throws -> Webhook { try await room.call("get", ["id": .string(id)]) }

    /// Webhooks, newest first.
    public func list(limit: Int = 20, before: String? = nil) async throws -> Page<Webhook> {
        try await room.call("list", ["limit": JSONValue(limit), "before": JSONValue(before)])
    }

    /// Changes what is given; no events at all stand for all of them.
    public func update(
        _ id: String, url: String? = nil, events: [String]? = nil, description: String? = nil, enabled: Bool? = nil
    ) async throws -> Webhook {
        try await room.call(
            "update",
            [
                "id": .string(id), "url": JSONValue(url), "events": events.map(names) ?? .null,
                "description": JSONValue(description), "enabled": enabled.map(JSONValue.bool) ?? .null,
            ])
    }

    /// Deletes a webhook with the log of its deliveries.
    public func delete(_ id: String) async throws { try await room.run("delete", ["id": .string(id)]) }

    /// Makes a new secret, shown this once; the old one signs besides for `overlap` (24 hours by default).
    public func rotateSecret(_ id: String, overlap: Duration? = nil) async throws -> SignedWebhook {
        try await room.call("rotate_secret", ["id": .string(id), "overlap_seconds": JSONValue(overlap)])
    }

    /// Sends an event `webhook.test`; ask for the ``delivery(_:)`` to see what became of it.
    public func test(_ id: String) async throws -> WebhookDelivery { try await room.call("test", ["id": .string(id)]) }

    /// Deliveries with their attempts, newest first: of one webhook, `pending`, `delivered` or `failed`, of one event's name.
    public func deliveries(
        webhook: String? = nil, status: String? = nil, name: String? = nil, limit: Int = 20, before: String? = nil
    ) async throws -> Page<WebhookDelivery> {
        try await room.call(
            "deliveries",
            [
                "webhook": JSONValue(webhook), "status": JSONValue(status), "name": JSONValue(name), "limit": JSONValue(limit),
                "before": JSONValue(before),
            ])
    }

    /// A delivery with its attempts.
    public func delivery(_ id: String) async throws -> WebhookDelivery { try await room.call("delivery", ["id": .string(id)]) }

    /// Delivers again what was delivered or has failed, with the same `webhook-id`.
    public func redeliver(_ id: String) async throws -> WebhookDelivery { try await room.call("redeliver", ["id": .string(id)]) }

    /// Tells the webhooks of an event of your own. `false`: none is enabled.
    public func send(_ name: String, data: [String: JSONValue] = [:], session: String? = nil) async throws -> Bool {
        try await room.call("send", ["name": .string(name), "data": .object(data), "session": JSONValue(session)])
    }

    /// Checks, for a receiver, that a message was signed with one of these secrets, within `tolerance` (five minutes by default). `body`
    /// is what came, before anything reads it as JSON. Leave out messages whose id has come before.
    ///
    /// - Throws: ``VoiceError`` of code `unauthorized` when it is not so.
    public func verify(
        _ secrets: [String], id: String, timestamp: String, signature: String, body: String, tolerance: Duration? = nil
    ) async throws {
        try await room.run(
            "verify",
            [
                "secrets": names(secrets), "id": .string(id), "timestamp": .string(timestamp), "signature": .string(signature),
                "body": .string(body), "tolerance_seconds": JSONValue(tolerance),
            ])
    }

    private func names(_ all: [String]) -> JSONValue { .array(all.map(JSONValue.string)) }
}
