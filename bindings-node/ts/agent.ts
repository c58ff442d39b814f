import { Accounts } from './accounts.js'
import { Assistants } from './assistants.js'
import { Audit } from './audit.js'
import type { Config, ProviderConfig } from './config.js'
import { guarded, invalid, VoiceError } from './error.js'
import {
  type ConversationStore,
  isHost,
  type LanguageModel,
  type SpeechToText,
  type TextToSpeech,
  type TurnDetector,
} from './host.js'
import type { TurnInput } from './input.js'
import { Knowledge } from './knowledge.js'
import { line } from './line.js'
import { type LiveOptions, LiveSession } from './live.js'
import { configured } from './logger.js'
import type { MetricsSink } from './metrics.js'
import { type HostId, type NativeAgent, type NativeHosts, native, type Role } from './native.js'
import type { CallOptions, Reply } from './reply.js'
import type { Principal } from './people.js'
import { Realtime } from './realtime.js'
import { Sessions } from './sessions.js'
import { Telephony } from './telephony.js'
import type { Tool } from './tool.js'
import { Turn, type TurnOptions } from './turn.js'
import { Voices } from './voices.js'
import { Webhooks } from './webhooks.js'

/**
 * What an agent is made of: the config document, in which your own objects may stand for providers and for the store.
 *
 * Keys are those of the document, the same in every language and in files, hence `system_prompt` and not `systemPrompt`.
 */
export interface AgentConfig extends Omit<Config, 'stt' | 'llm' | 'tts' | 'storage'> {
  /** Speech to text: `"provider/model"`, a provider with settings, your own, or a list of these, tried in order. Default `local`. */
  stt?: OneOrMore<SpeechToText>
  /** The language model, likewise. */
  llm?: OneOrMore<LanguageModel>
  /** Text to speech, likewise. */
  tts?: OneOrMore<TextToSpeech>
  /** Where conversations are kept: `sqlite:PATH`, `memory`, or your own store. */
  storage?: Config['storage'] | ConversationStore
  /** What the language model may call. */
  tools?: readonly Tool[]
  /** What hears the end of turns in live sessions with `turn_detection: 'model'`, if it is your own. Default: the model `smart-turn`. */
  turn_detector?: TurnDetector
  /** What is told what calls, turns and live sessions took, used and cost: an object, or just its function `record`. */
  metrics?: MetricsSink | MetricsSink['record']
}

/** A provider by its name or with settings, one of your own, or several in the order in which they are tried. */
export type OneOrMore<Own> = string | ProviderConfig | Own | ReadonlyArray<string | ProviderConfig | Own> | null

const ROLES: ReadonlyArray<[Exclude<Role, 'tool' | 'turn_detector' | 'metrics'>, 'stt' | 'llm' | 'tts' | 'storage']> = [
  ['stt', 'stt'],
  ['llm', 'llm'],
  ['tts', 'tts'],
  ['store', 'storage'],
]

/** Speech in, speech out, in this process. Any number of turns at a time. */
export class VoiceAgent {
  readonly #native: NativeAgent
  // Of an agent that acts for somebody there are none: they are of the agent from which it was made.
  readonly #hosts: number[] | undefined
  #closed = false

  private constructor(agent: NativeAgent, hosts?: number[]) {
    this.#native = agent
    this.#hosts = hosts
  }

  /**
   * An agent that runs offline with local models.
   *
   * Conversations are kept in an SQLite file in the user's data folder unless `storage` says otherwise. Fails with
   * `INVALID_REQUEST` (kind `model_missing`) when models are missing: the message says how to fetch them.
   */
  static local(config: Omit<AgentConfig, 'stt' | 'llm' | 'tts'> = {}, options: CallOptions = {}): Promise<VoiceAgent> {
    return VoiceAgent.create({ stt: 'local', llm: 'local', tts: 'local', ...config }, options)
  }

