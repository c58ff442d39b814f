import { fromRecord, type VoiceError } from './error.js'
import { samplesOf } from './host.js'
import type { NativeEvent } from './native.js'
import type { Action, Source } from './people.js'
import { type Cost, Reply, type Usage } from './reply.js'
import { camel, camelWord } from './words.js'

/** The turn was admitted. */
export interface StartedEvent {
  type: 'started'
  /** The session, new or continued. */
  sessionId: string
  /** This turn. */
  turnId: string
}

/** What the user said. */
export interface TranscriptEvent {
  type: 'transcript'
  /** Everything recognised so far; a later transcript replaces an earlier one. */
  text: string
  /** Whether this is the last word on it. */
  final: boolean
  /** The language, when the recogniser told. */
  language: string | null
}

/** The passages of documents that the model is given to answer from, the best first. */
export interface SourcesEvent {
  type: 'sources'
  sources: Source[]
}

/** The documents could not be searched; the turn goes on without them. */
export interface KnowledgeFailedEvent {
  type: 'knowledgeFailed'
  /** Why. */
  error: VoiceError
}

/** The next piece of the answer's text. */
export interface TextEvent {
  type: 'text'
  /** The piece. */
  text: string
}

/** The next piece of the answer's sound, gapless with the one before; every piece of a turn has the same rate. */
export interface AudioEvent {
  type: 'audio'
  /** Mono samples as bytes, 16-bit little-endian: what a speaker takes. */
  pcm: Buffer
  /** The same samples; they share memory with `pcm`. */
  samples: Int16Array
  /** Samples a second. */
  sampleRate: number
}

/** What the sound that follows says. */
export interface SpeakingEvent {
  type: 'speaking'
  text: string
}

/** What the sound that follows says to fill the time that a tool takes. No part of the answer; it is not stored. */
export interface FillerEvent {
  type: 'filler'
  text: string
}

/** A call of a tool, as the model asks for it. */
export interface ToolCall {
  /** Names the call within its turn. */
  id: string
  /** The tool's name. */
  name: string
  /** The arguments: an object, or the text that the model wrote instead. */
  arguments: unknown
}

/** A call of a tool, and what came of it. */
export interface ToolCallRecord extends ToolCall {
  /** What the model was told: the tool's result, or as JSON why there is none. */
  result: string
  /** Whether it failed: wrong arguments, no such tool, something thrown, a time-out. */
  failed: boolean
  /** How long it took, in milliseconds. */
  elapsedMs: number
}

/** The model calls a tool. */
export interface ToolCallEvent extends ToolCall {
  type: 'toolCall'
}

/** A tool is done, or failed and the model is told why. */
export interface ToolResultEvent extends ToolCallRecord {
  type: 'toolResult'
}

/** A provider call ended. */
export interface MetricsEvent {
  type: 'metrics'
  /** The stage it served. */
  stage: 'stt' | 'llm' | 'tts'
  /** The provider that served it. */
  provider: string
  /** From the call to its first result, in milliseconds. */
  firstResultMs: number | null
  /** From the call to its end, in milliseconds. */
  totalMs: number
  /** How many attempts were made. */
  attempts: number
  /** What it used. */
  usage: Usage
  /** What that cost, where it has a price in the config. */
  cost: Cost | null
}

/** Something that was said has to be acted on. It is stored. In a turn it is told only where `actions.on_replies` waits for it. */
export interface ActionDetectedEvent {
  type: 'actionDetected'
  action: Action
}

/** Speech failed after text existed; the turn goes on without its sound. */
export interface AudioFailedEvent {
  type: 'audioFailed'
  /** Why. */
  error: VoiceError
}

/** The turn is complete and stored. Always the last event. */
export interface DoneEvent {
  type: 'done'
  /** Its reply. */
  reply: Reply
}

/** What happens in a turn, in order. A turn that fails throws instead of ending with `done`. */
export type TurnEvent =
  | StartedEvent
  | TranscriptEvent
  | SourcesEvent
  | KnowledgeFailedEvent
  | TextEvent
  | SpeakingEvent
  | FillerEvent
  | AudioEvent
  | ToolCallEvent
  | ToolResultEvent
  | MetricsEvent
  | ActionDetectedEvent
  | AudioFailedEvent
  | DoneEvent

/** @internal */
export function eventOf({ json, pcm, reply }: NativeEvent): TurnEvent {
  const record = JSON.parse(json)
  switch (record.type) {
    case 'audio': {
      const bytes = pcm ?? Buffer.alloc(0)
      return { type: 'audio', pcm: bytes, samples: samplesOf(bytes), sampleRate: record.sample_rate }
    }
    case 'knowledge_failed':
      return { type: 'knowledgeFailed', error: fromRecord(record.error) }
    case 'audio_failed':
      return { type: 'audioFailed', error: fromRecord(record.error) }
    case 'done':
      return { type: 'done', reply: new Reply(reply!) }
    default:
      return camel<TurnEvent>({ ...record, type: camelWord(record.type) })
  }
}
