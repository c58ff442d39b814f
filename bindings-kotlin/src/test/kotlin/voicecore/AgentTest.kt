package voicecore

import java.io.File
import java.util.concurrent.CountDownLatch
import kotlin.io.path.createTempDirectory
import kotlin.test.Test
import kotlin.test.assertContentEquals
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertFalse
import kotlin.test.assertIs
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.milliseconds
import kotlinx.coroutines.CompletableDeferred
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.TimeoutCancellationException
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout

class AgentTest {
    private val ears = SpeechToText { _, _ -> flowOf(Transcript("Hello", language = "en")) }
    private val mind = LanguageModel { prompt -> flowOf("You said: ", prompt.messages.last().content, ".") }
    private val mouth = TextToSpeech { _, _ -> flowOf(Pcm(ShortArray(2_400) { 1_000 }, 24_000)) }
    private val memory = """{"storage": "memory"}"""

    private suspend fun agent(config: String = memory, llm: LanguageModel = mind) = VoiceAgent.create(config, ears, llm, mouth)

    @Test
    fun `closing twice is fine and a closed agent says so`() = runBlocking {
        val agent = agent()
        agent.close()
        agent.close()
        val error = assertFailsWith<VoiceException.InvalidRequest> { agent.converse("Hello") }
        assertEquals("closed", error.kind)
    }

    @Test
    fun `withTimeout stops the provider`() = runBlocking {
        var stopped = false
        val hanging = LanguageModel {
            flow {
                try {
                    awaitCancellation()
                } finally {
                    stopped = true
                }
            }
        }
        agent(llm = hanging).use {
            assertFailsWith<TimeoutCancellationException> { withTimeout(50.milliseconds) { it.converse("Hello") } }
            for (attempt in 0..200) if (!stopped) kotlinx.coroutines.delay(10)
        }
        assertTrue(stopped)
    }

    @Test
    fun `the sound of a reply is a file in every format`() = runBlocking {
        agent().use { agent ->
            val reply = agent.converse("Hello")
            assertNull(reply.audioError)
            assertEquals("RIFF", reply.audio.encoded("wav").decodeToString(0, 4))
            assertEquals("OggS", reply.audio.encoded("ogg_opus").decodeToString(0, 4))
            assertFailsWith<VoiceException.Validation> { reply.audio.encoded("nonsense") }
            val file = File.createTempFile("answer", ".wav")
            reply.audio.save(file.path)
            assertContentEquals(reply.audio.encoded(), file.readBytes())
            assertFailsWith<VoiceException.InvalidRequest> { reply.audio.save("/no/such/folder/answer.wav") }
            assertEquals(24_000, reply.audio.sampleRate)
            assertTrue(reply.audio.samples().isNotEmpty())
            assertTrue("timings_ms" in reply.json)
            val times = reply.timings
            assertTrue(times.firstAudio!! <= times.audioDone!! && times.total >= times.stored!!, "$times")
        }
    }

    @Test
    fun `a flow can be collected again and is another turn`() = runBlocking {
        agent().use { agent ->
            val turn = agent.turn("Hello")
            val ids = List(2) { (turn.toList().last() as TurnEvent.Done).reply.turnId }
            assertEquals(2, ids.toSet().size)
        }
    }

    @Test
    fun `an error of a host that is no exception is a failure and not a hang`() = runBlocking {
        agent(llm = { throw StackOverflowError("deep") }, config = """{"storage": "memory", "retry": {"attempts": 1}}""").use {
            val error = assertFailsWith<VoiceException.Provider> { it.converse("Hello") }
            assertTrue("deep" in error.message!!)
        }
    }

    @Test
    fun `a panic of the library is an internal error`() {
        assertFailsWith<VoiceException.Internal> { Testing.panic() }
    }

    @Test
    fun `log records reach the host`() = runBlocking {
        val records = java.util.concurrent.ConcurrentLinkedQueue<LogRecord>()
        Logging.to("info") { records += it }
        agent().use { it.converse("a secret word") }
        Logging.stop()
        assertTrue(records.any { it.message == "turn done" && "total_ms" in it.fieldsJson })
        assertTrue(records.none { "secret" in it.fieldsJson })
        assertFailsWith<VoiceException.Validation> { Logging.to("loud") {} }
        Unit
    }