  /**
   * An agent as the config says; what it leaves out comes from the environment, then from the defaults.
   *
   * Fails with `INVALID_REQUEST` for a wrong config, naming the path of what is wrong, and with `INVALID_PROVIDER_KEY`
   * naming the variable that would supply a missing key.
   */
  static async create(config: AgentConfig = {}, options: CallOptions = {}): Promise<VoiceAgent> {
    if (typeof config !== 'object' || config === null) throw invalid(`config: expected an object, got ${typeof config}`)
    const document: Record<string, unknown> = { ...config }
    const hosts: NativeHosts = {}
    const ids: number[] = []
    const kept = (role: Role, object: object): number => {
      const id = line.number()
      line.hosts.set(id, { role, object } as never)
      ids.push(id)
      return id
    }
    const host = (role: Role, object: { name?: string; callsTools?: boolean; listen?: unknown; voices?: unknown }): HostId => {
      const name = typeof object.name === 'string' ? object.name : `host-${role}`
      const listens = typeof object.listen === 'function'
      const hasSeveral = typeof object.voices === 'function'
      return { id: kept(role, object), name, callsTools: object.callsTools === true, listens, hasSeveral }
    }
    const { tools = [], turn_detector: detector, metrics } = config
    if (detector !== undefined && detector !== null) {
      if (!isHost('turn_detector', detector)) throw invalid('turn_detector: expected an object with a method completeness')
      hosts.turnDetector = host('turn_detector', detector)
    }
    delete document.turn_detector
    if (metrics !== undefined && metrics !== null) {
      const sink = typeof metrics === 'function' ? { record: metrics } : metrics
      if (!isHost('metrics', sink)) throw invalid('metrics: expected a function or an object with a method record')
      hosts.metrics = kept('metrics', sink)
    }
    delete document.metrics
    delete document.tools
    hosts.tools = line.kept(tools, false)
    ids.push(...hosts.tools.map(({ id }) => id))
    for (const [role, key] of ROLES) {
      const value = document[key]
      if (role === 'store') {
        if (!isHost(role, value)) continue
        delete document[key]
        hosts.store = host(role, value)
        continue
      }
      const own: HostId[] = []
      // In the document an object of the host's stands by its number.
      const placed = (one: unknown) => (isHost(role, one) ? `host/${own.push(host(role, one)) - 1}` : one)
      document[key] = Array.isArray(value) ? value.map(placed) : placed(value)
      hosts[role] = own
    }
    try {
      const text = JSON.stringify(document)
      configured(text)
      return await line.call(
        (id, port) => native.Agent.build(port, id, text, hosts),
        (done) => new VoiceAgent(done.agent!, ids),
        options,
      )
    } catch (error) {
      for (const id of ids) line.hosts.delete(id)
      throw error
    }
  }

  /** Answers what was said or typed, and waits for the whole reply. */
  converse(input: TurnInput, options: TurnOptions = {}): Promise<Reply> {
    return this.turn(input, options).then()
  }

  /** One turn, to be awaited for its reply or iterated over for its events. */
  turn(input: TurnInput, options: TurnOptions = {}): Turn {
    return new Turn(() => this.#open(), input, options)
  }

  /**
   * Starts a live conversation: sound in both directions at once.
   *
   * Fails with `VALIDATION_ERROR` for a rate or a number of channels that is not supported, and with `INVALID_REQUEST` for a wrong config.
   */
  async live(options: LiveOptions = {}): Promise<LiveSession> {
    return LiveSession.start(this.#open(), options)
  }

  /** Sessions and their history. */
  get sessions(): Sessions {
    return new Sessions(() => this.#open())
  }

  /** Organizations, users and API keys. */
  get accounts(): Accounts {
    return new Accounts(() => this.#open())
  }

  /** Assistants that are kept. */
  get assistants(): Assistants {
    return new Assistants(() => this.#open())
  }

  /** The documents that answers are drawn from. */
  get knowledge(): Knowledge {
    return new Knowledge(() => this.#open())
  }

  /** The audit log. */
  get audit(): Audit {
    return new Audit(() => this.#open())
  }

  /** What is to be known of a telephone call before it is answered. */
  get telephony(): Telephony {
    return new Telephony(() => this.#open())
  }

  /** The voices of text to speech: a list of them, and how one sounds. */
  get voices(): Voices {
    return new Voices(() => this.#open())
  }

  /** Who is told of events, and what was delivered to them. */
  get webhooks(): Webhooks {
    return new Webhooks(() => this.#open())
  }

  /** A browser's own way to the speech-to-speech model: client secrets. */
  get realtime(): Realtime {
    return new Realtime(() => this.#open())
  }

  /**
   * The same agent as somebody with a credential reaches it: nothing of anybody else.
   *
   * Turns, live sessions and what is kept are then theirs; what belongs to others is answered exactly like what does not exist.
   * Closing it fails with `UNAUTHORIZED`: close the agent itself.
   */
  withPrincipal(principal: Principal): VoiceAgent {
    const agent = this.#open()
    return new VoiceAgent(guarded(() => agent.acting(JSON.stringify(principal) ?? 'null')))
  }

  /** How many reports neither `metrics` nor a collector took: they were too slow, failed, or were gone. */
  get droppedReports(): number {
    return guarded(() => this.#native.droppedReports())
  }

  /** Makes every provider ready: loads models, opens connections. Otherwise the first turn does it. */
  async warmUp(options: CallOptions = {}): Promise<void> {
    const agent = this.#open()
    await line.call(
      (id, port) => agent.warmUp(port, id),
      () => undefined,
      options,
    )
  }

  /**
   * Closes the agent: cancels what runs, finishes what is being saved. Closing again is fine, and waits for the end while it is being
   * closed; using it fails.
   */
  async close(): Promise<void> {
    this.#closed = this.#hosts !== undefined
    await line.call(
      (id, port) => this.#native.close(port, id),
      () => undefined,
    )
    for (const id of this.#hosts ?? []) line.hosts.delete(id)
  }

  #open(): NativeAgent {
    if (!this.#closed) return this.#native
    throw new VoiceError('the agent is closed', {
      code: 'INVALID_REQUEST',
      kind: 'closed',
      retryable: false,
      httpStatus: 400,
    })
  }
}

/** The version of the library. */
export const version: string = guarded(() => native.version())
