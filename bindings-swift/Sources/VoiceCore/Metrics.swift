import Foundation
import VoiceCoreNative

/// One thing that was measured, when it is over: ids, times, amounts and codes of errors, never words.
public enum Report: Sendable {
    /// A call of a provider.
    case call(CallReport)
    /// A call of a tool.
    case tool(ToolReport)
    /// A turn.
    case turn(TurnReport)
    /// A live session.
    case session(SessionReport)
}

/// What is told what calls, turns and live sessions took, used and cost.
///
/// It is called in the background, one call at a time, and no turn waits for it: at most 2,048 reports do. What comes on top of that is
/// dropped, as is what a call was given that throws or takes longer than 30 seconds; ``VoiceAgent/droppedReports`` counts it. Closing the
/// agent delivers what waits, within 5 seconds.
public protocol MetricsSink: Sendable {
    /// Takes what was measured since it was last called, in the order in which it ended: 1 to 256 reports.
    func record(_ reports: [Report]) async throws
    /// Lets go of what it still holds: the agent closes. Does nothing by default.
    func flush() async throws
}

extension MetricsSink {
    public func flush() async throws {}
}

final class MetricsBridge: HostMetrics {
    private let sink: any MetricsSink

    init(_ sink: any MetricsSink) { self.sink = sink }

    func record(reportsJson: String) async throws {
        try await hosted {
            try await sink.record(JSONDecoder().decode([Told].self, from: Data(reportsJson.utf8)).compactMap(\.report))
        }
    }

    func flush() async throws {
        try await hosted { try await sink.flush() }
    }
}

/// A report as the library writes it.
private struct Told: Decodable {
    /// `nil` for a kind that this version does not know.
    let report: Report?

    enum CodingKeys: String, CodingKey { case type }

    init(from decoder: any Decoder) throws {
        switch try decoder.container(keyedBy: CodingKeys.self).decode(String.self, forKey: .type) {
        case "call": report = .call(try CallReport(from: decoder))
        case "tool": report = .tool(try ToolReport(from: decoder))
        case "turn": report = .turn(try TurnReport(from: decoder))
        case "session": report = .session(try SessionReport(from: decoder))
        default: report = nil
        }
    }
}

extension Usage: Decodable {
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        inputTokens = try keys.decode(Int.self, forKey: .inputTokens)
        cachedTokens = try keys.decode(Int.self, forKey: .cachedTokens)
        outputTokens = try keys.decode(Int.self, forKey: .outputTokens)
        heard = .seconds(try keys.decode(Double.self, forKey: .heard))
        ttsCharacters = try keys.decode(Int.self, forKey: .ttsCharacters)
        spoken = .seconds(try keys.decode(Double.self, forKey: .spoken))
    }

    enum CodingKeys: String, CodingKey {
        case inputTokens = "input_tokens"
        case cachedTokens = "cached_tokens"
        case outputTokens = "output_tokens"
        case heard = "stt_seconds"
        case ttsCharacters = "tts_characters"
        case spoken = "tts_seconds"
    }
}

/// What the JSON of a reply, of an exchange or of a session says of its times and of what was used.
private struct Spent: Decodable {
    let usage: Usage?
    let timings: Timings?

    init?(_ json: String) {
        guard let spent = try? JSONDecoder().decode(Spent.self, from: Data(json.utf8)) else { return nil }
        self = spent
    }

    enum CodingKeys: String, CodingKey {
        case usage
        case timings = "timings_ms"
    }
}

extension Usage {
    init(in json: String) {
        guard let usage = Spent(json)?.usage else {
            (inputTokens, cachedTokens, outputTokens, ttsCharacters) = (0, 0, 0, 0)
            (heard, spoken) = (.zero, .zero)
            return
        }
        self = usage
    }
}

extension Timings {
    init(in json: String) {
        guard let timings = Spent(json)?.timings else {
            (audioReady, transcript, searched, firstToken, firstSentence) = (nil, nil, nil, nil, nil)
            (firstAudio, textDone, audioDone, stored) = (nil, nil, nil, nil)
            total = .zero
            return
        }
        self = timings
    }
}

extension Cost: Decodable {
    public init(from decoder: any Decoder) throws {
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        let amount = try keys.decode(String.self, forKey: .amount)
        let (currency, micros) = (try keys.decode(String.self, forKey: .currency), try keys.decode(UInt64.self, forKey: .micros))
        self.init(CostFields(currency: currency, amount: amount, micros: micros))
    }

    enum CodingKeys: String, CodingKey { case currency, amount, micros }
}
