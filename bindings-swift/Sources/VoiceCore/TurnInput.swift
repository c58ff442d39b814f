import Foundation
import VoiceCoreNative

/// What a turn is about: something said or something typed.
public enum TurnInput: Sendable {
    /// A recording on disk. Its format is told from its content: WAV, MP3, Ogg, FLAC, M4A, WebM and more.
    case file(URL)
    /// The bytes of such a file.
    case data(Data)
    /// Interleaved 16-bit samples.
    case pcm([Int16], sampleRate: Int, channels: Int = 1)
    /// Interleaved float samples, full scale ±1.
    case pcmFloat([Float], sampleRate: Int, channels: Int = 1)
    /// Something typed.
    case text(String)

    var lowered: Input {
        switch self {
        case .file(let url): .audio(audio: .path(path: url.path))
        case .data(let data): .audio(audio: .bytes(data: data))
        case .pcm(let samples, let rate, let channels):
            .audio(audio: .pcm(data: samples.littleEndian, sampleRate: UInt32(clamping: rate), channels: UInt32(clamping: channels)))
        case .pcmFloat(let samples, let rate, let channels):
            .audio(
                audio: .pcmF32(
                    data: samples.map { $0.bitPattern.littleEndian }.withUnsafeBytes { Data($0) },
                    sampleRate: UInt32(clamping: rate), channels: UInt32(clamping: channels)))
        case .text(let text): .text(text: text)
        }
    }
}

/// Mono 16-bit sound.
public struct Pcm: Sendable {
    /// The samples.
    public var samples: [Int16]
    /// Samples a second.
    public var sampleRate: Int
    /// Of a voice of your own: words of the text whose times it knows, those of this chunk or of others of the same text, each once and
    /// in their order. Live sessions then know to the word what was heard of an interrupted answer.
    public var words: [SpokenWord]

    public init(samples: [Int16], sampleRate: Int, words: [SpokenWord] = []) {
        self.samples = samples
        self.sampleRate = sampleRate
        self.words = words
    }
}

/// A word that a voice speaks, and when, in seconds from the beginning of the sound of the text that was asked for.
public struct SpokenWord: Sendable {
    /// The word, as it stands in the text.
    public var text: String
    /// When it begins.
    public var start: TimeInterval
    /// When it is over.
    public var end: TimeInterval

    public init(_ text: String, start: TimeInterval, end: TimeInterval) {
        self.text = text
        self.start = start
        self.end = end
    }
}

extension [Int16] {
    /// The samples as the native layer takes them.
    var littleEndian: Data { map(\.littleEndian).withUnsafeBytes { Data($0) } }

    init(littleEndian data: Data) {
        self = Array(unsafeUninitializedCapacity: data.count / 2) { samples, count in
            count = data.copyBytes(to: samples) / 2
            for index in 0..<count { samples[index] = Int16(littleEndian: samples[index]) }
        }
    }
}

extension [Float] {
    /// The samples as the native layer takes them.
    var littleEndian: Data { map(\.bitPattern.littleEndian).withUnsafeBytes { Data($0) } }
}
