// A first spoken conversation, offline: question.wav in, answer.wav out. Models.fetch() gets the models.
//   swift run -Xlinker -L../../target/release -Xlinker -rpath -Xlinker ../../target/release FirstConversation question.wav
import Foundation
import VoiceCore

@main
struct FirstConversation {
    static func main() async {
        let question = CommandLine.arguments.dropFirst().first ?? "question.wav"
        do {
            let agent = try await VoiceAgent.local(storage: "memory")
            let reply = try await agent.converse(.file(URL(fileURLWithPath: question)))
            print(reply.transcript, reply.text, separator: "\n")
            try reply.save(to: URL(fileURLWithPath: "answer.wav"))
            try await agent.close()
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            exit(1)
        }
    }
}
