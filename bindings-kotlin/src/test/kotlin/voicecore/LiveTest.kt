package voicecore

import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertIs
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeoutOrNull

class LiveTest {
    private val heard = mutableListOf<Int>()
    private val ears = SpeechToText { audio, _ ->
        heard += audio.samples.size
        flowOf(Transcript("Hello", language = "en"))
    }
    private val mind = LanguageModel { flowOf("Good ", "morning.") }
    private val mouth = TextToSpeech { _, _ -> flowOf(Pcm(ShortArray(2_400) { 1_000 }, 24_000)) }

    private suspend fun agent() = VoiceAgent.create("""{"storage": "memory"}""", ears, mind, mouth)

    @Test
    fun `a question that is pushed and committed is answered aloud`() = runBlocking {
        agent().use { agent ->
            agent.live(config = LiveConfig(turnDetection = "manual")).use { live ->
                repeat(10) { live.pushAudio(ShortArray(320) { 8_000 }) }
                live.pushAudio(FloatArray(320) { 0.25f })
                live.commit()
                assertTrue((live.events.first { it is LiveEvent.Audio } as LiveEvent.Audio).pcm.isNotEmpty())
                val turn = (live.events.first { it is LiveEvent.TurnDone } as LiveEvent.TurnDone).turn
                assertEquals(listOf("Hello", "Good morning.", "answer"), listOf(turn.transcript, turn.text, turn.kind))
                assertContentEquals(listOf(11 * 320), heard)
                assertTrue(turn.timings.firstAudio!! <= turn.timings.total)
                val summary = live.end()
                assertEquals(listOf("host", live.sessionId), listOf(summary.reason, summary.sessionId))
                assertEquals(listOf(13L, 13L), listOf(turn.usage.ttsCharacters, summary.usage.ttsCharacters))
                assertEquals("closed", assertFailsWith<VoiceException.InvalidRequest> { live.commit() }.kind)
            }
        }
    }

    @Test
    fun `a collection that is given up loses no event`() = runBlocking {
        agent().use { agent ->
            agent.live(firstMessage = "Welcome.").use { live ->
                val seen = mutableListOf<LiveEvent>()
                while (seen.none { it is LiveEvent.TurnDone }) {
                    withTimeoutOrNull(3.milliseconds) { live.events.collect(seen::add) }
                }
                assertIs<LiveEvent.Started>(seen.first())
                assertEquals(1, seen.count { it is LiveEvent.TurnStarted })
                assertEquals("Welcome.", seen.filterIsInstance<LiveEvent.TurnDone>().single().turn.text)
                val samples = seen.filterIsInstance<LiveEvent.Audio>().sumOf { it.pcm.size }
                assertEquals(2_400, samples)
            }
        }
    }

    @Test
    fun `closing the agent ends its sessions`() = runBlocking {
        val agent = agent()
        val live = agent.live()
        agent.close()
        assertEquals("agent_closed", assertIs<LiveEvent.Ended>(live.events.toList().last()).summary.reason)
    }
}
