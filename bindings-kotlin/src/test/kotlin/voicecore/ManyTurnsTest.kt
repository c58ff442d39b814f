package voicecore

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlin.time.measureTime
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.runBlocking
import voicecore.ffi.uniffiForeignFutureHandleCount

class ManyTurnsTest {
    private val ears = SpeechToText { _, _ -> flowOf(Transcript("Hello")) }
    private val mind = LanguageModel { flowOf("Hello.") }
    private val mouth = TextToSpeech { _, _ -> flowOf(Pcm(ShortArray(240) { 1_000 }, 24_000)) }

    @Test
    fun `memory stays flat over ten thousand turns`() = runBlocking {
        VoiceAgent.create("""{"storage": "memory"}""", ears, mind, mouth).use { agent ->
            suspend fun turns(count: Int) = repeat(count) { agent.sessions.delete(agent.converse("Hello").sessionId) }
            turns(5_000)
            val before = residentKiB()
            val took = measureTime { turns(10_000) }
            val grown = residentKiB() - before
            println("said: 10000 turns with two host providers and a deletion, ${took.inWholeMicroseconds / 10_000} µs each, $grown KiB more resident")
            // The heap is of a fixed size and resident from the start (see pom.xml): what grows is outside of it.
            assertTrue(grown < 32 * 1024, "$grown KiB")
            assertEquals(0, uniffiForeignFutureHandleCount())
        }
    }
}
