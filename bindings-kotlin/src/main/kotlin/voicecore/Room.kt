package voicecore

import kotlin.time.Duration
import kotlin.time.DurationUnit
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import voicecore.ffi.Agent

/** Part of a longer list. */
public class Page<T>(
    /** The items. */
    public val items: List<T>,
    /** Whether there are more beyond this page. */
    public val hasMore: Boolean,
)

/** A room of the native half, and what every call of it says. */
internal class Room(private val native: Agent, private val name: String, private val also: Map<String, Any?> = emptyMap()) {
    /** The same with one more thing that every call says. */
    fun with(argument: Pair<String, Any?>) = Room(native, name, also + argument)

    suspend fun answer(method: String, vararg arguments: Pair<String, Any?>): voicecore.ffi.Answer {
        val given = JsonObject((also + arguments.filter { it.second != null }).mapValues { (_, value) -> element(value) })
        return translated { native.call(name, method, given.toString(), null) }
    }

    suspend fun call(method: String, vararg arguments: Pair<String, Any?>): JsonElement =
        Json.parseToJsonElement(answer(method, *arguments).json)

    suspend fun <T> one(method: String, item: (JsonObject) -> T, vararg arguments: Pair<String, Any?>): T =
        item(call(method, *arguments).jsonObject)

    suspend fun <T> page(method: String, item: (JsonObject) -> T, vararg arguments: Pair<String, Any?>): Page<T> {
        val page = call(method, *arguments).jsonObject
        val items = page.getValue("items").jsonArray.map { item(it.jsonObject) }
        return Page(items, page.getValue("has_more").jsonPrimitive.boolean)
    }

    private fun element(value: Any?): JsonElement = when (value) {
        null -> JsonNull
        is JsonElement -> value
        is Number -> JsonPrimitive(value)
        is Duration -> JsonPrimitive(value.toDouble(DurationUnit.SECONDS))
        else -> JsonPrimitive(value.toString())
    }
}

internal fun JsonObject.text(name: String): String? = (this[name] as? JsonPrimitive)?.contentOrNull
