package voicecore

import java.io.File
import kotlin.io.path.createTempDirectory
import kotlin.io.path.readBytes
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.minutes
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable

/** A conversation with real models, offline. */
@EnabledIfEnvironmentVariable(named = "VOICE_CORE_MODELS", matches = ".+")
class LocalModelsTest {
    @Test
    fun `a recorded question is answered aloud`() = runBlocking {
        val recording = File(System.getenv("VOICE_CORE_MODELS"), "test-audio/beckett.wav")
        VoiceAgent.local(storage = "memory").use { agent ->
            val reply = agent.converse(Audio.file(recording), deadline = 10.minutes)
            println("said: ${reply.transcript} → ${reply.text} (${reply.audio.duration})")
            assertTrue("fail better" in reply.transcript.lowercase())
            assertTrue(reply.text.isNotBlank() && reply.audio.duration.isPositive())
        }
    }

    @Test
    fun `the first conversation of the examples is held`() {
        val recording = File(System.getenv("VOICE_CORE_MODELS"), "test-audio/beckett.wav").path
        val answer = createTempDirectory().resolve("answer.wav")
        val arguments = arrayOf(recording, answer.toString())
        Class.forName("FirstConversationKt").getMethod("main", Array<String>::class.java).invoke(null, arguments)
        assertEquals("RIFF", answer.readBytes().decodeToString(0, 4))
    }
}
