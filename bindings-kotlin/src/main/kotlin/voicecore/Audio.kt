package voicecore

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.time.Duration
import voicecore.ffi.AudioInput
import voicecore.ffi.Input

/** What a turn is about: something said ([Audio]) or something typed ([Text]). */
public sealed class TurnInput {
    internal abstract fun lowered(): Input
}

/** Something typed. */
public class Text(private val text: String) : TurnInput() {
    override fun lowered(): Input = Input.Text(text)
}

/** A recording. Its format is told from its content: WAV, MP3, Ogg, FLAC, M4A, WebM and more. */
public class Audio private constructor(private val input: AudioInput) : TurnInput() {
    override fun lowered(): Input = Input.Audio(input)

    public companion object {
        /** A file on disk. It is read when the turn runs, off the caller's thread. */
        public fun file(path: String): Audio = Audio(AudioInput.Path(path))

        /** A file on disk. */
        public fun file(file: File): Audio = file(file.path)

        /** The bytes of an encoded file. */
        public fun bytes(data: ByteArray): Audio = Audio(AudioInput.Bytes(data))

        /** Interleaved 16-bit samples. */
        public fun pcm(samples: ShortArray, sampleRate: Int, channels: Int = 1): Audio =
            Audio(AudioInput.Pcm(samples.toBytes(), sampleRate.toUInt(), channels.toUInt()))

        /** Interleaved float samples, full scale ±1. */
        public fun pcm(samples: FloatArray, sampleRate: Int, channels: Int = 1): Audio {
            return Audio(AudioInput.PcmF32(samples.toBytes(), sampleRate.toUInt(), channels.toUInt()))
        }
    }
}

/** Mono 16-bit sound. */
public class Pcm(
    /** The samples. */
    public val samples: ShortArray,
    /** Samples a second. */
    public val sampleRate: Int,
    /**
     * Of a voice of your own: words of the text whose times it knows, those of this chunk or of others of the same text, each once and in
     * their order. Live sessions then know to the word what was heard of an interrupted answer.
     */
    public val words: List<SpokenWord> = emptyList(),
)

/** A word that a voice speaks, and when, counted from the beginning of the sound of the text that was asked for. */
public class SpokenWord(
    /** The word, as it stands in the text. */
    public val text: String,
    /** When it begins. */
    public val start: Duration,
    /** When it is over. */
    public val end: Duration,
)

internal fun ShortArray.toBytes(): ByteArray {
    val data = ByteBuffer.allocate(size * 2).order(ByteOrder.LITTLE_ENDIAN)
    data.asShortBuffer().put(this)
    return data.array()
}

internal fun FloatArray.toBytes(): ByteArray {
    val data = ByteBuffer.allocate(size * 4).order(ByteOrder.LITTLE_ENDIAN)
    data.asFloatBuffer().put(this)
    return data.array()
}

internal fun ByteArray.toSamples(): ShortArray {
    val samples = ShortArray(size / 2)
    ByteBuffer.wrap(this).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer().get(samples)
    return samples
}
