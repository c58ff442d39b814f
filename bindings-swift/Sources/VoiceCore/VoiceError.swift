import Foundation
import VoiceCoreNative

/// Why a call failed.
///
/// Branch on ``code``, or on ``kind`` for more; ``message`` is for people and holds no secret, no audio and nothing anybody said.
public struct VoiceError: Error, Sendable, LocalizedError, CustomStringConvertible {
    /// The stable codes, the same in every language.
    public enum Code: String, Sendable, CaseIterable {
        /// What was given (audio, text, a field) cannot be accepted as it is.
        case validation = "VALIDATION_ERROR"
        /// No credential was given where one is needed.
        case unauthorized = "UNAUTHORIZED"
        /// An API key of the host's own accounts is unknown or revoked.
        case invalidApiKey = "INVALID_API_KEY"
        /// A provider refused the key it was called with, or there is none for it.
        case invalidProviderKey = "INVALID_PROVIDER_KEY"
        /// No such session is reachable for this caller.
        case sessionNotFound = "SESSION_NOT_FOUND"
        /// Too many requests; see ``VoiceError/retryAfter``.
        case rateLimitExceeded = "RATE_LIMIT_EXCEEDED"
        /// The call, the config, or the request to a provider is wrong in itself; also: the agent is closed.
        case invalidRequest = "INVALID_REQUEST"
        /// The conversation store failed.
        case storage = "STORAGE_ERROR"
        /// A provider failed.
        case provider = "PROVIDER_ERROR"
        /// A time limit or the turn's deadline passed.
        case timeout = "TIMEOUT"
        /// The turn was cancelled by other means than its task, as when the agent was closed.
        case cancelled = "CANCELLED"
        /// A defect in the library, or a code of a newer one.
        case `internal` = "INTERNAL_ERROR"
    }

    /// The stable code.
    public let code: Code
    /// The finer kind, for example `no_speech`.
    public let kind: String
    /// The message for people.
    public let message: String
    /// The stage of the turn: `admit`, `audio`, `stt`, `llm`, `tts`, `store`; `nil` when it was in none.
    public let stage: String?
    /// Whether the same call may succeed when made again.
    public let retryable: Bool
    /// How long to wait before that, when somebody said so.
    public let retryAfter: Duration?
    /// The provider that failed, for example `openai/gpt-transcribe`.
    public let provider: String?
    /// The HTTP status with which a web host should answer.
    public let httpStatus: Int
    /// What had been said before the failure: there when saving the turn failed.
    public var reply: Reply? { spoken.map(Reply.init) }
    // Not a `Reply`, which itself may hold an error.
    private let spoken: VoiceCoreNative.Reply?

    init(_ details: ErrorDetails) {
        code = Code(rawValue: details.code) ?? .internal
        kind = details.kind
        message = details.detail
        stage = details.stage
        retryable = details.retryable
        retryAfter = details.retryAfterMs.map { Duration.milliseconds(Int64(clamping: $0)) }
        provider = details.provider
        httpStatus = Int(details.httpStatus)
        spoken = details.reply
    }

    public var errorDescription: String? { message }

    public var description: String { "\(code.rawValue) (\(kind)): \(message)" }
}

/// What a provider or store of your own throws to say more than an ordinary error does. Any other error is a failure of that
/// provider which may pass.
public struct ProviderFailure: Error, Sendable {
    /// What happened, for people and logs.
    public var message: String
    /// A code of the library; the library acts on it: `timeout` and `rateLimitExceeded` are tried again.
    public var code: VoiceError.Code
    /// Whether trying again may help; `nil`: as the code says.
    public var retryable: Bool?
    /// How long to wait before that.
    public var retryAfter: Duration?

    public init(
        _ message: String, code: VoiceError.Code = .provider, retryable: Bool? = nil, retryAfter: Duration? = nil
    ) {
        self.message = message
        self.code = code
        self.retryable = retryable
        self.retryAfter = retryAfter
    }
}

/// The error that users see for one of the native layer. A task that was cancelled ends as Swift's tasks do.
func raised(_ error: any Error) -> any Error {
    guard case Failure.Failed(let details)? = error as? Failure else { return error }
    let raised = VoiceError(details)
    return raised.code == .cancelled && Task.isCancelled ? CancellationError() : raised
}

func translated<T>(_ call: () throws -> T) throws -> T {
    do { return try call() } catch { throw raised(error) }
}

/// The same for calls that are waited for. A name of its own, since an asynchronous context would prefer it to the other.
func awaited<T>(_ call: () async throws -> T) async throws -> T {
    do { return try await call() } catch { throw raised(error) }
}

/// The same for calls that the task's cancellation stops: the native layer's futures know nothing of it by themselves.
func stoppable<T>(_ call: (Cancellation) async throws -> T) async throws -> T {
    let cancellation = Cancellation()
    return try await awaited {
        try await withTaskCancellationHandler {
            try await call(cancellation)
        } onCancel: {
            cancellation.cancel()
        }
    }
}

extension Duration {
    /// Whole milliseconds, none below zero.
    var milliseconds: UInt64 {
        let (seconds, attoseconds) = components
        return UInt64(max(0, seconds)) * 1000 + UInt64(max(0, attoseconds) / 1_000_000_000_000_000)
    }
}
