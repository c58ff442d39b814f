import type { Reply } from './reply.js'

/** The stable codes of failure. New ones may be added, none is ever renamed. */
export type ErrorCode =
  | 'VALIDATION_ERROR'
  | 'UNAUTHORIZED'
  | 'INVALID_API_KEY'
  | 'INVALID_PROVIDER_KEY'
  | 'SESSION_NOT_FOUND'
  | 'RATE_LIMIT_EXCEEDED'
  | 'INVALID_REQUEST'
  | 'STORAGE_ERROR'
  | 'PROVIDER_ERROR'
  | 'TIMEOUT'
  | 'CANCELLED'
  | 'INTERNAL_ERROR'

/** The part of a turn in which something failed. */
export type Stage = 'admit' | 'audio' | 'stt' | 'llm' | 'tts' | 'store' | 'knowledge'

/** What a {@link VoiceError} is made of. */
export interface VoiceErrorDetails {
  /** The stable code. */
  code: ErrorCode
  /** The finer kind, for example `no_speech`. */
  kind?: string
  /** Whether the same call may succeed when made again. */
  retryable?: boolean
  /** How long to wait before that, in milliseconds. */
  retryAfter?: number
  /** The stage of the turn. */
  stage?: Stage
  /** The provider that failed. */
  provider?: string
  /** The HTTP status with which a server should answer. */
  httpStatus?: number
  /** What had been said before the failure. */
  reply?: Reply | undefined
  /** What led to it. */
  cause?: unknown
}

/**
 * Every failure of this library. Branch on `code`, or on the finer `kind`; the message is for people, and never holds a secret,
 * audio, or what anybody said.
 *
 * A provider or a store of your own may throw one to say precisely what went wrong.
 */
export class VoiceError extends Error {
  /** The stable code. */
  readonly code: ErrorCode
  /** The finer kind, for example `no_speech`. */
  readonly kind: string
  /** Whether the same call may succeed when made again; `undefined` when whoever made the error did not say. */
  readonly retryable: boolean | undefined
  /** How long to wait before that, in milliseconds. */
  readonly retryAfter: number | undefined
  /** The stage of the turn. */
  readonly stage: Stage | undefined
  /** The provider that failed, for example `openai/gpt-transcribe`. */
  readonly provider: string | undefined
  /** The HTTP status with which a server should answer. */
  readonly httpStatus: number | undefined
  // Private, so that who prints an error does not print what was said.
  readonly #reply: Reply | undefined

  constructor(message: string, details: VoiceErrorDetails) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = details.code
    this.kind = details.kind ?? details.code.toLowerCase()
    this.retryable = details.retryable
    this.retryAfter = details.retryAfter
    this.stage = details.stage
    this.provider = details.provider
    this.httpStatus = details.httpStatus
    this.#reply = details.reply
  }

  /** What had been said before the failure: there when saving the turn failed. Not in {@link VoiceError.toJSON}. */
  get reply(): Reply | undefined {
    return this.#reply
  }

  static {
    this.prototype.name = 'VoiceError'
  }

  /** Everything but the stack, for logs and responses. */
  toJSON(): Record<string, unknown> {
    const { name, message, code, kind, retryable, retryAfter, stage, provider, httpStatus } = this
    return { name, message, code, kind, retryable, retryAfter, stage, provider, httpStatus }
  }
}

interface ErrorRecord {
  code: ErrorCode
  kind: string
  stage: Stage | null
  detail: string
  retryable: boolean
  retry_after_ms: number | null
  provider: string | null
  http_status: number
}

/** @internal The error that the library describes. */
export function fromRecord(record: ErrorRecord, reply?: Reply): VoiceError {
  return new VoiceError(record.detail, {
    code: record.code,
    kind: record.kind,
    retryable: record.retryable,
    ...(record.retry_after_ms === null ? {} : { retryAfter: record.retry_after_ms }),
    ...(record.stage === null ? {} : { stage: record.stage }),
    ...(record.provider === null ? {} : { provider: record.provider }),
    httpStatus: record.http_status,
    reply,
  })
}

/** @internal An argument that cannot be accepted. */
export function invalid(message: string, kind = 'invalid_field'): VoiceError {
  return new VoiceError(message, { code: 'VALIDATION_ERROR', kind, retryable: false, httpStatus: 400 })
}

/** @internal What the host's signal asked for. */
export function cancelled(signal: AbortSignal): VoiceError {
  const details = { code: 'CANCELLED', kind: 'cancelled', retryable: false, httpStatus: 499 } as const
  return new VoiceError('the call was cancelled', { ...details, cause: signal.reason })
}

/** @internal Runs an export of the addon: what it throws is an error record as JSON, or a refusal of the engine's interface. */
export function guarded<T>(work: () => T): T {
  try {
    return work()
  } catch (thrown) {
    const message = thrown instanceof Error ? thrown.message : String(thrown)
    if (message.startsWith('{"code":')) throw fromRecord(JSON.parse(message) as ErrorRecord)
    throw thrown instanceof VoiceError ? thrown : invalid(message)
  }
}
