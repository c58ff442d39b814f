import Foundation
import XCTest

@testable import VoiceCore

/// One that no `Double` is.
private let large: Int64 = 9_007_199_254_740_993

final class JSONValueTests: XCTestCase {
    func testWholeNumbersOf64BitsAreKept() throws {
        for number in [large, .max, .min] {
            let value = JSONValue(parsing: "{\"n\":\(number)}")
            XCTAssertEqual(value, ["n": .integer(number)])
            XCTAssertEqual(value.json, "{\"n\":\(number)}")
        }
        XCTAssertEqual(JSONValue(parsing: "[0.5, 1e300]"), [0.5, 1e300])
        XCTAssertNotEqual(JSONValue.integer(large), .number(9_007_199_254_740_992))
        XCTAssertEqual(JSONValue(parsing: "2.0"), 2)
    }

    func testTheyComeThroughMetadataAndTheArgumentsOfATool() async throws {
        let asked = Asked(role: "llm", script: [
            "tools": true,
            "calls": [
                [["tool_call": ["id": "a", "name": "count", "arguments": ["n": .integer(large)]]]],
                [["text": "Counted."]],
            ],
        ])
        let tool = Tool(
            "count", description: "Counts.",
            parameters: ["type": "object", "properties": ["n": ["type": "integer"]], "required": ["n"]]
        ) { arguments, _ in arguments["n"] == .integer(large) ? "kept" : "changed" }
        let agent = try await VoiceAgent(
            config: "{\"storage\": \"memory\"}", stt: scriptedRecogniser(Asked(role: "stt", script: ["calls": []])),
            llm: scriptedModel(asked), tts: ScriptedTts(Asked(role: "tts", script: ["calls": []])), tools: [tool])
        let reply = try await agent.converse(.text("Count."), speak: false)
        XCTAssertEqual(reply.toolCalls.map(\.result), ["kept"])
        XCTAssertEqual(reply.toolCalls.first?.arguments, ["n": .integer(large)])

        let session = try await agent.sessions.create(metadata: ["n": .integer(large)])
        let kept = try await agent.sessions.get(session.id)
        XCTAssertEqual(kept.metadata, ["n": .integer(large)])
        let history = try await agent.sessions.history(reply.sessionID)
        let calls = history.items.compactMap(\.toolCall)
        XCTAssertEqual(calls.map(\.arguments), [["n": .integer(large)]])
        XCTAssertNil(kept.assistant)
        let mira = try await agent.assistants.create(["name": "Mira"])
        let hers = try await agent.sessions.create(assistant: mira.id)
        XCTAssertEqual(hers.assistant, AssistantVersion(id: mira.id, version: 1))
        try await agent.close()
    }
}
