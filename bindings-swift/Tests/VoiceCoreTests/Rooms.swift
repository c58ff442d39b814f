import Foundation

@testable import VoiceCore

/// The calls of the rooms, as scenarios write them: the arguments of the bridge, its records as values.
struct Rooms: Sendable {
    private let agent: VoiceAgent
    private let arguments: JSONValue

    init(_ agent: VoiceAgent, _ arguments: JSONValue) { (self.agent, self.arguments) = (agent, arguments) }

    private func text(_ name: String) -> String? { arguments[name].text }
    private func seconds(_ name: String) -> Duration { .seconds(arguments[name].number ?? 0) }
    private var id: String { text("id") ?? "" }
    private var user: String? { text("user") }
    private var limit: Int { arguments["limit"].number.map { Int($0) } ?? 20 }
    private var before: String? { text("before") }

    func call(_ room: String, _ method: String) async throws -> JSONValue {
        switch room {
        case "sessions": try await sessions(method)
        case "accounts": try await accounts(method)
        case "assistants": try await assistants(method)
        case "knowledge": try await knowledge(method)
        case "telephony": try await telephony(method)
        case "webhooks": try await webhooks(method)
        case "realtime": try await realtime(method)
        case "voices": try await voices(method)
        default: try await audit(method)
        }
    }

    private func voices(_ method: String) async throws -> JSONValue {
        let voices = text("organization").map(agent.voices.of) ?? agent.voices
        switch method {
        case "list":
            let limit = arguments["limit"].number.map { Int($0) } ?? 10_000
            return try encoded(await voices.list(provider: text("provider"), language: text("language"), limit: limit))
        case "preview":
            let settings = arguments["settings"] == .null ? nil : arguments["settings"].members
            let preview = try await voices.preview(
                text("voice"), provider: text("provider"), settings: settings, text: text("text"), language: text("language"),
                format: text("format") ?? "wav")
            return [
                "provider": .string(preview.provider), "voice": .text(preview.voice), "text": .string(preview.text),
                "language": .text(preview.language), "media_type": .string(preview.mediaType),
                "sample_rate": .number(Double(preview.sampleRate)),
                "audio_seconds": .number(Double(preview.duration.milliseconds) / 1000), "usage": value(preview.usage),
                "cost": preview.cost.map { value($0) } ?? .null,
            ]
        default: throw Mismatch("there is no method \(method) of voices here")
        }
    }

    private func telephony(_ method: String) async throws -> JSONValue {
        func given(_ name: String) -> String { text(name) ?? "" }
        let params = arguments["params"].members.compactMapValues(\.text)
        switch method {
        case "read": return try encoded(await agent.telephony.read(given("message"), protocol: text("protocol") ?? "auto"))
        case "verify_twilio":
            return .bool(
                try await agent.telephony.verifyTwilio(
                    authToken: given("auth_token"), url: given("url"), signature: given("signature"), params: params))
        case "verify_plivo":
            return .bool(
                try await agent.telephony.verifyPlivo(
                    authToken: given("auth_token"), url: given("url"), signature: given("signature"), nonce: given("nonce"),
                    params: params))
        case "verify_telnyx":
            return .bool(
                try await agent.telephony.verifyTelnyx(
                    publicKey: given("public_key"), body: given("body"), signature: given("signature"),
                    timestamp: given("timestamp")))
        default: throw Mismatch("there is no method \(method) of telephony here")
        }
    }

