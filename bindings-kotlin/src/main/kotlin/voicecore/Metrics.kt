package voicecore

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.doubleOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.longOrNull
import voicecore.ffi.HostMetrics

/** One thing that was measured, when it is over: ids, times, amounts and codes of errors, never words. */
public sealed interface Report

/**
 * What is told what calls, turns and live sessions took, used and cost.
 *
 * It is called in the background, one call at a time, and no turn waits for it: at most 2,048 reports do. What comes on top of that is
 * dropped, as is what a call was given that throws or takes longer than 30 seconds; [VoiceAgent.droppedReports] counts it. Closing the agent
 * delivers what waits, within 5 seconds.
 */
public fun interface MetricsSink {
    /** Takes what was measured since it was last called, in the order in which it ended: 1 to 256 reports. */
    public suspend fun record(reports: List<Report>)

    /** Lets go of what it still holds: the agent closes. Does nothing by default. */
    public suspend fun flush() {}
}

internal class MetricsHost(private val sink: MetricsSink) : HostMetrics {
    override suspend fun record(reportsJson: String): Unit = hosted {
        sink.record(Json.parseToJsonElement(reportsJson).jsonArray.mapNotNull { report(it.jsonObject) })
    }

    override suspend fun flush(): Unit = hosted { sink.flush() }

    /** `null` for a kind that this version does not know. */
    private fun report(json: JsonObject): Report? = when (json.text("type")) {
        "call" -> CallReport(json)
        "tool" -> ToolReport(json)
        "turn" -> TurnReport(json)
        "session" -> SessionReport(json)
        else -> null
    }
}

internal fun JsonObject.whole(name: String): Long = (this[name] as? JsonPrimitive)?.longOrNull ?: 0

internal fun JsonObject.truth(name: String): Boolean = (this[name] as? JsonPrimitive)?.booleanOrNull ?: false

internal fun JsonObject.real(name: String): Double? = (this[name] as? JsonPrimitive)?.doubleOrNull

/** A number of milliseconds. */
internal fun JsonObject.lasting(name: String): Duration? = real(name)?.milliseconds
