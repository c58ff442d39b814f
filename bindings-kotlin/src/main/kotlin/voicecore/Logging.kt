package voicecore

import voicecore.ffi.LogSink
import voicecore.ffi.clearLogSink
import voicecore.ffi.setLogSink

/** A record for your own logger. It holds ids, stages, codes and times; never what was said, and never a secret. */
public class LogRecord(
    /** `error`, `warn`, `info`, `debug` or `trace`. */
    public val level: String,
    /** The part of the library. */
    public val target: String,
    /** What happened. */
    public val message: String,
    /** The record's fields, a JSON object. */
    public val fieldsJson: String,
)

/** Where log records go. */
public object Logging {
    /** Sends records of [level] and above to [sink], on any thread; it must not call the library. */
    public fun to(level: String, sink: (LogRecord) -> Unit): Unit = translated {
        setLogSink(level, object : LogSink {
            override fun log(level: String, target: String, text: String, fieldsJson: String) =
                sink(LogRecord(level, target, text, fieldsJson))
        })
    }

    /** Stops sending records. */
    public fun stop(): Unit = clearLogSink()
}
