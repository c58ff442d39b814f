import type { Page, Session, StoredMessage } from './host.js'
import { line } from './line.js'
import type { NativeAgent } from './native.js'
import type { CallOptions } from './reply.js'
import { camel, type JsonObject, snake } from './words.js'

/** Which part of a list. */
export interface PageOptions extends CallOptions {
  /** At most this many (1–100). Default 20. */
  limit?: number
  /** Only what is older than the item with this id. */
  before?: string
}

/** Sessions and their history; made by `agent.sessions`. */
export class Sessions {
  readonly #agent: () => NativeAgent
  readonly #user: string | undefined

  /** @internal */
  constructor(agent: () => NativeAgent, user?: string) {
    this.#agent = agent
    this.#user = user
  }

  /** The same calls for one user: sessions of others do not exist for them. */
  forUser(user: string): Sessions {
    return new Sessions(this.#agent, user)
  }

  /** Starts a session without a turn. */
  create(options: CallOptions & { metadata?: JsonObject } = {}): Promise<Session> {
    return this.#ask('create', options)
  }

  /** A session; `SESSION_NOT_FOUND` when there is none. */
  get(id: string, options: CallOptions = {}): Promise<Session> {
    return this.#ask('get', options, { id })
  }

  /** Sessions, newest first. */
  list(options: PageOptions & { status?: Session['status'] } = {}): Promise<Page<Session>> {
    return this.#ask('list', options)
  }

  /** A session's latest messages, in the order they were said. */
  history(id: string, options: PageOptions = {}): Promise<Page<StoredMessage>> {
    return this.#ask('history', options, { id })
  }

  /** Replaces a session's metadata. */
  setMetadata(id: string, metadata: JsonObject, options: CallOptions = {}): Promise<void> {
    return this.#ask('set_metadata', options, { id, metadata })
  }

  /** Ends a session: it takes no more turns. */
  end(id: string, options: CallOptions = {}): Promise<void> {
    return this.#ask('end', options, { id })
  }

  /** Deletes a session with its messages. */
  delete(id: string, options: CallOptions = {}): Promise<void> {
    return this.#ask('delete', options, { id })
  }

  /** Expires sessions that were idle for longer than the config allows; says how many. */
  expireIdle(options: CallOptions = {}): Promise<number> {
    return this.#ask('expire_idle', options)
  }

  /** Deletes sessions that have been over for this many seconds; says how many. */
  deleteOver(ageSeconds: number, options: CallOptions = {}): Promise<number> {
    return this.#ask('delete_over', options, { ageSeconds })
  }

  async #ask<T>(method: string, { signal, ...options }: CallOptions & object, args: object = {}): Promise<T> {
    const agent = this.#agent()
    const user = this.#user === undefined ? {} : { user: this.#user }
    return line.call(
      (id, port) => agent.sessions(port, id, method, JSON.stringify(snake({ ...options, ...args, ...user }))),
      (done) => {
        const value: unknown = JSON.parse(done.text ?? 'null')
        return (value === null ? undefined : camel(value)) as T
      },
      { signal },
    )
  }
}
