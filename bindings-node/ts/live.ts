import { cancelled, fromRecord, guarded, invalid, VoiceError } from './error.js'
import type {
  ActionDetectedEvent,
  AudioEvent,
  FillerEvent,
  MetricsEvent,
  SourcesEvent,
  SpeakingEvent,
  TextEvent,
  ToolCallEvent,
  ToolCallRecord,
  ToolResultEvent,
  TranscriptEvent,
} from './event.js'
import { eventOf } from './event.js'
import { owned } from './input.js'
import { line } from './line.js'
import type { LiveConfig } from './config.js'
import type { NativeAgent, NativeEvent, NativeLive } from './native.js'
import type { Source } from './people.js'
import type { CallOptions, Cost, Timings, Usage } from './reply.js'
import type { Tool } from './tool.js'
import type { PhoneProtocol } from './telephony.js'
import { LiveWire } from './wire.js'
import { camel, camelWord, type JsonObject } from './words.js'

/** How a live session is to be run. */
export interface LiveOptions extends CallOptions {
  /** The session to continue. One that is unknown, or none at all, starts a fresh session. */
  sessionId?: string | undefined
  /** Whose conversation it is: your own name for a user. */
  user?: string | undefined
  /** The language that is spoken (BCP 47). Default: the assistant's, else detected with every utterance. */
  language?: string | undefined
  /** How turns are taken and the conversation behaves, in place of the config's `live`. */
  config?: LiveConfig | undefined
  /** What the agent says first. Default: the assistant's. */
  firstMessage?: string | undefined
  /** The rate of the sound that will be pushed. Default 16,000 samples a second. */
  inputRate?: number | undefined
  /** Its channels. Default 1. */
  inputChannels?: number | undefined
  /** The rate of the sound that is given out, one channel. Default 24,000. */
  outputRate?: number | undefined
  /** Whether the agent speaks. Default true. */
  speak?: boolean | undefined
  /** Who talks in a fresh session: an assistant that is kept, by its id. */
  assistant?: string | undefined
  /** In which organization it is held, by its id. */
  organization?: string | undefined
  /** What the language model may call in this session, besides the agent's tools. */
  tools?: readonly Tool[] | undefined
}

/** Why the agent speaks. */
export type SpeechKind = 'answer' | 'greeting' | 'said' | 'reminder' | 'farewell' | 'tool_result'

/** The session is ready for sound. */
export interface LiveStartedEvent {
  type: 'started'
  /** The stored session, new or continued. */
  sessionId: string
  /** The rate of the sound that is given out. */
  sampleRate: number
}

/** What the user is doing changed; `away`: silent for so long that the reminder was spoken. */
export interface UserStateEvent {
  type: 'userState'
  state: 'listening' | 'speaking' | 'away'
}

/** What the agent is doing changed. */
export interface AgentStateEvent {
  type: 'agentState'
  state: 'listening' | 'thinking' | 'speaking'
}

/** A turn of the agent's begins: text and sound until its end are its own. */
export interface TurnStartedEvent {
  type: 'turnStarted'
  turnId: string
  /** Why the agent speaks. */
  kind: SpeechKind
}

/** Throw away the sound that was given out and is not played yet. What is still to be heard of it comes again. */
export interface ClearEvent {
  type: 'clear'
  /** Where in the session's sound the next sound begins, in seconds: who counts what was played counts on from here. */
  position: number
}

/** The user interrupted the agent for good. */
export interface InterruptedEvent {
  type: 'interrupted'
  turnId: string
  /** The words that were heard. */
  heard: string
}

/** The agent fell silent because the user seemed to interrupt, and now goes on. */
export interface FalseInterruptionEvent {
  type: 'falseInterruption'
}

/** The user said something that did not ask for an answer: a murmur over the agent's speech. */
export interface BackchannelEvent {
  type: 'backchannel'
  text: string
}

/** Keys of the telephone that were pressed, once they are complete. */
export interface DtmfEvent {
  type: 'dtmf'
  keys: string
}

