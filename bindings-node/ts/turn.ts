import { cancelled, guarded, invalid, VoiceError } from './error.js'
import { eventOf, type TurnEvent } from './event.js'
import { accepted, type TurnInput } from './input.js'
import { line } from './line.js'
import type { NativeAgent, NativeOptions } from './native.js'
import { type CallOptions, Reply } from './reply.js'
import type { Tool } from './tool.js'

/** How a turn is to be run. */
export interface TurnOptions extends CallOptions {
  /** The session to continue. One that is unknown, or none at all, starts a fresh session. */
  sessionId?: string | undefined
  /** Whose turn it is: your own name for a user. */
  user?: string | undefined
  /** The language that is spoken (BCP 47). */
  language?: string | undefined
  /** How long the turn may take, in milliseconds. Default: the config's `limits.turn_seconds`. */
  deadline?: number | undefined
  /** Whether the answer is spoken. Default true. */
  speak?: boolean | undefined
  /** Who answers in a fresh session: an assistant that is kept, by its id. */
  assistant?: string | undefined
  /** In which organization the turn is taken, by its id. `withPrincipal` names it for everything. */
  organization?: string | undefined
  /** What the language model may call in this turn, besides the agent's tools. */
  tools?: readonly Tool[] | undefined
}

const KNOWN: Record<keyof TurnOptions, 'string' | 'number' | 'boolean' | 'object'> = {
  sessionId: 'string',
  user: 'string',
  language: 'string',
  deadline: 'number',
  speak: 'boolean',
  assistant: 'string',
  organization: 'string',
  tools: 'object',
  signal: 'object',
}

const EXPECTED: Record<string, string> = { signal: 'AbortSignal', tools: 'list of tools' }

/** How many events are fetched at a time: one wait serves all that are there. */
const BATCH = 16

/**
 * One turn: await it for its {@link Reply}, or iterate over its events. It begins with either, and runs once.
 *
 * Leaving the loop early cancels the turn: providers are stopped, and nothing is stored.
 */
export class Turn implements PromiseLike<Reply>, AsyncIterable<TurnEvent> {
  readonly #agent: () => NativeAgent
  readonly #input: TurnInput
  readonly #options: TurnOptions
  #reply: Promise<Reply> | undefined
  #iterated = false

  /** @internal */
  constructor(agent: () => NativeAgent, input: TurnInput, options: TurnOptions = {}) {
    this.#agent = agent
    this.#input = input
    this.#options = options
  }

  /** Runs the turn and gives its reply; called by `await`. */
  then<A = Reply, B = never>(
    fulfilled?: ((reply: Reply) => A | PromiseLike<A>) | null,
    rejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#reply ??= this.#iterated ? Promise.reject(twice()) : this.#run()
    return this.#reply.then(fulfilled, rejected)
  }

  /** Like `Promise.prototype.catch`. */
  catch<B = never>(rejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<Reply | B> {
    return this.then(undefined, rejected)
  }

  /** Like `Promise.prototype.finally`. */
  finally(last?: (() => void) | null): Promise<Reply> {
    return this.then().finally(last)
  }

  /** Runs the turn as a stream of events. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TurnEvent, void, undefined> {
    if (this.#iterated || this.#reply) throw twice()
    this.#iterated = true
    const { signal, tools = [] } = this.#options
    if (signal?.aborted) throw cancelled(signal)
    const options = checked(this.#options)
    const input = await accepted(this.#input, signal)
    const agent = this.#agent()
    const stream = await line.call(
      (id, port) => agent.stream(port, id, input, { ...options, tools: line.kept(tools, true) }),
      (done) => done.stream!,
      { signal },
    )
    const abort = () => guarded(() => stream.cancel())
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted) abort()
    try {
      for (;;) {
        const events = await line.call(
          (id, port) => stream.next(port, id, BATCH),
          (done) => done.events ?? [],
        )
        if (events.length === 0) return
        for (const event of events) yield eventOf(event)
      }
    } catch (error) {
      throw error instanceof VoiceError && error.code === 'CANCELLED' && signal?.aborted ? cancelled(signal) : error
    } finally {
      signal?.removeEventListener('abort', abort)
      abort()
    }
  }

  async #run(): Promise<Reply> {
    const { signal, tools = [] } = this.#options
    if (signal?.aborted) throw cancelled(signal)
    const options = checked(this.#options)
    const input = await accepted(this.#input, signal)
    const agent = this.#agent()
    return line.call(
      (id, port) => agent.turn(port, id, input, { ...options, tools: line.kept(tools, true) }),
      (done) => new Reply(done.reply!),
      { signal },
    )
  }
}

function twice(): VoiceError {
  const message = 'a turn runs once: it was awaited or iterated over already; make another with agent.turn()'
  return new VoiceError(message, { code: 'INVALID_REQUEST', kind: 'closed', retryable: false, httpStatus: 400 })
}

function checked(options: TurnOptions): NativeOptions {
  for (const [name, value] of Object.entries(options)) {
    const type = (KNOWN as Record<string, string>)[name]
    if (type === undefined) throw invalid(`options.${name}: there is no such option; known: ${Object.keys(KNOWN).join(', ')}`)
    if (value !== undefined && typeof value !== type) {
      throw invalid(`options.${name}: expected a ${EXPECTED[name] ?? type}, got ${typeof value}`)
    }
  }
  const { sessionId, user, language, deadline, speak, assistant, organization } = options
  if (deadline !== undefined && !(deadline >= 0 && deadline < Number.MAX_SAFE_INTEGER)) {
    throw invalid(`options.deadline: expected a number of milliseconds from 0, got ${deadline}`)
  }
  return {
    ...(sessionId === undefined ? {} : { session: sessionId }),
    ...(user === undefined ? {} : { user }),
    ...(language === undefined ? {} : { language }),
    ...(deadline === undefined ? {} : { deadlineMs: deadline }),
    ...(speak === undefined ? {} : { speak }),
    ...(assistant === undefined ? {} : { assistant }),
    ...(organization === undefined ? {} : { organization }),
  }
}
