import Foundation

/// A voice that a provider has.
public struct Voice: Codable, Sendable, Equatable {
    /// What names it in a config (`voice`), in an assistant (`voice_id`) and for a preview.
    public let id: String
    /// What people call it.
    public let name: String
    /// The languages that it speaks (BCP 47), its own first. None: the provider does not say; usually those of its model.
    public let languages: [String]
    /// As what it is heard: `female`, `male` or `neutral`; `nil`: the provider does not say.
    public let gender: String?
    /// What the provider says of it, in a sentence.
    public let description: String?
    /// An address at which anybody hears it, without a key.
    public let previewURL: String?
    /// What else the provider says of it, by the provider's own names: `accent`, `age`, `use_case`, …
    public let labels: [String: String]

    /// One of your own, for ``ManyVoices/voices(language:)``.
    public init(
        _ id: String, name: String? = nil, languages: [String] = [], gender: String? = nil, description: String? = nil,
        previewURL: String? = nil, labels: [String: String] = [:]
    ) {
        (self.id, self.name, self.languages, self.gender) = (id, name ?? id, languages, gender)
        (self.description, self.previewURL, self.labels) = (description, previewURL, labels)
    }

    private enum CodingKeys: String, CodingKey {
        case id, name, languages, gender, description, labels
        case previewURL = "preview_url"
    }
}

/// How a voice sounds.
public struct VoicePreview: Sendable, CustomStringConvertible {
    /// Who spoke: the provider and its model, for example `elevenlabs/eleven_flash_v2_5`.
    public let provider: String
    /// The voice that was asked for; `nil`: the provider's own.
    public let voice: String?
    /// What was said.
    public let text: String
    /// In which language (BCP 47), if that was known.
    public let language: String?
    /// What kind of file it is, for example `audio/wav`.
    public let mediaType: String
    /// How many samples a second the voice makes.
    public let sampleRate: Int
    /// How long it lasts.
    public let duration: Duration
    /// What was used.
    public let usage: Usage
    /// What that cost; `nil` without a price.
    public let cost: Cost?
    /// The sound, as a file.
    public let file: Data

    /// Without the words and the sound.
    public var description: String { "VoicePreview(provider: \(provider), voice: \(voice ?? "its own"), duration: \(duration))" }
}

/// The voices of the agent's text to speech, and of every other that its assistants may name.
public struct Voices: Sendable {
    let room: Room

    /// With the credentials of one organization.
    public func of(_ organization: String) -> Voices { Voices(room: room.with("organization", organization)) }

    /// The voices of a provider, in its order: all of its pages, at most `limit` (1–10,000).
    ///
    /// - Parameters:
    ///   - provider: One of the agent's own list, by the name in its config or that of errors (`elevenlabs`), else any that an assistant
    ///     may name. Default: the first of the agent's own.
    ///   - language: Only those that can be asked to speak it (BCP 47). Voices of which no language is known are always there.
    /// - Throws: ``VoiceError`` of code `invalidRequest` when the provider does not say which voices it has.
    public func list(provider: String? = nil, language: String? = nil, limit: Int = 10_000) async throws -> Page<Voice> {
        try await room.call(
            "list", ["provider": JSONValue(provider), "language": JSONValue(language), "limit": JSONValue(limit)])
    }

    /// Has a voice speak a few words, at the price of speech. Nothing is stored.
    ///
    /// - Parameters:
    ///   - voice: Which, by its id. Default: the provider's own.
    ///   - provider: Whose, as in ``list(provider:language:limit:)``.
    ///   - settings: How it is to speak, above what the config says: `stability`, `similarity`, `style`, `speed`, as far as the provider
    ///     has them, and what only it knows.
    ///   - text: What it says: 1–500 characters. Default: a short greeting in its language.
    ///   - language: The language of the text (BCP 47).
    ///   - format: Of the file: `wav`, `ogg_opus`, `mp3`, `mu_law`, `a_law` or `pcm`.
    public func preview(
        _ voice: String? = nil, provider: String? = nil, settings: [String: JSONValue]? = nil, text: String? = nil,
        language: String? = nil, format: String = "wav"
    ) async throws -> VoicePreview {
        struct Fields: Decodable {
            let provider, text, media_type: String
            let voice, language: String?
            let sample_rate: Int
            let audio_seconds: Double
            let usage: Usage
            let cost: Cost?
        }
        let answer = try await room.answer(
            "preview",
            [
                "voice": JSONValue(voice), "provider": JSONValue(provider), "settings": settings.map(JSONValue.object) ?? .null,
                "text": JSONValue(text), "language": JSONValue(language), "format": .string(format),
            ])
        let fields = try JSONDecoder().decode(Fields.self, from: Data(answer.json.utf8))
        return VoicePreview(
            provider: fields.provider, voice: fields.voice, text: fields.text, language: fields.language,
            mediaType: fields.media_type, sampleRate: fields.sample_rate, duration: .seconds(fields.audio_seconds),
            usage: fields.usage, cost: fields.cost, file: answer.sound ?? Data())
    }
}
