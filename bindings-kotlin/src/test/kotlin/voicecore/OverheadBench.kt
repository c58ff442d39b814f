package voicecore

import java.io.File
import kotlin.test.Test
import kotlin.time.DurationUnit
import kotlin.time.measureTime
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.runBlocking

/**
 * What a turn costs through Kotlin when its providers answer at once, and what ten thousand turns leave in memory. No test by its
 * name: `cargo xtask bench overhead` runs it with a release build, and reads the line of JSON that it prints.
 */
class OverheadBench {
    private val ears = SpeechToText { _, _ -> flowOf(Transcript("hi")) }
    private val mind = LanguageModel { flowOf("Yes.") }
    private val mouth = TextToSpeech { _, _ -> flowOf(Pcm(ShortArray(160) { 1_000 }, 16_000)) }

    @Test
    fun overhead(): Unit = runBlocking {
        val speech = Audio.pcm(ShortArray(1_600) { if (it / 40 % 2 == 0) 8_000 else -8_000 }, 16_000)
        VoiceAgent.create("""{"storage": "memory"}""", ears, mind, mouth).use { agent ->
            suspend fun turns(): Long {
                repeat(10_000) { agent.sessions.delete(agent.converse("hi").sessionId) }
                return residentKiB()
            }
            val typed = median { agent.converse(Text("hi"), speak = false) }
            val spoken = median { agent.converse("hi") }
            val heard = median { agent.converse(speech) }
            val (before, after) = turns() to turns()
            println(
                """bench: {"typed_us": $typed, "spoken_us": $spoken, "heard_us": $heard, "before_kib": $before, "after_kib": $after}""",
            )
        }
    }

    private suspend fun median(run: suspend () -> Unit): Double {
        // The compiler of the JVM needs its time.
        repeat(3_000) { run() }
        return List(2_000) { measureTime { run() }.toDouble(DurationUnit.MICROSECONDS) }.sorted()[1_000]
    }
}

/** What the process holds after a collection, in KiB; 0 where the system does not tell. */
internal fun residentKiB(): Long {
    System.gc()
    val status = File("/proc/self/status").takeIf { it.exists() }?.readLines().orEmpty()
    return status.firstOrNull { it.startsWith("VmRSS") }?.filter { it.isDigit() }?.toLong() ?: 0
}