    private func sessions(_ method: String) async throws -> JSONValue {
        let sessions = text("organization").map { agent.sessions.of($0) } ?? agent.sessions
        switch method {
        case "create":
            return try encoded(
                await sessions.create(user: user, metadata: arguments["metadata"].members, assistant: text("assistant")))
        case "get": return try encoded(await sessions.get(id, user: user))
        case "list": return try encoded(await sessions.list(user: user, status: text("status"), limit: limit))
        case "history": return try encoded(await sessions.history(id, user: user, limit: limit))
        case "set_metadata": try await sessions.setMetadata(id, to: arguments["metadata"].members, user: user)
        case "end": try await sessions.end(id, user: user)
        case "delete": try await sessions.delete(id, user: user)
        case "greet": _ = try await sessions.greet(id)
        case "actions":
            let own = user.map { sessions.forUser($0) } ?? sessions
            return try encoded(await own.actions(id, type: text("type"), limit: limit, before: before))
        case "summary": return try encoded(await sessions.summary(id))
        case "expire_idle": return try encoded(await sessions.expireIdle())
        default: throw Mismatch("there is no method \(method) of sessions here")
        }
        return .null
    }

    private func accounts(_ method: String) async throws -> JSONValue {
        let accounts = text("organization").map { agent.accounts.of($0) } ?? agent.accounts
        let key = text("key") ?? ""
        switch method {
        case "create_organization": return try encoded(await accounts.createOrganization(name: text("name") ?? ""))
        case "organizations": return try encoded(await accounts.organizations(limit: limit, before: before))
        case "authenticate": return try encoded(await accounts.authenticate(key: key))
        case "log_in": return try encoded(await accounts.logIn(key: key))
        case "issue_token":
            let valid = seconds("valid_seconds")
            return .string(
                try await accounts.issueToken(keys: arguments["keys"], for: principal(arguments["principal"]), valid: valid))
        case "authenticate_token":
            return try encoded(await accounts.authenticate(token: text("token") ?? "", keys: arguments["keys"]))
        case "register": return try encoded(await accounts.register(email: text("email") ?? ""))
        case "user": return try encoded(await accounts.user(id))
        case "user_by_email": return try encoded(await accounts.user(email: text("email") ?? ""))
        case "users": return try encoded(await accounts.users(limit: limit, before: before))
        case "delete_user": return try encoded(await accounts.deleteUser(id))
        case "create_key":
            let valid = arguments["valid_seconds"] == .null ? nil : seconds("valid_seconds")
            return try encoded(
                await accounts.createKey(user: user, name: text("name") ?? "", rateLimit: rateLimit, valid: valid))
        case "keys": return try encoded(await accounts.keys(user: user, limit: limit, before: before))
        case "rotate_key": return try encoded(await accounts.rotateKey(id))
        case "revoke_key": try await accounts.revokeKey(id)
        default: throw Mismatch("there is no method \(method) of accounts here")
        }
        return .null
    }

    private var rateLimit: KeyLimit? {
        let limit = arguments["rate_limit"]
        guard let perMinute = limit["per_minute"].number, let burst = limit["burst"].number else { return nil }
        return KeyLimit(perMinute: Int(perMinute), burst: Int(burst))
    }

    private func assistants(_ method: String) async throws -> JSONValue {
        let assistants = text("organization").map { agent.assistants.of($0) } ?? agent.assistants
        switch method {
        case "create": return try encoded(await assistants.create(arguments["assistant"].members))
        case "get": return try encoded(await assistants.get(id))
        case "version": return try encoded(await assistants.version(Int(arguments["version"].number ?? 0), of: id))
        case "list": return try encoded(await assistants.list(limit: limit, before: before))
        case "update": return try encoded(await assistants.update(id, to: arguments["assistant"].members))
        case "patch": return try encoded(await assistants.patch(id, fields: arguments["fields"].members))
        case "delete": try await assistants.delete(id)
        default: throw Mismatch("there is no method \(method) of assistants here")
        }
        return .null
    }

    private func audit(_ method: String) async throws -> JSONValue {
        switch method {
        case "entries":
            return try encoded(
                await agent.audit.entries(
                    organization: text("organization"), actor: text("actor"), action: text("action"), target: text("target"),
                    limit: limit, before: before))
        case "delete_older_than": return try encoded(await agent.audit.deleteOlderThan(seconds("age_seconds")))
        default: throw Mismatch("there is no method \(method) of audit here")
        }
    }