    @Test
    fun `a typed config says the same as the document`() = runBlocking {
        val config = AgentConfig(
            llm = listOf(ProviderConfig.named("openai/gpt-6-luna"), ProviderConfig.host()),
            storage = "memory",
            assistant = AssistantConfig(systemPrompt = "Be brief.", maxTokens = 5, temperature = 0.5),
            rateLimit = RateLimitOptions(perMinute = 60),
        )
        val expected = """{"llm":[{"provider":"openai","model":"gpt-6-luna"},{"provider":"host"}],"storage":"memory",""" +
            """"assistant":{"system_prompt":"Be brief.","temperature":0.5,"max_tokens":5},"rate_limit":{"per_minute":60}}"""
        assertEquals(expected, config.json().toString())
        assertFalse("secret" in ProviderConfig("openai", apiKey = "secret").toString())
        val own = AgentConfig(llm = listOf(ProviderConfig.host()), storage = "memory")
        VoiceAgent.create(own, ears, mind, mouth).use { assertEquals("You said: Hi.", it.converse("Hi").text) }
    }

    @Test
    fun `a model says what it used, and gets ready when its agent is warmed up`() = runBlocking {
        val told = mutableListOf<String>()
        val model = object : ReportingModel {
            override fun answer(prompt: Prompt) = flowOf(
                Written.Text("Fine."), Written.Usage(12, 3, cachedTokens = 5), Written.Finished(FinishReason.STOP),
            )

            override suspend fun warmUp(systemPrompt: String) {
                told += systemPrompt
                if (told.size == 2) throw ProviderException("no more", retryable = false)
            }
        }
        val config = """{"storage": "memory", "assistant": {"system_prompt": "Be brief."}}"""
        VoiceAgent.create(config, ears, model, mouth).use { agent ->
            agent.warmUp()
            assertEquals(listOf("Be brief."), told)
            val metrics = agent.turn("How are you?").toList().filterIsInstance<TurnEvent.Metrics>().first { it.stage == "llm" }
            val usage = metrics.usage
            assertEquals(listOf(12L, 5L, 3L), listOf(usage.inputTokens, usage.cachedTokens, usage.outputTokens))
            val error = assertFailsWith<VoiceException.Provider> { agent.warmUp() }
            assertEquals("llm", error.stage)
            assertFalse(error.retryable)
        }
    }

    @Test
    fun `a cancelled fetch of models ends and leaves what is in place`() = runBlocking {
        val folder = createTempDirectory().toString()
        assertTrue(Models.list(folder).any { it.name == "silero-vad" && !it.present })
        val planned = CompletableDeferred<FetchStep>()
        val cancelled = CountDownLatch(1)
        val fetching = launch(Dispatchers.Default) {
            Models.fetch(listOf("silero-vad"), folder) {
                planned.complete(it)
                cancelled.await()
            }
        }
        assertIs<FetchStep.Planned>(planned.await())
        fetching.cancelAndJoin()
        cancelled.countDown()
        // Waits for the end of the first: two fetches never share a folder.
        assertFailsWith<VoiceException.InvalidRequest> { Models.fetch(listOf("silero-vad"), folder, mirror = folder) }
        assertEquals(emptyList(), Models.verify(folder))
        assertFailsWith<VoiceException.InvalidRequest> { Models.fetch(listOf("no such model"), folder) }
        Unit
    }

    @Test
    fun `the first code block of the README runs`() {
        val readme = File("README.md").readText()
        val block = readme.substringAfter("```kotlin\n").substringBefore("```")
        val example = File("src/test/kotlin/Example.kt").readText()
        assertEquals(example.trim(), block.trim())
        val out = java.io.ByteArrayOutputStream()
        val before = System.out
        System.setOut(java.io.PrintStream(out))
        try {
            Class.forName("ExampleKt").getMethod("main").invoke(null)
        } finally {
            System.setOut(before)
        }
        assertEquals("Hello\nYou said: Hello.\n", out.toString().replace("\r\n", "\n"))
    }
}
