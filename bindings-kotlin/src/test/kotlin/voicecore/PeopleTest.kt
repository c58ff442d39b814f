package voicecore

import kotlin.test.Test
import kotlin.test.assertEquals
import kotlin.test.assertFailsWith
import kotlin.test.assertNull
import kotlin.test.assertTrue
import kotlin.time.Duration.Companion.hours
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** Accounts, assistants and the audit log, and agents that act for somebody. */
class PeopleTest {
    private val ears = SpeechToText { _, _ -> flowOf(Transcript("Hello")) }
    private val mind = LanguageModel { flowOf("Good day.") }
    private val mouth = TextToSpeech { _, _ -> flowOf(Pcm(ShortArray(240) { 1_000 }, 24_000)) }

    private fun json(text: String): JsonObject = Json.parseToJsonElement(text).jsonObject

    private fun with(work: suspend (VoiceAgent) -> Unit) = runBlocking {
        VoiceAgent.create("""{"storage": "memory"}""", ears, mind, mouth).use { work(it) }
    }

    @Test
    fun `a user registers, logs in, and reaches only what is theirs`() = with { agent ->
        val acme = agent.accounts.createOrganization("Acme")
        val accounts = agent.accounts.of(acme.id)
        val (ada, bob) = accounts.register("ada@example.org") to accounts.register("bob@example.org")
        assertTrue(ada.secret.startsWith("sk_") && ada.secret.length == 67 && ada.secret !in ada.toString())
        assertEquals("ada@example.org", agent.accounts.logIn(ada.secret).user?.email)
        assertFailsWith<VoiceException.InvalidApiKey> { agent.accounts.authenticate("sk_wrong") }
        assertFailsWith<VoiceException.Validation> { accounts.register("ada@example.org") }

        val hers = agent.withPrincipal(agent.accounts.authenticate(ada.secret))
        val session = hers.converse(Text("Hello"), speak = false).sessionId
        assertEquals(acme.id, hers.sessions.get(session).organization)
        assertEquals(2, hers.sessions.history(session).items.size)
        val his = agent.withPrincipal(Principal(acme.id, bob.user.id))
        assertFailsWith<VoiceException.SessionNotFound> { his.sessions.get(session) }
        assertFailsWith<VoiceException.Unauthorized> { hers.withPrincipal(Principal(acme.id)) }
        assertFailsWith<VoiceException.Unauthorized> { hers.accounts.organizations() }
        hers.close()
        assertEquals(2, accounts.users().items.size)
        assertEquals(Erased(1, 2), accounts.deleteUser(ada.user.id))
    }

    @Test
    fun `keys are made, limited, rotated and revoked, and tokens stand for somebody`() = with { agent ->
        val acme = agent.accounts.createOrganization("Acme")
        val accounts = agent.accounts.of(acme.id)
        val made = accounts.createKey(name = "terminal", rateLimit = KeyLimit(60, 5), valid = 1.hours)
        assertEquals(KeyLimit(60, 5), made.key.rateLimit)
        assertTrue(made.key.expiresAt != null && made.key.user == null)
        val next = accounts.rotateKey(made.key.id)
        assertFailsWith<VoiceException.InvalidApiKey> { agent.accounts.authenticate(made.secret) }
        assertEquals(acme.id, agent.accounts.authenticate(next.secret).organization)
        accounts.revokeKey(next.key.id)
        assertEquals(2, accounts.keys().items.count { it.revokedAt != null })

        val keys = json("""{"keys": [{"id": "a", "hs256": "${"s".repeat(40)}"}]}""")
        val token = agent.accounts.issueToken(keys, Principal(acme.id), 1.hours)
        assertEquals(acme.id, agent.accounts.authenticateToken(keys, token).organization)
        assertFailsWith<VoiceException.Unauthorized> { agent.accounts.authenticateToken(keys, "$token.x") }
    }

    @Test
    fun `a session keeps the version of its assistant, and opens with its first message`() = with { agent ->
        val first = agent.assistants.create(json("""{"name": "Receptionist", "first_message": "Good day."}"""))
        assertEquals(1, first.version)
        val session = agent.sessions.create(assistant = first.id)
        assertEquals(AssistantVersion(first.id, 1), session.assistant)
        val next = agent.assistants.patch(first.id, json("""{"first_message": "Hello."}"""))
        assertEquals(2 to "Hello.", next.version to next.assistant.getValue("first_message").jsonPrimitive.content)
        val greeting = agent.sessions.greet(session.id)!!
        assertTrue(greeting.text == "Good day." && greeting.audio.samples.isNotEmpty() && greeting.audioErrorCode == null)
        agent.converse(Text("Hi"), session = session.id, speak = false)
        assertNull(agent.sessions.greet(session.id), "the conversation has gone on")
        assertEquals("Good day.", agent.converse(Text("Hi"), speak = false, assistant = first.id).text)
        assertEquals(listOf(first.id), agent.assistants.list().items.map { it.id })
        assertTrue("Good day." in agent.sessions.export(session.id, "text"))
        agent.assistants.delete(first.id)
        assertTrue(agent.assistants.list().items.isEmpty() && agent.assistants.version(first.id, 1).version == 1)
    }

    @Test
    fun `the audit log says who changed what`() = with { agent ->
        val acme = agent.accounts.createOrganization("Acme")
        agent.accounts.of(acme.id).register("ada@example.org")
        val entries = agent.audit.entries(organization = acme.id).items
        assertTrue(entries.isNotEmpty() && entries.all { it.actor == "host" && "ada" !in it.toString() })
        assertEquals(entries.size.toLong(), entries.map { it.id }.distinct().size.toLong())
    }
}
