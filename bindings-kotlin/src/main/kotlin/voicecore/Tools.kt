package voicecore

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put
import voicecore.ffi.HostTool
import voicecore.ffi.ToolCallFields

/** Whose call a tool serves. */
public class ToolContext internal constructor(
    /** The session of the turn. */
    public val sessionId: String,
    /** The turn. */
    public val turnId: String,
    /** Whose session it is, as it was said when the turn was begun. */
    public val user: String?,
    /** How long the call may take. */
    public val timeout: Duration,
)

/** What becomes of a call whose turn is cancelled or interrupted. */
public enum class OnInterruption(internal val word: String) {
    /** Its coroutine is cancelled with the turn. */
    CANCEL("cancel"),

    /** It runs to its end or its time-out: for what must not be left half done. */
    RUN_ON("run_on"),
}

/** A function of yours that the language model may call while it answers. Made by [tool]. */
public class Tool internal constructor(
    /** The name under which the model knows it. */
    public val name: String,
    internal val definition: JsonObject,
    internal val execute: suspend ToolContext.(JsonObject) -> Any?,
) {
    internal fun lowered() = voicecore.ffi.ToolHost(definition.toString(), ToolHost(this))
}

/**
 * A tool for [VoiceAgent.create], or for one turn or live session.
 *
 * ```kotlin
 * val orderStatus = tool("order_status", "Where an order is.", schema) { args ->
 *     "Order ${args["order_id"]} is on its way."
 * }
 * ```
 *
 * What the function gives is told to the model: text as it is, a [JsonElement] as JSON; `null` and [Unit] are told as "done". What it throws is
 * told to the model with its message ([ProviderException] also with its code), and the turn goes on.
 *
 * @param name 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`
 * @param description what it does and when to call it: all that the model knows of it
 * @param parameters the JSON schema of its arguments, an object; arguments that do not fit never reach the function. Default: it takes none
 * @param timeout how long a call may take; its coroutine is cancelled then, and the model told so
 * @param onInterruption what becomes of a call whose turn is cancelled or interrupted
 * @param parallel whether it may run beside other calls
 * @param background whether its work outlasts the turn of a live session: the agent goes on without it and tells the result later, when nobody
 *   speaks or with its next answer. Turns outside live sessions wait for it
 */
public fun tool(
    name: String,
    description: String,
    parameters: JsonObject? = null,
    timeout: Duration = 20.seconds,
    onInterruption: OnInterruption = OnInterruption.CANCEL,
    parallel: Boolean = true,
    background: Boolean = false,
    execute: suspend ToolContext.(arguments: JsonObject) -> Any?,
): Tool {
    val definition = buildJsonObject {
        put("name", name)
        put("description", description)
        parameters?.let { put("parameters", it) }
        put("timeout_ms", timeout.inWholeMilliseconds)
        put("on_interruption", onInterruption.word)
        put("parallel", parallel)
        put("background", background)
    }
    return Tool(name, definition, execute)
}

/** A call of a tool, as a language model asks for it. */
public data class ToolCall(
    /** Names the call within its turn. */
    val id: String,
    /** The tool's name. */
    val name: String,
    /** The arguments: an object, or the text that the model wrote instead. */
    val arguments: JsonElement,
) {
    override fun toString(): String = "ToolCall(id=$id, name=$name)"
}

/** A call of a tool, and what came of it. */
public data class ToolCallRecord(
    /** Names the call within its turn. */
    val id: String,
    /** The tool's name. */
    val name: String,
    /** The arguments that the model gave. */
    val arguments: JsonElement,
    /** What the model was told: the tool's result, or as JSON why there is none. */
    val result: String,
    /** Whether it failed: wrong arguments, no such tool, an exception, a time-out. */
    val failed: Boolean,
    /** How long it took. */
    val elapsed: Duration,
) {
    internal constructor(of: ToolCallFields) : this(
        of.id, of.name, Json.parseToJsonElement(of.argumentsJson), of.result, of.failed, of.elapsedMs.toLong().milliseconds,
    )

    internal companion object {
        /** A call as the history keeps it; `null`: it was written by another hand. */
        fun of(content: String): ToolCallRecord? = try {
            val json = Json.parseToJsonElement(content).jsonObject
            ToolCallRecord(
                json.text("id").orEmpty(), json.text("name").orEmpty(), json.getValue("arguments"), json.text("result").orEmpty(),
                json.getValue("failed").jsonPrimitive.boolean, json.getValue("elapsed_ms").jsonPrimitive.long.milliseconds,
            )
        } catch (_: RuntimeException) {
            null
        }
    }

    override fun toString(): String = "ToolCallRecord(id=$id, name=$name, failed=$failed, elapsed=$elapsed)"
}

internal class ToolHost(private val tool: Tool) : HostTool {
    override suspend fun call(argumentsJson: String, contextJson: String): String? = hosted {
        val given = Json.parseToJsonElement(contextJson).jsonObject
        val left = given["timeout_ms"]?.jsonPrimitive?.long ?: 0
        val context =
            ToolContext(given.text("session_id").orEmpty(), given.text("turn_id").orEmpty(), given.text("user"), left.milliseconds)
        val execute = tool.execute
        when (val result = context.execute(Json.parseToJsonElement(argumentsJson).jsonObject)) {
            null, Unit, JsonNull -> null
            is String -> result
            is JsonPrimitive -> result.content
            is JsonElement -> result.toString()
            is Number, is Boolean -> result.toString()
            else -> throw IllegalArgumentException(
                "${tool.name} gave ${result::class.simpleName}; text, a JsonElement, a number or nothing is accepted",
            )
        }
    }
}