/** An exchange that is over and stored. */
export interface LiveTurn {
  /** The turn. */
  turnId: string
  /** Why the agent spoke. */
  kind: SpeechKind
  /** What the user said or typed; empty when the agent spoke by itself. */
  transcript: string
  /** The language of the user, when it is known. */
  language: string | null
  /** The language of what was said, where an interpreter speaks; the user's own when something is said again. */
  textLanguage: string | null
  /** What the agent said and the user heard: this is what is stored. */
  text: string
  /** The tools that the model called, in the order in which they were done. */
  toolCalls: ToolCallRecord[]
  /** The passages of documents that the model was given to answer from. */
  sources: Source[]
  /** Whether it was interrupted. */
  interrupted: boolean
  /** Why (part of) the sound is missing, if it is. */
  audioError: VoiceError | undefined
  /** The stored message of the user. */
  userMessageId: string | null
  /** The stored message of the agent. */
  assistantMessageId: string | null
  /** From the end of the user's voice to the end of the user's turn, in milliseconds. */
  endOfUtteranceDelayMs: number | null
  /** From the end of the user's voice to the first sound of the answer, in milliseconds. */
  responseDelayMs: number | null
  /** When the stages of the answer came through, in milliseconds from when it was begun. */
  timings: Timings
  /** What was used since the exchange before. */
  usage: Usage
  /** What that cost, where every model that was called has a price in the config. */
  cost: Cost | null
}

/** An exchange is over and stored. */
export interface TurnDoneEvent {
  type: 'turnDone'
  turn: LiveTurn
}

/** Something failed; the session goes on. */
export interface LiveErrorEvent {
  type: 'error'
  error: VoiceError
}

/** The recording of the whole session is kept (`recordings.live` in the config). Told just before the end. */
export interface RecordedEvent {
  type: 'recorded'
  /** Where it lies: `KEY#bytes=LENGTH&sha256=HEX`, with the key under which the store of recordings has it. */
  recording: string
}

/** What a whole live session came to. */
export interface LiveSummary {
  /** The stored session. */
  sessionId: string
  /** Why it ended; `nobody_listens`: the events were not taken; `connection_lost`: the speech-to-speech model is gone; `session_gone`: it was deleted. */
  reason: 'host' | 'agent_closed' | 'silence' | 'max_duration' | 'end_call_phrase' | 'goodbye' | 'nobody_listens' | 'connection_lost' | 'session_gone'
  /** How long it lasted, in seconds. */
  durationSeconds: number
  /** How many exchanges were stored. */
  turns: number
  /** How many of them were interrupted. */
  interruptions: number
  /** What was used in all of it. */
  usage: Usage
  /** What that cost, where every model that was called has a price in the config. */
  cost: Cost | null
}

/** The session is over. Always the last event. */
export interface EndedEvent {
  type: 'ended'
  summary: LiveSummary
}

/** What happens in a live session, in order. */
export type LiveEvent =
  | LiveStartedEvent
  | UserStateEvent
  | AgentStateEvent
  | TranscriptEvent
  | TurnStartedEvent
  | SourcesEvent
  | TextEvent
  | SpeakingEvent
  | FillerEvent
  | AudioEvent
  | ToolCallEvent
  | ToolResultEvent
  | ClearEvent
  | InterruptedEvent
  | FalseInterruptionEvent
  | BackchannelEvent
  | DtmfEvent
  | MetricsEvent
  | TurnDoneEvent
  | ActionDetectedEvent
  | LiveErrorEvent
  | RecordedEvent
  | EndedEvent

const KNOWN: Record<Exclude<keyof LiveOptions, 'signal' | 'tools'>, [wire: string, type: 'string' | 'number' | 'boolean' | 'object']> = {
  sessionId: ['session', 'string'],
  user: ['user', 'string'],
  language: ['language', 'string'],
  config: ['config', 'object'],
  firstMessage: ['first_message', 'string'],
  inputRate: ['input_rate', 'number'],
  inputChannels: ['input_channels', 'number'],
  outputRate: ['output_rate', 'number'],
  speak: ['speak', 'boolean'],
  assistant: ['assistant', 'string'],
  organization: ['organization', 'string'],
}

