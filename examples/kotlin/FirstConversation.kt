// A first spoken conversation, offline: question.wav in, answer.wav out. Models.fetch() gets the models.
import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import voicecore.Audio
import voicecore.VoiceAgent
import voicecore.VoiceException

fun main(args: Array<String>): Unit = runBlocking {
    val (question, answer) = args.toList() + listOf("question.wav", "answer.wav").drop(args.size)
    try {
        VoiceAgent.local(storage = "memory").use { agent ->
            val reply = agent.converse(Audio.file(question))
            println("${reply.transcript}\n${reply.text}")
            reply.audio.save(answer)
        }
    } catch (e: VoiceException) {
        System.err.println("${e.code}: ${e.message}")
        exitProcess(1)
    }
}
