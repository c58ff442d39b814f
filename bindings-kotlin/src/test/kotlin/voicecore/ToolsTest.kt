package voicecore

import java.util.concurrent.atomic.AtomicInteger
import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.filterIsInstance
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.put

/** Tools written in Kotlin. */
class ToolsTest {
    private val anything = Json.parseToJsonElement("""{"type": "object"}""").jsonObject

    /** Calls a tool, then says what came of it. */
    private class Caller(private val name: String, val seen: MutableList<Prompt> = mutableListOf()) : ToolCallingModel {
        override fun answer(prompt: Prompt): Flow<Written> = flow {
            seen += prompt
            val results = prompt.messages.filter { it.role == "tool" }
            if (results.isEmpty()) {
                emit(Written.Call(ToolCall("a", name, buildJsonObject { put("order_id", 7) })))
            } else {
                emit(Written.Text("It says: ${results.joinToString { it.content }}."))
            }
        }
    }

    private fun <T> with(tool: Tool, model: Caller = Caller(tool.name), work: suspend (VoiceAgent) -> T): T =
        runBlocking(Dispatchers.Default) {
            val config = """{"storage": "memory"}"""
            val agent = VoiceAgent.create(config, silentEars, model, silentMouth, tools = listOf(tool))
            agent.use { withTimeout(30.seconds) { work(it) } }
        }

    private val silentEars = SpeechToText { _, _ -> flow { emit(Transcript("Hello")) } }
    private val silentMouth = TextToSpeech { _, _ -> flow { emit(Pcm(ShortArray(240), 24_000)) } }

    @Test
    fun `a turn and a live session have tools of their own`() = runBlocking {
        val model = Caller("weather")
        val weather = tool("weather", "Rain or not.", anything) { "rain" }
        VoiceAgent.create("""{"storage": "memory"}""", silentEars, model, silentMouth).use { agent ->
            assertEquals("It says: rain.", agent.converse(Text("Rain?"), tools = listOf(weather)).text)
            val events = agent.turn(Text("Rain?"), tools = listOf(weather)).toList()
            assertEquals(1, events.count { it is TurnEvent.ToolResult })
            agent.live(tools = listOf(weather)).use { live ->
                live.pushText("Rain?")
                val done = live.events.filterIsInstance<LiveEvent.TurnDone>().first()
                assertEquals(listOf("rain"), done.turn.toolCalls.map { it.result })
            }
            assertTrue(model.seen.all { prompt -> prompt.tools.map { it.name } == listOf("weather") })
            assertEquals(6, model.seen.size)
        }
    }

    @Test
    fun `a model is told of a tool, calls it, and goes on with the result`() {
        val model = Caller("order_status")
        val tool = tool("order_status", "Where an order is.", anything) { args -> "order ${args["order_id"]} for $user" }
        with(tool, model) { agent ->
            val reply = agent.converse("Where is order 7?", user = "ada")
            assertEquals("It says: order 7 for ada.", reply.text)
            assertEquals(listOf("order_status" to "order 7 for ada"), reply.toolCalls.map { it.name to it.result })
            assertTrue(!reply.toolCalls.single().failed)
        }
        val (first, second) = model.seen
        assertEquals(listOf("order_status" to "Where an order is."), first.tools.map { it.name to it.description })
        val (call, result) = second.messages.takeLast(2)
        assertEquals(call.toolCalls.single().id, result.toolCallId)
    }

    @Test
    fun `calls and results are events`() {
        with(tool("act", "Acts.", anything) { }) { agent ->
            val events = agent.turn("Go").toList()
            assertEquals("act", events.filterIsInstance<TurnEvent.ToolCall>().single().call.name)
            assertEquals("done", events.filterIsInstance<TurnEvent.ToolResult>().single().call.result)
        }
    }

    @Test
    fun `what is given is told as text or as JSON, and anything else is refused`() {
        fun told(value: Any?) = with(tool("give", "Gives.", anything) { value }) { it.converse("Go").toolCalls.single() }
        assertEquals("""{"sky":"blue"}""", told(buildJsonObject { put("sky", "blue") }).result)
        assertEquals("3", told(3).result)
        assertEquals("done", told(null).result)
        assertTrue(told(listOf(1)).let { it.failed && "text, a JsonElement" in it.result })
    }

    @Test
    fun `what is thrown is told to the model`() {
        val broken = tool("broken", "Breaks.", anything) { throw ProviderException("there is no order 9", "VALIDATION_ERROR") }
        val call = with(broken) { it.converse("Go").toolCalls.single() }
        assertTrue(call.failed && "VALIDATION_ERROR" in call.result && "there is no order 9" in call.result)
    }

    @Test
    fun `cancelling the turn, and a time-out, cancel the coroutine of the tool`() {
        val (begun, ended) = CompletableDeferred<Unit>() to AtomicInteger()
        suspend fun hang(): Nothing = try {
            begun.complete(Unit)
            awaitCancellation()
        } finally {
            ended.incrementAndGet()
        }
        with(tool("slow", "Takes its time.", anything) { hang() }) { agent ->
            val turn = kotlinx.coroutines.coroutineScope {
                val turn = async { agent.converse("Go") }
                begun.await()
                turn.also { it.cancelAndJoin() }
            }
            assertTrue(turn.isCancelled)
            while (ended.get() == 0) kotlinx.coroutines.yield()
        }
        val late = with(tool("late", "Comes late.", anything, timeout = 50.milliseconds) { hang() }) { agent ->
            agent.converse("Go").toolCalls.single().also { while (ended.get() == 1) kotlinx.coroutines.yield() }
        }
        assertTrue(late.failed && "TIMEOUT" in late.result)
    }

    @Test
    fun `what is wrong with a tool is named at once`() {
        val spaced = assertFailsWith<VoiceException.InvalidRequest> { with(tool("order status", "Wrong.") { }) { } }
        assertTrue("is no name" in spaced.message.orEmpty())
        val instant = assertFailsWith<VoiceException.Validation> { with(tool("a", "Wrong.", timeout = 0.seconds) { }) { } }
        assertTrue("tools.a.timeout_ms" in instant.message.orEmpty())
    }

    @Test
    fun `several models of one's own are tried in their order`(): Unit = runBlocking {
        val broken = LanguageModel { flow { throw ProviderException("down", retryable = false) } }
        val sound = LanguageModel { flow { emit("I am here.") } }
        val hosts = Hosts(listOf(silentEars), listOf(broken, sound), listOf(silentMouth))
        VoiceAgent.create("""{"storage": "memory"}""", hosts).use { assertEquals("I am here.", it.converse("Hello").text) }
        VoiceAgent.create("""{"storage": "memory", "llm": "host/1"}""", hosts).use { assertEquals("I am here.", it.converse("Hello").text) }
    }
}
