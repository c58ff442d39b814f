package voicecore

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertTrue
import kotlin.time.Duration
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.runBlocking

/** Sinks of metrics written in Kotlin. */
class MetricsTest {
    private val mind = LanguageModel { flow { emit("Good morning.") } }
    private val mouth = TextToSpeech { _, _ -> flow { emit(Pcm(ShortArray(240), 24_000)) } }

    private class Kept : MetricsSink {
        val told: MutableList<Report> = java.util.Collections.synchronizedList(mutableListOf())
        var flushed = false

        override suspend fun record(reports: List<Report>) {
            told += reports
        }

        override suspend fun flush() {
            flushed = true
        }
    }

    private fun <T> with(sink: MetricsSink, work: suspend (VoiceAgent) -> T): Pair<T, VoiceAgent> = runBlocking(Dispatchers.Default) {
        val agent = VoiceAgent.create("""{"storage": "memory", "stt": "none"}""", llm = mind, tts = mouth, metrics = sink)
        agent.use { work(it) } to agent
    }

    @Test
    fun `a sink is told what a turn took, and nothing that was said`() {
        val sink = Kept()
        val (reply, agent) = with(sink) { it.converse("planted question", user = "ada") }
        val turn = sink.told.filterIsInstance<TurnReport>().single()
        assertEquals(listOf("ada", reply.turnId, "answer"), listOf(turn.user, turn.turnId, turn.kind))
        assertTrue(turn.firstAudio!! <= turn.duration && turn.timings.total > Duration.ZERO)
        val calls = sink.told.filterIsInstance<CallReport>().associateBy { it.stage }
        assertEquals(setOf("llm", "tts"), calls.keys)
        assertTrue(calls.values.all { it.parentSpanId == turn.spanId && it.error == null })
        assertEquals(13L, calls.getValue("tts").usage.ttsCharacters)
        assertTrue("planted" !in sink.told.toString() && "morning" !in sink.told.toString())
        assertEquals(0L, agent.droppedReports)
        assertTrue(sink.flushed)
    }

    @Test
    fun `what a sink was told counts as dropped when it throws`() {
        val (_, agent) = with(MetricsSink { error("as planned") }) { it.converse("Hello") }
        assertEquals(3L, agent.droppedReports)
    }
}
