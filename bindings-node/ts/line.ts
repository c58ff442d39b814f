import { AsyncLocalStorage } from 'node:async_hooks'

import { fromRecord, cancelled, guarded } from './error.js'
import { type HostObject, serve } from './host.js'
import { type HostFunction, type Message, type NativePort, native } from './native.js'
import { Reply } from './reply.js'
import { definitionsOf, type Tool } from './tool.js'

interface Pending {
  settle(message: Message): void
  step: ((text: string) => void) | undefined
}

/** A logger's end of the line. */
type Log = (message: Message) => void

/**
 * The one line to the addon: work under way by number, host objects by number.
 *
 * The addon holds it weakly, so that a copy of this package that nobody uses any more (a reloaded window, a test runner's fresh
 * module registry) can be collected; while something is awaited it holds itself.
 */
class Line {
  readonly port: NativePort
  readonly hosts = new Map<number, HostObject>()
  log: Log | undefined
  private readonly pending = new Map<number, Pending>()
  private readonly questions = new Map<number, AbortController>()
  private readonly hold: { line?: Line } = {}
  private last = 0

  constructor() {
    const { hold } = this
    const weak = new WeakRef<Line>(this)
    this.port = guarded(() => new native.Port((message) => (hold.line ?? weak.deref())?.deliver(message)))
  }

  /** A fresh number. */
  number(): number {
    this.last = (this.last + 1) % 0x1_0000_0000
    return this.last
  }

  /** Keeps tools for as long as the addon uses them; those of what is begun here see the asynchronous context of here. */
  kept(tools: readonly Tool[], begunHere: boolean): HostFunction[] {
    const definitions = definitionsOf(tools)
    const within = begunHere && definitions.length > 0 ? AsyncLocalStorage.snapshot() : undefined
    return definitions.map((definition, i) => {
      const id = this.number()
      this.hosts.set(id, { role: 'tool', object: tools[i]!, within })
      return { id, definition }
    })
  }

  /**
   * Starts a piece of work and waits for its outcome. Aborting `signal` cancels it.
   */
  call<T>(
    begin: (id: number, port: NativePort) => void,
    result: (done: Message) => T,
    options: { signal?: AbortSignal | undefined; step?: (text: string) => void } = {},
  ): Promise<T> {
    const { signal, step } = options
    if (signal?.aborted) return Promise.reject(cancelled(signal))
    return new Promise<T>((resolve, reject) => {
      const id = this.number()
      const abort = () => guarded(() => this.port.cancel(id))
      const settle = (message: Message) => {
        signal?.removeEventListener('abort', abort)
        if (message.error === undefined) {
          try {
            resolve(result(message))
          } catch (thrown) {
            reject(thrown as Error)
          }
        } else {
          const error = fromRecord(JSON.parse(message.error), message.reply && new Reply(message.reply))
          reject(error.code === 'CANCELLED' && signal?.aborted ? cancelled(signal) : error)
        }
      }
      guarded(() => begin(id, this.port))
      this.pending.set(id, { settle, step })
      if (this.pending.size === 1) this.await(true)
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  private await(something: boolean): void {
    if (something) this.hold.line = this
    else delete this.hold.line
    guarded(() => this.port.awaited(something))
  }

  private deliver(message: Message): void {
    switch (message.kind) {
      case 'done': {
        const pending = this.pending.get(message.id)
        this.pending.delete(message.id)
        if (this.pending.size === 0) this.await(false)
        pending?.settle(message)
        break
      }
      case 'step':
        this.pending.get(message.id)?.step?.(message.text ?? '')
        break
      case 'ask':
      case 'warm_up':
      case 'voices': {
        const { id, question, answer } = message
        const host = this.hosts.get(id)
        if (host === undefined || question === undefined || answer === undefined) {
          // Whoever asks would wait for it for ever.
          answer?.fail('the object that is asked is gone: its agent is closed', undefined, false)
          break
        }
        const controller = new AbortController()
        this.questions.set(question, controller)
        const begin = () => serve(host, message, answer, controller.signal)
        void (host.within?.(begin) ?? begin()).finally(() => this.questions.delete(question))
        break
      }
      case 'stop':
        this.questions.get(message.id)?.abort()
        break
      case 'drop':
        this.hosts.delete(message.id)
        break
      case 'log':
        this.log?.(message)
        break
    }
  }
}

/** @internal */
export const line: Line = new Line()
