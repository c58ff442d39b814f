package voicecore

import java.util.concurrent.atomic.AtomicBoolean
import kotlin.time.Duration
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import voicecore.ffi.Agent
import voicecore.ffi.TurnOptions

/**
 * Speech in, speech out: hears, thinks, answers, remembers.
 *
 * One agent serves any number of coroutines at a time; turns of one session run one after the other. Cancelling the coroutine
 * that waits for a turn, or that collects its events, stops the turn: providers are stopped and nothing is stored.
 *
 * ```kotlin
 * VoiceAgent.local().use { agent ->
 *     val reply = agent.converse(Audio.file("question.wav"))
 *     println("${reply.transcript}\n${reply.text}")
 *     reply.audio.save("answer.wav")
 * }
 * ```
 */
public class VoiceAgent private constructor(private val native: Agent, private val scoped: Boolean = false) : AutoCloseable {
    private val closed = AtomicBoolean()

    /** The sessions, their history and their sound. */
    public val sessions: Sessions = Sessions(Room(native, "sessions"))

    /** Organizations, users and their API keys. */
    public val accounts: Accounts = Accounts(Room(native, "accounts"))

    /** The assistants that are kept. */
    public val assistants: Assistants = Assistants(Room(native, "assistants"))

    /** The documents that answers are drawn from. */
    public val knowledge: Knowledge = Knowledge(Room(native, "knowledge"))

    /** Who changed what, and when. */
    public val audit: Audit = Audit(Room(native, "audit"))

    /** What is to be known of a telephone call before it is answered. */
    public val telephony: Telephony = Telephony(Room(native, "telephony"))

    /** The voices of text to speech: a list of them, and how one sounds. */
    public val voices: Voices = Voices(Room(native, "voices"))

    /** Who is told of events, and what was delivered to them. */
    public val webhooks: Webhooks = Webhooks(Room(native, "webhooks"))

    /** A browser's own way to the speech-to-speech model: client secrets. */
    public val realtime: Realtime = Realtime(Room(native, "realtime"))

    /**
     * The same agent as somebody with a credential reaches it: turns, live sessions and everything that is kept hold nothing of anybody
     * else. It lives as long as this agent; closing it does nothing.
     *
     * @throws VoiceException.Unauthorized when this agent acts for somebody already
     */
    public fun withPrincipal(principal: Principal): VoiceAgent =
        translated { VoiceAgent(native.withPrincipal(principal.json().toString()), scoped = true) }

    /**
     * One whole turn: hears the input, answers, saves both messages.
     *
     * @param session the session to continue; an unknown one starts a fresh session
     * @param user whose turn it is: your own name for the user
     * @param language the language that is spoken (BCP 47)
     * @param deadline how long the turn may take; default: the config's
     * @param speak whether the answer is spoken
     * @param assistant who answers in a fresh session: an assistant, by its id
     * @param organization in which organization the turn is taken, by its id
     * @param tools what the language model may call in this turn, besides the agent's tools
     * @throws VoiceException when the turn fails; nothing is stored then
     */
    public suspend fun converse(
        input: TurnInput,
        session: String? = null,
        user: String? = null,
        language: String? = null,
        deadline: Duration? = null,
        speak: Boolean = true,
        assistant: String? = null,
        organization: String? = null,
        tools: List<Tool> = emptyList(),
    ): Reply = translated {
        val options = options(session, user, language, deadline, speak, assistant, organization, tools)
        Reply(native.turn(input.lowered(), options, null))
    }

    /** The same for something typed. */
    public suspend fun converse(text: String, session: String? = null, user: String? = null): Reply =
        converse(Text(text), session, user)

    /**
     * One turn as it happens. It begins when the flow is collected, once for every collection; text and sound come while the
     * answer is still being written. Parameters as for [converse].
     *
     * The flow ends after [TurnEvent.Done], or with a [VoiceException] after every event that came before it.
     */
    public fun turn(
        input: TurnInput,
        session: String? = null,
        user: String? = null,
        language: String? = null,
        deadline: Duration? = null,
        speak: Boolean = true,
        assistant: String? = null,
        organization: String? = null,
        tools: List<Tool> = emptyList(),
    ): Flow<TurnEvent> = flow {
        val options = options(session, user, language, deadline, speak, assistant, organization, tools)
        val stream = translated { native.stream(input.lowered(), options) }
        try {
            while (true) {
                val batch = translated { stream.nextBatch(BATCH) }
                if (batch.isEmpty()) break
                for (event in batch) event.raised()?.let { emit(it) }
            }
        } finally {
            // A turn that is over does not mind.
            stream.cancel()
            stream.close()
        }
    }

    /** The same for something typed. */
    public fun turn(text: String, session: String? = null, user: String? = null): Flow<TurnEvent> =
        turn(Text(text), session, user)

