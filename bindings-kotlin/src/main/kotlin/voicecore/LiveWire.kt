package voicecore

import kotlinx.coroutines.flow.Flow
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject

/** A message of a connection that knows texts and bytes, as a WebSocket does. */
public sealed interface WireFrame {
    /** A text frame: JSON. */
    public class Text(public val text: String) : WireFrame

    /** A binary frame: sound. */
    public class Binary(public val bytes: ByteArray) : WireFrame
}

/**
 * A live session as frames: hand over every message that comes, send every one of [frames]. Made by [LiveSession.wire].
 *
 * What the frames hold is told by `docs/schema/live-wire.schema.json`. What is wrong with a message is told to the client, and the session
 * goes on.
 *
 * ```kotlin
 * val wire = live.wire()
 * launch { socket.incoming.collect { if (it.isText) wire.receive(it.text) else wire.receive(it.bytes) } }
 * wire.frames.collect { if (it is WireFrame.Text) socket.send(it.text) else if (it is WireFrame.Binary) socket.send(it.bytes) }
 * ```
 */
public class LiveWire internal constructor(private val native: voicecore.ffi.LiveWire) {
    /** What to send, to the end of the session. A collection that is given up can be gone on with. */
    public val frames: Flow<WireFrame> = Batches(native::nextBatch).flow { frame ->
        when (frame) {
            is voicecore.ffi.WireFrame.Text -> WireFrame.Text(frame.text)
            is voicecore.ffi.WireFrame.Binary -> WireFrame.Binary(frame.bytes)
        }
    }

    /** What the carrier of a telephone call said of it; `null`: its media stream has not begun, or there is no carrier. */
    public val call: PhoneCall? get() = native.call()?.let { PhoneCall(Json.parseToJsonElement(it).jsonObject) }

    /**
     * Has the carrier of a telephone call press keys: `0`–`9`, `*`, `#`, `A`–`D`. Only Plivo does.
     *
     * @throws VoiceException.InvalidRequest where nobody takes them
     */
    public fun press(keys: String): Unit = translated { native.press(keys) }

    /** Takes a text frame of the client's. */
    public fun receive(text: String): Unit = translated { native.receiveText(text) }

    /** Takes a binary frame of the client's. */
    public fun receive(bytes: ByteArray): Unit = translated { native.receiveBytes(bytes) }
}