/** How many events are fetched at a time: one wait serves all that are there. */
const BATCH = 64

/**
 * A live conversation: push sound, iterate over events. Made by `VoiceAgent.live`.
 *
 * Pushing never waits. Leaving the loop ends the session, and so does aborting the `signal` that it was started with. The events must be
 * taken: a session whose events nobody takes ends.
 */
export class LiveSession implements AsyncIterable<LiveEvent> {
  readonly #native: NativeLive
  readonly #signal: AbortSignal | undefined
  readonly #abort = (): void => void this.end().catch(() => {})

  /** @internal */
  constructor(native: NativeLive, signal?: AbortSignal) {
    this.#native = native
    this.#signal = signal
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted) this.#abort()
  }

  /** @internal Starts a session. */
  static async start(agent: NativeAgent, options: LiveOptions): Promise<LiveSession> {
    const { signal, tools = [] } = options
    const wire = JSON.stringify(checked(options))
    return line.call(
      (id, port) => agent.live(port, id, wire, line.kept(tools, true)),
      (done) => new LiveSession(done.live!, signal),
      { signal },
    )
  }

  /** The stored session, whose history the conversation continues. */
  get sessionId(): string {
    return guarded(() => this.#native.sessionId())
  }

  /**
   * Takes the next sound of the user: interleaved samples of the rate and channels that the session was started with, at most ten
   * seconds; bytes are 16-bit little-endian samples.
   *
   * Throws `RATE_LIMIT_EXCEEDED` when sound comes faster than it can be heard: push it again in a moment.
   */
  pushAudio(samples: Uint8Array | Int16Array | Float32Array): void {
    if (samples instanceof Float32Array) return guarded(() => this.#native.pushFloats(owned(samples)))
    const own = samplesIn(samples, 'a Buffer, an Int16Array or a Float32Array')
    guarded(() => this.#native.pushSamples(own))
  }

  /**
   * Takes sound that comes over a network, with the time at which its sender took it, in seconds from any moment: RTP's or a media
   * stream's timestamp over its rate. Otherwise as {@link pushAudio}.
   *
   * Frames may come late, twice, out of order, in bursts or never: what is in order is heard at once, a gap is waited for 60 ms at most
   * and then made up from the sound before it, and copies are dropped. A sender that begins to count anew is followed.
   */
  pushAudioAt(seconds: number, samples: Uint8Array | Int16Array): void {
    if (typeof seconds !== 'number') throw invalid(`seconds: expected a number, got ${typeof seconds}`)
    const own = samplesIn(samples, 'a Buffer or an Int16Array')
    guarded(() => this.#native.pushSamplesAt(seconds, own))
  }

  /** Takes something that the user typed. It is answered at once; what the agent says is interrupted. */
  pushText(text: string): void {
    guarded(() => this.#native.pushText(text))
  }

  /** Takes keys of the telephone: `0`–`9`, `*`, `#`, `A`–`D`. `#` or a pause completes them. */
  pushDtmf(keys: string): void {
    guarded(() => this.#native.pushDtmf(keys))
  }

  /** Ends the user's turn now: push to talk. */
  commit(): void {
    guarded(() => this.#native.commit())
  }

  /** Has the agent say something, after what it is saying now. It is stored as the agent's message. */
  say(text: string, { interruptible = true }: { interruptible?: boolean } = {}): void {
    guarded(() => this.#native.say(text, interruptible))
  }

  /** Stops what the agent says or is about to say. What was heard of it is stored. */
  interrupt(): void {
    guarded(() => this.#native.interrupt())
  }

  /** Holds the sound back until {@link resume}; what is not played yet is to be thrown away (`clear`) and comes again then. */
  pause(): void {
    guarded(() => this.#native.pause())
  }

  /** Goes on after {@link pause}. */
  resume(): void {
    guarded(() => this.#native.resume())
  }

  /**
   * Says how many seconds of the session's sound were played so far. From then on only this tells what was heard; until then sound
   * counts as played when its time has passed.
   */
  setPlaybackPosition(seconds: number): void {
    guarded(() => this.#native.setPlaybackPosition(seconds))
  }

  /** Changes the language that is expected and spoken (BCP 47); null: detect it. */
  setLanguage(language: string | null): void {
    guarded(() => this.#native.setLanguage(language ?? undefined))
  }

  /** The events, to the end of the session. */
  async *[Symbol.asyncIterator](): AsyncGenerator<LiveEvent, void, undefined> {
    try {
      for (;;) {
        const events = await line.call(
          (id, port) => this.#native.next(port, id, BATCH),
          (done) => done.events ?? [],
        )
        if (events.length === 0) return
        for (const event of events) yield liveEventOf(event)
      }
    } finally {
      this.#abort()
    }
  }

  /**
   * The session as frames for a connection of your own, a WebSocket for example: in place of the loop over events. `say`, `interrupt`
   * and the others go on working beside it.
   *
   * @param protocol - whose telephone call it is; `auto`: that is told from the first messages. Default: a client that speaks this
   * library's own protocol.
   */
  wire(protocol?: PhoneProtocol | 'auto'): LiveWire {
    return new LiveWire(this, guarded(() => (protocol === undefined ? this.#native.wire() : this.#native.phone(protocol))))
  }

  /** Ends the session: what is being said is stopped, what was heard is stored. Ending it again gives the same. */
  async end(): Promise<LiveSummary> {
    this.#signal?.removeEventListener('abort', this.#abort)
    return line.call(
      (id, port) => this.#native.end(port, id),
      (done) => camel<LiveSummary>(JSON.parse(done.text!) as JsonObject),
    )
  }
}

/** The 16-bit samples of a frame, in memory that JavaScript does not take back. */
function samplesIn(frame: Uint8Array | Int16Array, expected: string): Int16Array {
  if (frame instanceof Int16Array) return owned(frame)
  if (!(frame instanceof Uint8Array)) throw invalid(`samples: expected ${expected}`)
  if (frame.byteLength % 2) throw invalid(`samples: ${frame.byteLength} bytes are no whole number of 16-bit samples`)
  // Samples lie at even addresses; bytes off a socket need not.
  const own = owned(frame)
  const aligned = own.byteOffset % 2 === 0 ? own : own.slice()
  return new Int16Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 2)
}

function liveEventOf(event: NativeEvent): LiveEvent {
  const record = JSON.parse(event.json)
  switch (record.type) {
    case 'audio':
      return eventOf(event) as AudioEvent
    case 'error':
      return { type: 'error', error: fromRecord(record.error) }
    case 'turn_done': {
      const { timingsMs, ...turn } = camel<LiveTurn & { timingsMs: Timings }>(record.turn)
      const audioError = record.turn.audio_error ? fromRecord(record.turn.audio_error) : undefined
      return { type: 'turnDone', turn: { ...turn, timings: timingsMs, audioError } }
    }
    default:
      return camel<LiveEvent>({ ...record, type: camelWord(record.type) })
  }
}

function checked(options: LiveOptions): JsonObject {
  if (options.signal?.aborted) throw cancelled(options.signal)
  const wire: JsonObject = {}
  for (const [name, value] of Object.entries(options)) {
    if (name === 'signal' || name === 'tools' || value === undefined) continue
    const known = (KNOWN as Record<string, [string, string]>)[name]
    if (!known) throw invalid(`options.${name}: there is no such option; known: ${Object.keys(KNOWN).join(', ')}, tools, signal`)
    const [key, type] = known
    if (typeof value !== type) throw invalid(`options.${name}: expected a ${type}, got ${typeof value}`)
    wire[key] = value as never
  }
  return wire
}
