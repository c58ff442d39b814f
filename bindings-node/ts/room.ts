import { line } from './line.js'
import type { NativeAgent } from './native.js'
import type { CallOptions } from './reply.js'
import { camel, snake } from './words.js'

/** Which part of a list. */
export interface PageOptions extends CallOptions {
  /** At most this many (1–100). Default 20. */
  limit?: number | undefined
  /** Only what is older than the item with this id. */
  before?: string | undefined
}

/** A room of what is kept. */
export abstract class Room {
  /** @internal */
  protected readonly agent: () => NativeAgent
  /** @internal What every call of it says. */
  protected readonly also: object

  /** @internal */
  constructor(agent: () => NativeAgent, also: object = {}) {
    this.agent = agent
    this.also = also
  }

  /** @internal */
  protected abstract readonly room: string

  /** @internal The answer with names as JavaScript writes them; null is undefined. */
  protected ask<T>(method: string, options: CallOptions & object, args: object = {}): Promise<T> {
    return this.answer(method, options, args, (value) => (value === null ? undefined : camel(value)) as T)
  }

  /** @internal The answer as `read` understands it, and the sound that goes with it. */
  protected async answer<T>(
    method: string,
    { signal, ...options }: CallOptions & object,
    args: object,
    read: (value: unknown, sound: Buffer | undefined) => T,
  ): Promise<T> {
    const agent = this.agent()
    const given = JSON.stringify(snake({ ...options, ...args, ...this.also }))
    return line.call(
      (id, port) => agent.call(port, id, this.room, method, given),
      (done) => read(JSON.parse(done.text ?? 'null'), done.bytes),
      { signal },
    )
  }
}
