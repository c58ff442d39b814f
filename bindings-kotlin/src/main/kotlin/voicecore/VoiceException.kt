package voicecore

import kotlin.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import voicecore.ffi.ErrorDetails
import voicecore.ffi.Failure

/**
 * Why a call failed. Catch the class that you act on, or branch on [code]; [message] is for people and holds no secret, no
 * audio and nothing anybody said.
 *
 * @property code the stable code, for example `VALIDATION_ERROR`
 * @property kind the finer kind, for example `no_speech`
 * @property stage the stage of the turn: `admit`, `audio`, `stt`, `llm`, `tts`, `store`; `null` when it was in none
 * @property retryable whether the same call may succeed when made again
 * @property retryAfter how long to wait before that, when somebody said so
 * @property provider the provider that failed, for example `openai/gpt-transcribe`
 * @property httpStatus the HTTP status with which a web host should answer
 * @property reply what had been said before the failure: there when saving the turn failed
 */
public sealed class VoiceException(
    public val code: String,
    public val kind: String,
    message: String,
    public val stage: String?,
    public val retryable: Boolean,
    public val retryAfter: Duration?,
    public val provider: String?,
    public val httpStatus: Int,
    public val reply: Reply?,
) : Exception(message) {
    private constructor(details: ErrorDetails) : this(
        details.code,
        details.kind,
        details.detail,
        details.stage,
        details.retryable,
        details.retryAfterMs?.toLong()?.milliseconds,
        details.provider,
        details.httpStatus.toInt(),
        details.reply?.let(::Reply),
    )

    /** What was given (audio, text, a field) cannot be accepted as it is. */
    public class Validation internal constructor(details: ErrorDetails) : VoiceException(details)

    /** No credential was given where one is needed. */
    public class Unauthorized internal constructor(details: ErrorDetails) : VoiceException(details)

    /** An API key of the host's own accounts is unknown or revoked. */
    public class InvalidApiKey internal constructor(details: ErrorDetails) : VoiceException(details)

    /** A provider refused the key it was called with, or there is none for it. */
    public class InvalidProviderKey internal constructor(details: ErrorDetails) : VoiceException(details)

    /** No such session is reachable for this caller. */
    public class SessionNotFound internal constructor(details: ErrorDetails) : VoiceException(details)

    /** Too many requests; see [retryAfter]. */
    public class RateLimitExceeded internal constructor(details: ErrorDetails) : VoiceException(details)

    /** The call, the config, or the request to a provider is wrong in itself; also: the agent is closed. */
    public class InvalidRequest internal constructor(details: ErrorDetails) : VoiceException(details)

    /** The conversation store failed. */
    public class Storage internal constructor(details: ErrorDetails) : VoiceException(details)

    /** A provider failed. */
    public class Provider internal constructor(details: ErrorDetails) : VoiceException(details)

    /** A time limit or the turn's deadline passed. */
    public class Timeout internal constructor(details: ErrorDetails) : VoiceException(details)

    /** The turn was cancelled by other means than its coroutine, as when the agent was closed. */
    public class Cancelled internal constructor(details: ErrorDetails) : VoiceException(details)

    /** A defect in the library. */
    public class Internal internal constructor(details: ErrorDetails) : VoiceException(details)

    internal companion object {
        fun of(details: ErrorDetails): VoiceException = when (details.code) {
            "VALIDATION_ERROR" -> Validation(details)
            "UNAUTHORIZED" -> Unauthorized(details)
            "INVALID_API_KEY" -> InvalidApiKey(details)
            "INVALID_PROVIDER_KEY" -> InvalidProviderKey(details)
            "SESSION_NOT_FOUND" -> SessionNotFound(details)
            "RATE_LIMIT_EXCEEDED" -> RateLimitExceeded(details)
            "INVALID_REQUEST" -> InvalidRequest(details)
            "STORAGE_ERROR" -> Storage(details)
            "PROVIDER_ERROR" -> Provider(details)
            "TIMEOUT" -> Timeout(details)
            "CANCELLED" -> Cancelled(details)
            else -> Internal(details)
        }
    }
}

/** Runs a call of the native layer; its failures leave as [VoiceException]. */
internal inline fun <T> translated(call: () -> T): T = try {
    call()
} catch (failure: Failure.Failed) {
    throw VoiceException.of(failure.details)
}

/**
 * What a provider or store of your own throws to say more than an ordinary exception does. Any other exception is a
 * failure of that provider which may pass.
 *
 * @param code a code of the library; the library acts on it: `TIMEOUT` and `RATE_LIMIT_EXCEEDED` are tried again
 * @param retryable whether trying again may help; `null`: as the code says
 * @param retryAfter how long to wait before that
 */
public class ProviderException(
    message: String,
    public val code: String = "PROVIDER_ERROR",
    public val retryable: Boolean? = null,
    public val retryAfter: Duration? = null,
    cause: Throwable? = null,
) : Exception(message, cause)
