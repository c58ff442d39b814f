import VoiceCoreNative

/// A record for your own logger. It holds ids, stages, codes and times; never what was said, and never a secret.
public struct LogRecord: Sendable {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    public let level: String
    /// The part of the library.
    public let target: String
    /// What happened.
    public let message: String
    /// The record's fields, a JSON object.
    public let fieldsJSON: String
}

/// Where log records go.
public enum Logging {
    /// Sends records of `level` and above to `sink`, on any thread; it must not call the library.
    public static func send(level: String, to sink: @escaping @Sendable (LogRecord) -> Void) throws {
        try translated { try setLogSink(level: level, sink: Sink(sink)) }
    }

    /// Stops sending records.
    public static func stop() { clearLogSink() }

    private final class Sink: LogSink {
        private let sink: @Sendable (LogRecord) -> Void

        init(_ sink: @escaping @Sendable (LogRecord) -> Void) { self.sink = sink }

        func log(level: String, target: String, text: String, fieldsJson: String) {
            sink(LogRecord(level: level, target: target, message: text, fieldsJSON: fieldsJson))
        }
    }
}
