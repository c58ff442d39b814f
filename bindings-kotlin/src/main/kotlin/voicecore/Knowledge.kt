package voicecore

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject

/** A document that answers are drawn from, but for its text. */
public class KnowledgeDocument internal constructor(json: JsonObject) {
    /** Its id. */
    public val id: String = json.id("id")

    /** Its organization; `null` in a host without organizations. */
    public val organization: String? = json.text("organization")

    /** Which version this is, from 1: every change makes the next. */
    public val version: Int = json.number("version")

    /** Its title, which the model is told with every passage. */
    public val title: String = json.id("title")

    /** How its text was given: `text`, `markdown` or `html`. */
    public val format: String = json.id("format")

    /** Where it is from, in the owner's words: an address, the name of a file. */
    public val source: String? = json.text("source")

    /** Your own data. */
    public val metadata: JsonObject = json["metadata"] as? JsonObject ?: JsonObject(emptyMap())

    /** How many bytes its text has. */
    public val bytes: Long = json.whole("bytes")

    /** Tells its content from any other: a SHA-256 in hexadecimal. */
    public val hash: String = json.id("hash")

    /** When it was added (RFC 3339). */
    public val createdAt: String = json.id("created_at")

    /** When this version was made (RFC 3339). */
    public val updatedAt: String = json.id("updated_at")

    override fun toString(): String = "KnowledgeDocument(id=$id, version=$version)"
}

/** A passage of a document that the language model was given to answer from. */
public class Source internal constructor(json: JsonObject) {
    /** The document. */
    public val documentId: String = json.id("document_id")

    /** The title of the document. */
    public val title: String = json.id("title")

    /** The headings under which the passage stands, with ` › ` between them; empty: none. */
    public val heading: String = json.id("heading")

    /** Which passage of the document it is, from 0. */
    public val passage: Int = json.number("passage")

    /** What it says. It is not printed. */
    public val text: String = json.id("text")

    /** How much of what was asked is in it, 0–1. */
    public val score: Double = json.real("score") ?: 0.0

    override fun toString(): String = "Source(documentId=$documentId, passage=$passage, score=$score)"

    internal companion object {
        fun all(json: String) = Json.parseToJsonElement(json).jsonArray.map { Source(it.jsonObject) }
    }
}

/**
 * Documents that answers are drawn from: those of no organization, of one ([of]), or of whom the agent acts for. Assistants name them in
 * `knowledge`, the config in `knowledge.documents`. A change is followed at the next turn.
 */
public class Knowledge internal constructor(private val room: Room) {
    /** The documents of one organization. */
    public fun of(organization: String): Knowledge = Knowledge(room.with("organization" to organization))

    /**
     * Adds a document. One with this content that is there already is given back as it is.
     *
     * @param format `text` (the default), `markdown` or `html`
     */
    public suspend fun add(
        title: String,
        text: String,
        format: String? = null,
        source: String? = null,
        metadata: JsonObject? = null,
    ): KnowledgeDocument = room.one(
        "add", ::KnowledgeDocument, "title" to title, "text" to text, "format" to format, "source" to source, "metadata" to metadata,
    )

    /** A document. */
    public suspend fun get(id: String): KnowledgeDocument = room.one("get", ::KnowledgeDocument, "id" to id)

    /** The text of a document, as it is searched: of a page, the Markdown that was made of it. */
    public suspend fun text(id: String): String = (room.call("text", "id" to id) as JsonPrimitive).content

    /** Documents, newest first. */
    public suspend fun list(limit: Int = 20, before: String? = null): Page<KnowledgeDocument> =
        room.page("list", ::KnowledgeDocument, "limit" to limit, "before" to before)

    /** Changes what is given; an empty [source] takes it away. */
    public suspend fun update(
        id: String,
        title: String? = null,
        text: String? = null,
        format: String? = null,
        source: String? = null,
        metadata: JsonObject? = null,
    ): KnowledgeDocument = room.one(
        "update", ::KnowledgeDocument, "id" to id, "title" to title, "text" to text, "format" to format, "source" to source,
        "metadata" to metadata,
    )

    /** Deletes a document. Assistants that name it do without it from their next turn on. */
    public suspend fun delete(id: String) {
        room.call("delete", "id" to id)
    }

    /** The passages of these documents, or of all, that a turn would find, the best first. */
    public suspend fun search(
        text: String,
        documents: List<String>? = null,
        topK: Int? = null,
        minScore: Double? = null,
    ): List<Source> {
        val ids = documents?.let { JsonArray(it.map(::JsonPrimitive)) }
        val found = room.call("search", "text" to text, "documents" to ids, "top_k" to topK, "min_score" to minScore)
        return found.jsonArray.map { Source(it.jsonObject) }
    }
}
