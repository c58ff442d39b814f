// Written by `cargo xtask gen` from the library's own schema. Do not edit.

import type { ErrorCode } from './error.js'
import type { Cost, Timings, Usage } from './reply.js'

/**
 * A call of a provider. One that is tried after another failed has a report of its own; retries at one provider
 * share theirs.
 */
export interface CallReport {
  type: 'call'
  /** The session. */
  sessionId: string
  /** The turn that it was a part of; null when what was heard or prepared came to nothing. */
  turnId: string | null
  /** The trace: one for each one-shot turn and each live session. */
  traceId: string
  /** What is reported. */
  spanId: string
  /** What it is a part of; null: it is the whole. */
  parentSpanId: string | null
  /** The stage that it served: `stt`, `llm` or `tts`. */
  stage: string
  /** The provider and its model, for example `openai/gpt-transcribe`. */
  provider: string
  /** When it began. */
  startedAt: string
  /**
   * How long it took. Speech that is recognised while it is spoken counts from the end of the sound: before that
   * nobody waited.
   */
  durationMs: number
  /** How long its first result took: TTFB, for the language model TTFT. null: there was none. */
  firstResultMs: number | null
  /** How many attempts this provider was given. */
  attempts: number
  /** What it used, as far as that was told before it ended. */
  usage: Usage
  /** What that cost; null without a price, or when the provider did not say what was used. */
  cost: Cost | null
  /** Why it failed; null: it did not. `CANCELLED`: nobody wanted the rest, as after an interruption. */
  error: ErrorCode | null
}

/** A call of a tool. */
export interface ToolReport {
  type: 'tool'
  /** The session. */
  sessionId: string
  /** The turn whose model called it. */
  turnId: string | null
  /** The trace: one for each one-shot turn and each live session. */
  traceId: string
  /** What is reported. */
  spanId: string
  /** What it is a part of; null: it is the whole. */
  parentSpanId: string | null
  /** Its name; null: the model called for a tool that is not there. */
  name: string | null
  /** When it began. */
  startedAt: string
  /** How long it took. */
  durationMs: number
  /** Why it failed; null: it did not. */
  error: ErrorCode | null
}

/** A turn, one-shot or of a live session. */
export interface TurnReport {
  type: 'turn'
  /** The session; null when the turn failed before it was let into one. */
  sessionId: string | null
  /** The turn. */
  turnId: string
  /** The organization of the session. */
  organizationId: string | null
  /** The assistant of the session. */
  assistantId: string | null
  /** Whose session it is: the host's own name for the user. */
  user: string | null
  /** The trace: one for each one-shot turn and each live session. */
  traceId: string
  /** What is reported. */
  spanId: string
  /** What it is a part of; null: it is the whole. */
  parentSpanId: string | null
  /** Whether it was a turn of a live session. */
  live: boolean
  /**
   * Why the agent spoke, as `SpeechKind` writes it: `answer`, `greeting`, …; or `preview`, of a voice; or `summary`,
   * of a conversation.
   */
  kind: string
  /** When it began; in a live session, when the user's voice ended. */
  startedAt: string
  /** How long it took, until its answer was stored or, in a live session, was heard to its end. */
  durationMs: number
  /** When each stage of the answer came through. */
  timings: Timings
  /** Time to first audio: from the start of the turn to the first sound of the answer. */
  firstAudioMs: number | null
  /** From the end of the user's voice to the end of the user's turn, in a live session. */
  endOfUtteranceDelayMs: number | null
  /** How many calls of tools there were. */
  toolCalls: number
  /** Whether the user interrupted it. */
  interrupted: boolean
  /** What it used. */
  usage: Usage
  /** What that cost; null unless every model that was called has a price. */
  cost: Cost | null
  /** Why it failed; null: it did not. */
  error: ErrorCode | null
}

/** A live session. */
export interface SessionReport {
  type: 'session'
  /** The stored session. */
  sessionId: string
  /** Its organization. */
  organizationId: string | null
  /** Its assistant. */
  assistantId: string | null
  /** Whose it is: the host's own name for the user. */
  user: string | null
  /** The trace: one for each one-shot turn and each live session. */
  traceId: string
  /** What is reported. */
  spanId: string
  /** What it is a part of; null: it is the whole. */
  parentSpanId: string | null
  /** When it began. */
  startedAt: string
  /** How long it lasted. */
  durationMs: number
  /** Why it ended, as `EndReason` writes it: `host`, `goodbye`, … */
  reason: string
  /** How many exchanges were stored. */
  turns: number
  /** How many of them the user interrupted. */
  interruptions: number
  /** What was used in all of it. */
  usage: Usage
  /** What that cost; null unless every model that was called has a price. */
  cost: Cost | null
}
