import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.runBlocking
import voicecore.*

// A model of your own; everything left out comes from the config.
val mind = LanguageModel { prompt -> flowOf("You said: ", prompt.messages.last().content, ".") }
val ears = SpeechToText { _, _ -> flowOf(Transcript("Hello", language = "en")) }
val mouth = TextToSpeech { _, _ -> flowOf(Pcm(ShortArray(240) { 1000 }, 24_000)) }

fun main() = runBlocking {
    VoiceAgent.create("""{"storage": "memory"}""", stt = ears, llm = mind, tts = mouth).use { agent ->
        agent.turn("Hello").collect { event ->
            if (event is TurnEvent.Done) println("${event.reply.transcript}\n${event.reply.text}")
        }
    }
}
