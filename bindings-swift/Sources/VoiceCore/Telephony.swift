import Foundation

/// A call whose media stream began: what the carrier says of it.
public struct PhoneCall: Codable, Sendable {
    /// Whose media stream it is: `twilio`, `plivo`, …
    public let `protocol`: String
    /// The carrier's name for the stream; `nil` with Vonage, where a connection is one.
    public let streamID: String?
    /// The carrier's name for the call.
    public let callID: String?
    /// The carrier's name for your account.
    public let accountID: String?
    /// Who calls, where the carrier says it here.
    public let fromNumber: String?
    /// Who is called, where the carrier says it here.
    public let toNumber: String?
    /// How samples are written: `mu_law`, `a_law` or `l16`.
    public let encoding: String
    /// Samples a second.
    public let sampleRate: Int
    /// What you gave the stream along: custom parameters, extra headers.
    public let parameters: [String: JSONValue]
    /// Everything that the carrier said, as it said it.
    public let details: [String: JSONValue]

    enum CodingKeys: String, CodingKey {
        case `protocol`, encoding, parameters, details
        case streamID = "stream_id"
        case callID = "call_id"
        case accountID = "account_id"
        case fromNumber = "from_number"
        case toNumber = "to_number"
        case sampleRate = "sample_rate"
    }
}

/// What is to be known of a telephone call before it is answered: whose it is, and whether it is the carrier that calls.
public struct Telephony: Sendable {
    let room: Room

    /// Reads a carrier's first messages: the call, or `nil` for what comes before it. The message then goes to the session's wire as well.
    ///
    /// - Throws: ``VoiceError`` of code `validation` for any other message, and for a call whose encoding is not supported.
    public func read(_ message: String, protocol name: String = "auto") async throws -> PhoneCall? {
        try await room.call("read", ["message": .string(message), "protocol": .string(name)])
    }

    /// Whether Twilio signed a request: the header `X-Twilio-Signature`. `url` is the address as Twilio was given it (`wss://` for a media
    /// stream), `params` are the fields of a form that was posted.
    public func verifyTwilio(
        authToken: String, url: String, signature: String, params: [String: String] = [:]
    ) async throws -> Bool {
        try await room.call(
            "verify_twilio",
            [
                "auth_token": .string(authToken), "url": .string(url), "signature": .string(signature),
                "params": .object(params.mapValues(JSONValue.string)),
            ])
    }

    /// Whether Plivo signed a request: the headers `X-Plivo-Signature-V3` and `X-Plivo-Signature-V3-Nonce`; Vobiz has its own, made alike.
    public func verifyPlivo(
        authToken: String, url: String, signature: String, nonce: String, params: [String: String] = [:]
    ) async throws -> Bool {
        try await room.call(
            "verify_plivo",
            [
                "auth_token": .string(authToken), "url": .string(url), "signature": .string(signature),
                "nonce": .string(nonce), "params": .object(params.mapValues(JSONValue.string)),
            ])
    }

    /// Whether Telnyx signed a webhook within the last five minutes: the headers `telnyx-signature-ed25519` and `telnyx-timestamp`, and
    /// the body as it came.
    public func verifyTelnyx(publicKey: String, body: String, signature: String, timestamp: String) async throws -> Bool {
        try await room.call(
            "verify_telnyx",
            [
                "public_key": .string(publicKey), "body": .string(body), "signature": .string(signature),
                "timestamp": .string(timestamp),
            ])
    }
}