    /**
     * Starts a live conversation: sound in both directions at once. Close it, or [LiveSession.end] it.
     *
     * @param session the session to continue; an unknown one starts a fresh session
     * @param user whose conversation it is: your own name for the user
     * @param language the language that is spoken (BCP 47); default: the assistant's, else detected with every utterance
     * @param config how turns are taken and the conversation behaves, in place of the config's `live`
     * @param firstMessage what the agent says first; default: the assistant's
     * @param inputRate the rate of the sound that will be pushed
     * @param inputChannels its channels
     * @param outputRate the rate of the sound that is given out, one channel
     * @param speak whether the agent speaks
     * @param assistant who talks in a fresh session: an assistant, by its id
     * @param organization in which organization it is held, by its id
     * @param tools what the language model may call in this session, besides the agent's tools
     * @throws VoiceException.Validation for a rate or a number of channels that is not supported
     * @throws VoiceException.InvalidRequest for a wrong config
     */
    public suspend fun live(
        session: String? = null,
        user: String? = null,
        language: String? = null,
        config: LiveConfig? = null,
        firstMessage: String? = null,
        inputRate: Int = 16_000,
        inputChannels: Int = 1,
        outputRate: Int = 24_000,
        speak: Boolean = true,
        assistant: String? = null,
        organization: String? = null,
        tools: List<Tool> = emptyList(),
    ): LiveSession {
        val options = buildJsonObject {
            session?.let { put("session", it) }
            user?.let { put("user", it) }
            language?.let { put("language", it) }
            config?.let { put("config", it.json()) }
            firstMessage?.let { put("first_message", it) }
            put("input_rate", inputRate)
            put("input_channels", inputChannels)
            put("output_rate", outputRate)
            put("speak", speak)
            assistant?.let { put("assistant", it) }
            organization?.let { put("organization", it) }
        }
        return live(options.toString(), tools)
    }

    internal suspend fun live(options: String, tools: List<Tool>): LiveSession =
        translated { LiveSession(native.live(options, tools.map(Tool::lowered), null)) }

    /** How many reports neither your [MetricsSink] nor a collector took: they were too slow, failed, or were gone. */
    public val droppedReports: Long get() = native.droppedReports().toLong()

    /** Makes every provider ready, so that the first turn is as fast as the others. */
    public suspend fun warmUp(): Unit = translated { native.warmUp(null) }

    /** Cancels what runs, finishes what is being saved. A second time is fine; any other use afterwards is a [VoiceException.InvalidRequest]. */
    public suspend fun shutDown(): Unit = translated { native.shutDown() }

    /** The same, waiting on this thread. */
    override fun close() {
        if (!scoped && closed.compareAndSet(false, true)) translated { native.shutDownBlocking() }
    }

    public companion object {
        private const val BATCH = 64u

        init {
            Threads.stayAttached()
        }

        /**
         * An agent that runs offline with local models and keeps conversations in an SQLite file in the user's data folder.
         *
         * @param storage another place for conversations: `sqlite:voice.db`, `memory`
         * @throws VoiceException.InvalidRequest when models are missing: the message says how to fetch them
         */
        public suspend fun local(storage: String? = null): VoiceAgent {
            val stages = """"stt": "local", "llm": "local", "tts": "local""""
            val quoted = storage?.let { kotlinx.serialization.json.JsonPrimitive(it) }
            return create(if (quoted == null) "{$stages}" else """{$stages, "storage": $quoted}""")
        }

        /**
         * An agent as a config document (JSON) and your own objects say; what is left out has a sensible default.
         *
         * @param config the same document in every language. In a list of providers `"host/0"` is your own object of that role, to be
         *   tried in that place; an object that the config does not name stands in place of what it says
         * @throws VoiceException.InvalidRequest naming the path of what is wrong in the config
         */
        public suspend fun create(
            config: String = "{}",
            stt: SpeechToText? = null,
            llm: LanguageModel? = null,
            tts: TextToSpeech? = null,
            store: ConversationStore? = null,
            tools: List<Tool> = emptyList(),
            turnDetector: TurnDetector? = null,
            metrics: MetricsSink? = null,
        ): VoiceAgent =
            create(config, Hosts(listOfNotNull(stt), listOfNotNull(llm), listOfNotNull(tts), store, tools, turnDetector, metrics))

        /** The same with any number of your own objects for each role. */
        public suspend fun create(config: String, hosts: Hosts): VoiceAgent =
            translated { VoiceAgent(Agent.build(config, hosts.lowered(), null)) }

        /** The same with a typed config. */
        public suspend fun create(config: AgentConfig, hosts: Hosts): VoiceAgent = create(config.json().toString(), hosts)

        /**
         * The same with a typed config.
         *
         * ```kotlin
         * VoiceAgent.create(AgentConfig(llm = listOf(ProviderConfig.host(), ProviderConfig.named("openai/gpt-6-luna"))), llm = mine)
         * ```
         */
        public suspend fun create(
            config: AgentConfig,
            stt: SpeechToText? = null,
            llm: LanguageModel? = null,
            tts: TextToSpeech? = null,
            store: ConversationStore? = null,
            tools: List<Tool> = emptyList(),
            turnDetector: TurnDetector? = null,
            metrics: MetricsSink? = null,
        ): VoiceAgent = create(config.json().toString(), stt, llm, tts, store, tools, turnDetector, metrics)

        /** The version of the library, the same in every language. */
        public val version: String get() = voicecore.ffi.version()

        private fun options(
            session: String?, user: String?, language: String?, deadline: Duration?, speak: Boolean,
            assistant: String?, organization: String?, tools: List<Tool>,
        ): TurnOptions {
            val deadlineMs = deadline?.inWholeMilliseconds?.coerceAtLeast(0)?.toULong()
            return TurnOptions(session, user, language, deadlineMs, speak, assistant, organization, tools.map(Tool::lowered))
        }
    }
}

/** A provider by its name in the config, as in `openai/gpt-transcribe`. */
public fun ProviderConfig.Companion.named(name: String): ProviderConfig =
    ProviderConfig(name.substringBefore('/'), name.substringAfter('/', "").ifEmpty { null })

/** In a list of providers, your own object of that role. */
public fun ProviderConfig.Companion.host(): ProviderConfig = ProviderConfig("host")

/** A provider or store of your own that has a name of its own for errors and metrics; others go by their class. */
public interface Named {
    /** The name, for example `acme/whisper`. */
    public val name: String
}
