import { invalid } from './error.js'
import type { ToolCall } from './event.js'
import { until } from './input.js'
import { line } from './line.js'
import type { MetricsSink, Report } from './metrics.js'
import type { Message, NativeAnswer, NativeSound, Role } from './native.js'
import type { Voice } from './people.js'
import { resultText, type Tool, type ToolContext } from './tool.js'
import { camel, camelWord, type JsonObject, snake } from './words.js'

/** One value now or later, or many: an async generator, a promise, or a plain value. */
export type Given<T> = AsyncIterable<T> | Iterable<T> | Promise<T> | T

/** Words that were recognised. */
export interface Transcript {
  /** Everything recognised so far; a later transcript replaces an earlier one. */
  text: string
  /** Whether this is the last word on it. Default true. */
  final?: boolean
  /** A BCP 47 tag such as `en`, if it is known. */
  language?: string
}

/** What a recogniser is asked. */
export interface TranscribeRequest {
  /** What was said: 16 kHz mono. */
  samples: Int16Array
  /** Samples a second: 16,000. */
  sampleRate: number
  /** The language that is spoken, if it is known. */
  language: string | undefined
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** What comes with the call to get ready. */
export interface WarmUpRequest {
  /** Aborted when nobody waits for it any more. */
  signal: AbortSignal
}

/** Your own speech to text. */
export interface SpeechToText {
  /** Its name in events and logs. */
  name?: string
  /** Transcribes: interim transcripts if there are any, then one final. A string is a final transcript. */
  transcribe(request: TranscribeRequest): Given<string | Transcript>
  /**
   * Recognises one utterance of a live session while it is spoken, if it can: interim transcripts as they come, each with everything
   * said so far, then, once the sound is over, one final. Whatever fails here costs no words: the utterance is then given to `transcribe`.
   */
  listen?(request: ListenRequest): Given<string | Transcript>
  /**
   * Gets ready before it is asked for the first time, if it has something to get ready: opens a connection, loads a model.
   * {@link VoiceAgent.warmUp} calls it and waits for it; what it throws is thrown there.
   */
  warmUp?(request: WarmUpRequest): void | Promise<void>
}

/** What a recogniser is asked that listens while somebody speaks. */
export interface ListenRequest {
  /**
   * The utterance as it is spoken: 16 kHz mono, in pieces of any length. It ends with the utterance. What is not taken waits; a recogniser that
   * takes none for the idle time-out counts as failed.
   */
  sound: AsyncIterable<Int16Array>
  /** Samples a second: 16,000. */
  sampleRate: number
  /** The language that is spoken, if it is known. */
  language: string | undefined
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** A message of the prompt. */
export interface PromptMessage {
  /** Who says it. */
  role: 'system' | 'user' | 'assistant' | 'tool'
  /** What is said; of a tool, its result. */
  content: string
  /** The tools that the assistant calls with this message. Messages of role `tool` that follow at once answer them. */
  toolCalls?: ToolCall[]
  /** Of a tool: the call that it answers. */
  toolCallId?: string
  /** Of a tool: its name. */
  name?: string
  /** Of a tool: whether it failed. */
  failed?: boolean
}

/** A tool, as a language model is told of it. */
export interface ToolSpec {
  /** Its name. */
  name: string
  /** What it does and when to call it. */
  description: string
  /** The JSON schema of its arguments, an object. */
  parameters: JsonObject
}

/** What a language model is asked. */
export interface GenerateRequest {
  /** The instructions, the history and what the user said last. */
  messages: PromptMessage[]
  /** The most tokens of the answer. */
  maxTokens: number
  /** The sampling temperature. */
  temperature: number
  /** The tools that it may call, if there are any. Only a model whose `callsTools` is true is told of them. */
  tools?: ToolSpec[]
  /** `none`: it shall answer in words now. */
  toolChoice?: 'auto' | 'none'
  /** Whether it may ask for several calls at once. */
  parallelToolCalls?: boolean
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** Why a model stopped: `stop`: it was done; `length`: it reached the most tokens; `content_filter`: the answer, or its rest, was withheld. */
export type FinishReason = 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'other'

/** What a model has used, in tokens. */
export interface TokenUsage {
  /** Tokens of the prompt. */
  inputTokens?: number
  /** Of those, tokens that were served from a cache. */
  cachedTokens?: number
  /** Tokens that it wrote. */
  outputTokens?: number
}

/** What a model says of its answer, usually at the end. */
export interface AnswerReport {
  /** What it has used, for metrics and costs; what is said more than once adds up. */
  usage?: TokenUsage
  /** Why it stopped. Default: it was done, or called tools. When nothing was said, the error of the turn tells it. */
  finishReason?: FinishReason
}

/** Your own language model. */
export interface LanguageModel {
  /** Its name in events and logs. */
  name?: string
  /** Whether it can call tools. Default false. */
  callsTools?: boolean
  /**
   * Answers, in pieces as they come. A piece may be a call of a tool, whose result is in the prompt of the next request, or a report of
   * what was used and why it stopped.
   */
  generate(request: GenerateRequest): Given<string | ToolCall | AnswerReport>
  /** The same as of a recogniser, for prompts that will begin with `systemPrompt`. */
  warmUp?(request: WarmUpRequest & { systemPrompt: string }): void | Promise<void>
}

/** What a voice is asked. */
export interface SynthesizeRequest {
  /** What to say: a sentence or a few. */
  text: string
  /** Its language, if it is known. */
  language: string | undefined
  /** The voice that is asked for, of one that lists several; undefined: its own. Only previews ask for one. */
  voice: string | undefined
  /** How that voice is to speak: `stability`, `similarity`, `style`, `speed`, and whatever else of your own. */
  settings: JsonObject
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** One of your own voices, as it is listed. */
export type ListedVoice = Pick<Voice, 'id'> & Partial<Voice>

/** What comes with the call to list voices. */
export interface VoicesRequest {
  /** Those that do not speak it (BCP 47) may be left out. */
  language: string | undefined
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** A word that a voice speaks, and when, in seconds from the beginning of the sound of the text that was asked for. */
export interface SpokenWord {
  /** The word, as it stands in the text. */
  text: string
  /** When it begins. */
  start: number
  /** When it is over. */
  end: number
}

/**
 * A chunk of mono sound: samples, or their bytes (16-bit little-endian), which may be cut anywhere. With `words` whose times the voice
 * knows, those of this chunk or of others of the same text, each once and in their order, live sessions know to the word what was heard
 * of an interrupted answer.
 */
export type SoundChunk = ({ samples: Int16Array } | { pcm: Uint8Array }) & { sampleRate: number; words?: SpokenWord[] }

/** Your own text to speech. */
export interface TextToSpeech {
  /** Its name in events and logs. */
  name?: string
  /** Speaks, in chunks as they come. */
  synthesize(request: SynthesizeRequest): Given<SoundChunk>
  /**
   * Lists its voices, if it has several: an id, and whatever else of one is known. {@link VoiceAgent.voices} shows them; whoever previews
   * one finds it asked for in `voice` and `settings` of `synthesize`.
   */
  voices?(request: VoicesRequest): ListedVoice[] | Promise<ListedVoice[]>
  /** Gets ready, as a recogniser may. */
  warmUp?(request: WarmUpRequest): void | Promise<void>
}

/** What a detector of the end of turns is asked. */
export interface CompletenessRequest {
  /** The latest eight seconds at most of the turn, which end with a short silence: 16 kHz mono. */
  samples: Int16Array
  /** Samples a second: 16,000. */
  sampleRate: number
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** What hears the end of turns, of your own: asked in live sessions whose config has `turn_detection: 'model'`. */
export interface TurnDetector {
  /** Its name in logs. */
  name?: string
  /**
   * Says how likely the speaker is done, 0–1. Asked at every pause; when it fails, or takes longer than the longest pause, the words
   * alone tell.
   */
  completeness(request: CompletenessRequest): number | Promise<number>
  /** Gets ready, as a recogniser may. */
  warmUp?(request: WarmUpRequest): void | Promise<void>
}

/** A conversation as it is stored. Times are RFC 3339. */
export interface Session {
  /** Its id. */
  id: string
  /** Whose it is: your own name for a user. */
  user: string | null
  /** Whether it can take turns. */
  status: 'active' | 'ended' | 'expired'
  /** Your own data. */
  metadata: JsonObject
  /** When it was started. */
  createdAt: string
  /** When it last took a turn. */
  lastActivityAt: string
  /** When it ended or expired. */
  endedAt: string | null
  /** The organization it belongs to; missing in a host without organizations. */
  organization?: string
  /** The assistant that talks in it, in the version with which it began; missing: the agent's own. */
  assistant?: AssistantVersion
}

/** An assistant as it was at some time. */
export interface AssistantVersion {
  /** The assistant. */
  id: string
  /** Which version of it, from 1. */
  version: number
}

/** A message as it is stored. */
export interface StoredMessage {
  /** Its id. Ids grow with time. */
  id: string
  /** The session it belongs to. */
  sessionId: string
  /** The turn in which it was said. */
  turnId: string
  /** Who said it. */
  role: 'user' | 'assistant' | 'system' | 'tool'
  /** What was said. */
  content: string
  /** Where its sound is kept, if it is. */
  audioRef: string | null
  /** The language of the words (BCP 47), when it is known. An interpreter's are always: who spoke is told by it. */
  language?: string | null
  /** When it was said, RFC 3339. */
  createdAt: string
}

/** Part of a longer list. */
export interface Page<T> {
  /** The items. */
  items: T[]
  /** Whether there are more beyond this page. */
  hasMore: boolean
}

type Awaitable<T> = T | Promise<T>

/** The second argument of every method of a store. */
export interface StoreContext {
  /** Aborted when nobody wants the answer any more. */
  signal: AbortSignal
}

/** Where conversations are kept, if you keep them yourself. Every failure becomes a `STORAGE_ERROR`. */
export interface ConversationStore {
  /** Its name in logs. */
  name?: string
  /** Creates a session. An id that exists already is left as it is. */
  createSession(args: { session: Session }, context: StoreContext): Awaitable<void>
  /** A session by its id, or null. */
  session(args: { id: string }, context: StoreContext): Awaitable<Session | null | undefined>
  /** Sessions, newest first; `before`: only those older than this one. */
  listSessions(
    args: { user: string | null; status: Session['status'] | null; limit: number; before: string | null },
    context: StoreContext,
  ): Awaitable<Page<Session>>
  /** Replaces a session's metadata. `false`: no such session. */
  setMetadata(args: { id: string; metadata: JsonObject }, context: StoreContext): Awaitable<boolean>
  /** Ends an active session. `false`: there is none. */
  endSession(args: { id: string; at: string }, context: StoreContext): Awaitable<boolean>
  /** Deletes a session with its messages. `false`: no such session. */
  deleteSession(args: { id: string }, context: StoreContext): Awaitable<boolean>
  /**
   * Saves a turn: all of it or nothing. `false`: this `turnId` had been saved before, and nothing was changed. A session that is not there
   * is created, unless the turn `continues` it: then it was deleted meanwhile, nothing is saved, and the answer is `null`.
   */
  saveTurn(
    args: { turnId: string; session: Session; messages: StoredMessage[]; continues: boolean },
    context: StoreContext,
  ): Awaitable<boolean | null>
  /** A session's latest messages, oldest of them first; `before`: only those older than this one. */
  messages(
    args: { sessionId: string; limit: number; before: string | null },
    context: StoreContext,
  ): Awaitable<Page<StoredMessage>>
  /** Marks active sessions idle since before a time as expired; says how many. */
  expireIdle(args: { idleSince: string; at: string }, context: StoreContext): Awaitable<number>
  /** Deletes sessions that were over before a time; says how many. */
  deleteOver(args: { endedBefore: string }, context: StoreContext): Awaitable<number>
  /** Finishes what is under way. */
  close?(args: Record<string, never>, context: StoreContext): Awaitable<void>
}

/** @internal A host object, what it stands in for, and the asynchronous context that it sees, if it sees one. */
export type HostObject = (
  | { role: 'stt'; object: SpeechToText }
  | { role: 'llm'; object: LanguageModel }
  | { role: 'tts'; object: TextToSpeech }
  | { role: 'turn_detector'; object: TurnDetector }
  | { role: 'store'; object: ConversationStore }
  | { role: 'tool'; object: Tool }
  | { role: 'metrics'; object: MetricsSink }
) & { within?: (<T>(work: () => T) => T) | undefined }

const METHODS: Record<Role, string> = {
  stt: 'transcribe',
  llm: 'generate',
  tts: 'synthesize',
  turn_detector: 'completeness',
  store: 'saveTurn',
  tool: 'execute',
  metrics: 'record',
}

/** @internal Whether a value is a host object for a role, rather than a part of the config. */
export function isHost(role: Role, value: unknown): value is { name?: string } {
  return typeof value === 'object' && value !== null && typeof (value as JsonObject)[METHODS[role]] === 'function'
}

/** @internal Asks a host object, and hands on what it gives. Never fails: what goes wrong is the answer. */
export async function serve(
  host: HostObject,
  message: Message,
  answer: NativeAnswer,
  signal: AbortSignal,
): Promise<void> {
  try {
    for await (const wanted of until(answered(host, message, answer, signal), signal)) {
      if (!wanted) break
    }
    answer.finish()
  } catch (thrown) {
    failed(answer, thrown)
  }
}

/** Runs the host's method; yields after each piece whether more is wanted. */
async function* answered(
  host: HostObject,
  { kind, text = '', name, bytes, sound, voice }: Message,
  answer: NativeAnswer,
  signal: AbortSignal,
): AsyncGenerator<boolean, void, undefined> {
  if (kind === 'warm_up' && host.role !== 'store' && host.role !== 'tool' && host.role !== 'metrics') {
    await host.object.warmUp?.({ systemPrompt: text, signal })
    return
  }
  if (kind === 'voices') {
    const voices = host.role === 'tts' ? await host.object.voices?.({ language: name, signal }) : undefined
    if (voices !== undefined) yield answer.text(JSON.stringify(snake(voices)))
    return
  }
  switch (host.role) {
    case 'stt': {
      const asked = { sampleRate: 16_000, language: name, signal }
      const given = sound
        ? host.object.listen?.({ ...asked, sound: spoken(sound) })
        : host.object.transcribe({ ...asked, samples: samplesOf(bytes ?? new Uint8Array()) })
      for await (const piece of many(given)) {
        const transcript: Transcript = typeof piece === 'string' ? { text: piece } : Object(piece)
        if (typeof transcript.text !== 'string') {
          throw invalid(`${sound ? 'listen' : 'transcribe'}: expected a string or { text, final }`)
        }
        yield answer.transcript(transcript.text, transcript.final ?? true, transcript.language)
      }
      return
    }
    case 'turn_detector': {
      const samples = samplesOf(bytes ?? new Uint8Array())
      const likely: unknown = await host.object.completeness({ samples, sampleRate: 16_000, signal })
      if (typeof likely !== 'number') throw invalid('completeness: expected a number from 0 to 1')
      yield answer.completeness(likely)
      return
    }
    case 'llm':
      for await (const piece of many(host.object.generate({ ...camel<GenerateRequest>(JSON.parse(text)), signal }))) {
        yield written(answer, piece)
      }
      return
    case 'tts': {
      const { id, settings } = JSON.parse(voice ?? '{}') as { id?: string | null; settings?: JsonObject }
      const asked = { text, language: name, voice: id ?? undefined, settings: settings ?? {}, signal }
      for await (const chunk of many(host.object.synthesize(asked))) {
        const { sound, sampleRate } = soundOf(chunk)
        for (const { text: word, start, end } of wordsOf(chunk)) answer.word(word, start, end)
        yield sound instanceof Int16Array ? answer.audio(sound, sampleRate) : answer.audioBytes(sound, sampleRate)
      }
      return
    }
    case 'store': {
      const method = camelWord(name ?? '') as keyof ConversationStore
      const run = host.object[method] as ((args: unknown, context: StoreContext) => unknown) | undefined
      if (run === undefined && method === 'close') {
        yield answer.text('null')
        return
      }
      if (typeof run !== 'function') throw invalid(`the store has no method ${method}`)
      const result: unknown = await run.call(host.object, camel(JSON.parse(text)), { signal })
      yield answer.text(JSON.stringify(snake(result ?? null)))
      return
    }
    case 'tool': {
      const context: ToolContext = { ...camel<Omit<ToolContext, 'signal'>>(JSON.parse(name ?? '{}')), signal }
      const told = resultText(host.object.name, await host.object.execute(JSON.parse(text), context))
      if (told !== undefined) yield answer.text(told)
      return
    }
    case 'metrics':
      if (name === 'record') await host.object.record(camel<Report[]>(JSON.parse(text)), { signal })
      else await host.object.flush?.({ signal })
  }
}

/** The sound of an utterance as it is spoken. Leaving a loop over it in the middle loses nothing: the next loop goes on. */
function spoken(sound: NativeSound): AsyncIterable<Int16Array> {
  return { [Symbol.asyncIterator]: () => pieces(sound) }
}

async function* pieces(sound: NativeSound): AsyncGenerator<Int16Array, void, undefined> {
  for (;;) {
    const piece = await line.call(
      (id, port) => sound.next(port, id),
      ({ bytes }) => bytes && samplesOf(bytes),
    )
    if (piece === undefined) return
    yield piece
  }
}

/** Hands over what a model wrote: text, a call of a tool, or what it says of its answer. */
function written(answer: NativeAnswer, piece: unknown): boolean {
  if (typeof piece === 'string') return answer.text(piece)
  const { usage, finishReason } = Object(piece) as AnswerReport
  if (usage !== undefined || finishReason !== undefined) return reported(answer, usage, finishReason)
  const call = Object(piece) as Partial<ToolCall>
  if (typeof call.id !== 'string' || typeof call.name !== 'string') {
    throw invalid('generate: expected strings, calls of tools { id, name, arguments }, and reports { usage, finishReason }')
  }
  const args = call.arguments ?? {}
  return answer.toolCall(call.id, call.name, typeof args === 'string' ? args : JSON.stringify(args))
}

function reported(answer: NativeAnswer, usage: TokenUsage | undefined, finishReason: string | undefined): boolean {
  const tokens = (count: unknown = 0): number => {
    if (Number.isSafeInteger(count) && (count as number) >= 0) return count as number
    throw invalid('usage: expected whole numbers from 0: inputTokens, cachedTokens, outputTokens')
  }
  let wanted = true
  if (usage !== undefined) {
    const { inputTokens, cachedTokens, outputTokens } = Object(usage) as TokenUsage
    wanted = answer.usage(tokens(inputTokens), tokens(cachedTokens), tokens(outputTokens))
  }
  return finishReason === undefined ? wanted : answer.finishReason(String(finishReason))
}

/** Everything that is given, whichever way it is given. A string is one piece, not many letters. */
async function* many<T>(given: Given<T>): AsyncGenerator<T, void, undefined> {
  const value = await given
  if (typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || Symbol.iterator in value)) {
    yield* value as AsyncIterable<T>
  } else if (value !== undefined) {
    yield value as T
  }
}

function soundOf(chunk: SoundChunk): { sound: Int16Array | Uint8Array; sampleRate: number } {
  const { sampleRate, samples, pcm } = Object(chunk) as { sampleRate?: unknown; samples?: unknown; pcm?: unknown }
  const sound = pcm instanceof Uint8Array ? pcm : samples instanceof Int16Array ? samples : undefined
  if (sound !== undefined && Number.isInteger(sampleRate)) return { sound, sampleRate: sampleRate as number }
  throw invalid('synthesize: expected { samples: Int16Array, sampleRate } or { pcm: Uint8Array, sampleRate }')
}

function wordsOf(chunk: SoundChunk): SpokenWord[] {
  const words: unknown = chunk.words ?? []
  const fits = (word: unknown) => {
    const { text, start, end } = Object(word) as Record<keyof SpokenWord, unknown>
    return typeof text === 'string' && typeof start === 'number' && typeof end === 'number'
  }
  if (Array.isArray(words) && words.every(fits)) return words as SpokenWord[]
  throw invalid('synthesize: expected words as { text, start, end }, the times in seconds')
}

/** @internal Bytes as 16-bit samples; copied when they do not lie as samples must. */
export function samplesOf(bytes: Uint8Array): Int16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : Uint8Array.from(bytes)
  return new Int16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength >> 1)
}

interface Thrown {
  name?: unknown
  message?: unknown
  code?: unknown
  retryable?: unknown
  retryAfter?: unknown
}

/** What the host's code threw, with what the library can act on: code, whether and when to try again. */
function failed(answer: NativeAnswer, thrown: unknown): void {
  const error: Thrown = typeof thrown === 'object' && thrown !== null ? thrown : { message: thrown }
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  // `AbortSignal.timeout` speaks like this.
  const code = error.name === 'TimeoutError' ? 'TIMEOUT' : text(error.code)
  answer.fail(
    text(error.message) || "the host's object failed",
    code,
    typeof error.retryable === 'boolean' ? error.retryable : undefined,
    typeof error.retryAfter === 'number' && error.retryAfter >= 0 ? error.retryAfter : undefined,
  )
}