    private func names(_ name: String) -> [String]? {
        guard case .array(let all) = arguments[name] else { return nil }
        return all.compactMap(\.text)
    }

    private func flag(_ name: String) -> Bool? {
        guard case .bool(let flag) = arguments[name] else { return nil }
        return flag
    }

    private func knowledge(_ method: String) async throws -> JSONValue {
        let knowledge = text("organization").map { agent.knowledge.of($0) } ?? agent.knowledge
        let metadata = arguments["metadata"] == .null ? nil : arguments["metadata"].members
        switch method {
        case "add":
            return try encoded(
                await knowledge.add(
                    text("title") ?? "", text: text("text") ?? "", format: text("format"), source: text("source"),
                    metadata: metadata))
        case "get": return try encoded(await knowledge.get(id))
        case "text": return .string(try await knowledge.text(id))
        case "list": return try encoded(await knowledge.list(limit: limit, before: before))
        case "update":
            return try encoded(
                await knowledge.update(
                    id, title: text("title"), text: text("text"), format: text("format"), source: text("source"),
                    metadata: metadata))
        case "delete": try await knowledge.delete(id)
        case "search":
            return try encoded(
                await knowledge.search(
                    text("text") ?? "", documents: names("documents"), topK: arguments["top_k"].number.map { Int($0) },
                    minScore: arguments["min_score"].number))
        default: throw Mismatch("there is no method \(method) of knowledge here")
        }
        return .null
    }

    private func webhooks(_ method: String) async throws -> JSONValue {
        let webhooks = text("organization").map { agent.webhooks.of($0) } ?? agent.webhooks
        switch method {
        case "create":
            return try encoded(
                await webhooks.create(
                    text("url") ?? "", events: names("events") ?? [], description: text("description") ?? "",
                    enabled: flag("enabled") ?? true))
        case "get": return try encoded(await webhooks.get(id))
        case "list": return try encoded(await webhooks.list(limit: limit, before: before))
        case "update":
            return try encoded(
                await webhooks.update(
                    id, url: text("url"), events: names("events"), description: text("description"), enabled: flag("enabled")))
        case "delete": try await webhooks.delete(id)
        case "rotate_secret":
            let overlap = arguments["overlap_seconds"].number.map { Duration.seconds($0) }
            return try encoded(await webhooks.rotateSecret(id, overlap: overlap))
        case "test": return try encoded(await webhooks.test(id))
        case "deliveries":
            return try encoded(
                await webhooks.deliveries(
                    webhook: text("webhook"), status: text("status"), name: text("name"), limit: limit, before: before))
        case "delivery": return try encoded(await webhooks.delivery(id))
        case "redeliver": return try encoded(await webhooks.redeliver(id))
        case "send":
            return try encoded(
                await webhooks.send(text("name") ?? "", data: arguments["data"].members, session: text("session")))
        case "verify":
            let tolerance = arguments["tolerance_seconds"].number.map { Duration.seconds($0) }
            try await webhooks.verify(
                names("secrets") ?? [], id: id, timestamp: text("timestamp") ?? "", signature: text("signature") ?? "",
                body: text("body") ?? "", tolerance: tolerance)
        default: throw Mismatch("there is no method \(method) of webhooks here")
        }
        return .null
    }

    private func realtime(_ method: String) async throws -> JSONValue {
        switch method {
        case "client_secret":
            let valid = arguments["valid_seconds"].number.map { Duration.seconds($0) } ?? .seconds(60)
            return try encoded(await agent.realtime.clientSecret(voice: text("voice"), valid: valid))
        case "answer_call": return try encoded(await agent.realtime.answerCall(text("offer") ?? ""))
        default: throw Mismatch("there is no method \(method) of realtime here")
        }
    }
}

func principal(_ json: JSONValue) -> Principal {
    Principal(organization: json["organization"].text ?? "", user: json["user"].text, actor: json["actor"].text)
}

private func encoded(_ value: some Encodable) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(value))
}
