import { fromRecord, guarded, type VoiceError } from './error.js'
import type { ToolCallRecord } from './event.js'
import type { Action, Source } from './people.js'
import { samplesOf } from './host.js'
import { line } from './line.js'
import type { NativeReply } from './native.js'
import { camel, type JsonObject } from './words.js'

/** The formats in which a reply's sound can be had. */
export type SoundFormat = 'wav' | 'ogg_opus' | 'mp3' | 'mu_law' | 'a_law' | 'pcm'

/** When the stages of a turn came through, in milliseconds from its start; null: did not happen. */
export interface Timings {
  audioReady: number | null
  transcript: number | null
  searched: number | null
  firstToken: number | null
  firstSentence: number | null
  firstAudio: number | null
  textDone: number | null
  audioDone: number | null
  stored: number | null
  total: number
}

/** How much was used, as far as the providers say. */
export interface Usage {
  inputTokens: number
  cachedTokens: number
  outputTokens: number
  sttSeconds: number
  ttsCharacters: number
  ttsSeconds: number
}

/** An amount of money. */
export interface Cost {
  /** The currency: three capital letters (ISO 4217). */
  currency: string
  /** The amount as a decimal number, exactly. */
  amount: string
  /** The amount in millionths of the currency's unit, rounded to the nearest. */
  micros: number
}

interface ReplyRecord {
  transcript: string
  text: string
  language: string | null
  sessionId: string
  turnId: string
  userMessageId: string
  assistantMessageId: string
  sampleRate: number
  audioSeconds: number
  textLanguage: string | null
  actions: Action[]
  sources: Source[]
  toolCalls: ToolCallRecord[]
  timingsMs: Timings
  usage: Usage
  cost: Cost | null
}

/** What `signal` does for a call. */
export interface CallOptions {
  /** Aborting it cancels the call, which then fails with `CANCELLED`; its reason is the error's `cause`. */
  signal?: AbortSignal | undefined
}

/** The sound of a reply: mono. Empty when speech failed or was not wanted. */
export class ReplyAudio {
  /** Samples a second. */
  readonly sampleRate: number
  /** How long it lasts, in seconds. */
  readonly seconds: number
  readonly #native: NativeReply
  #pcm: Buffer | undefined

  /** @internal */
  constructor(native: NativeReply, sampleRate: number, seconds: number) {
    this.#native = native
    this.sampleRate = sampleRate
    this.seconds = seconds
  }

  /** The samples as bytes, 16-bit little-endian: what a speaker takes. */
  get pcm(): Buffer {
    return (this.#pcm ??= guarded(() => this.#native.pcm()))
  }

  /** The samples. They share memory with `pcm`. */
  get samples(): Int16Array {
    return samplesOf(this.pcm)
  }

  /** The sound as a file. */
  encode(format: SoundFormat, options: CallOptions = {}): Promise<Buffer> {
    return line.call(
      (id, port) => this.#native.encode(port, id, format),
      (done) => done.bytes ?? Buffer.alloc(0),
      options,
    )
  }

  /** Writes the sound to a file, in the format that its name says: `.wav`, `.ogg`, `.mp3`, `.ulaw`, `.alaw` or `.pcm`. */
  save(path: string, options: CallOptions = {}): Promise<void> {
    return line.call(
      (id, port) => this.#native.save(port, id, path),
      () => undefined,
      options,
    )
  }
}

/** What a turn gives back. */
export class Reply {
  /** What the user said. */
  readonly transcript: string
  /** What the agent answered. */
  readonly text: string
  /** The answer's sound. */
  readonly audio: ReplyAudio
  /** Why sound is missing or incomplete although there is text. */
  readonly audioError: VoiceError | undefined
  /** The language of the user's words, when the recogniser told. */
  readonly language: string | null
  /** The language of the answer, where an interpreter speaks; the user's own when something is said again. */
  readonly textLanguage: string | null
  /** What has to be acted on, where `actions.on_replies` in the config waits for it. */
  readonly actions: readonly Action[]
  /** The passages of documents that the model was given to answer from, the best first. */
  readonly sources: readonly Source[]
  /** Why the documents could not be searched, if they could not: the answer does without them. */
  readonly knowledgeError: VoiceError | undefined
  /** The tools that the model called, in the order of its calls. */
  readonly toolCalls: readonly ToolCallRecord[]
  /** The session, new or continued: give it to the next turn. */
  readonly sessionId: string
  /** This turn. */
  readonly turnId: string
  /** The stored message of the user. */
  readonly userMessageId: string
  /** The stored message of the agent. */
  readonly assistantMessageId: string
  /** When each stage came through. */
  readonly timings: Timings
  /** What was used. */
  readonly usage: Usage
  /** What it cost, where every model that was called has a price in the config. */
  readonly cost: Cost | null

  /** @internal */
  constructor(native: NativeReply) {
    const json = JSON.parse(guarded(() => native.json())) as JsonObject
    const record = camel<ReplyRecord>(json)
    this.transcript = record.transcript
    this.text = record.text
    this.audio = new ReplyAudio(native, record.sampleRate, record.audioSeconds)
    this.audioError = json.audio_error ? fromRecord(json.audio_error as never) : undefined
    this.language = record.language
    this.textLanguage = record.textLanguage
    this.actions = record.actions
    this.sources = record.sources
    this.knowledgeError = json.knowledge_error ? fromRecord(json.knowledge_error as never) : undefined
    this.toolCalls = record.toolCalls
    this.sessionId = record.sessionId
    this.turnId = record.turnId
    this.userMessageId = record.userMessageId
    this.assistantMessageId = record.assistantMessageId
    this.timings = record.timingsMs
    this.usage = record.usage
    this.cost = record.cost
  }
}
