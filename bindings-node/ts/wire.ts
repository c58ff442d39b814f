import { guarded, invalid } from './error.js'
import { owned } from './input.js'
import { line } from './line.js'
import type { LiveSession } from './live.js'
import type { NativeConnection } from './native.js'
import type { PhoneCall } from './people.js'
import { camel } from './words.js'

/** How many frames are fetched at a time: one wait serves all that are there. */
const BATCH = 64

/**
 * A live session as frames for a connection of your own: hand over every message that comes, send every frame of the loop. Made by
 * `LiveSession.wire`.
 *
 * Strings are text frames (JSON), buffers are binary frames (sound); `docs/schema/live-wire.schema.json` says what they hold. What is
 * wrong with a message is told to the client, and the session goes on. Leaving the loop ends the session.
 */
export class LiveWire implements AsyncIterable<string | Buffer> {
  readonly #session: LiveSession
  readonly #native: NativeConnection

  /** @internal */
  constructor(session: LiveSession, native: NativeConnection) {
    this.#session = session
    this.#native = native
  }

  /** Takes a message of the client's: a string is a text frame, bytes are a binary one. */
  receive(message: string | Uint8Array | ArrayBuffer): void {
    if (typeof message === 'string') return guarded(() => this.#native.receiveText(message))
    const bytes = message instanceof ArrayBuffer ? new Uint8Array(message) : message
    if (!(bytes instanceof Uint8Array)) throw invalid('message: expected a string, a Buffer or an ArrayBuffer')
    guarded(() => this.#native.receiveBytes(owned(bytes)))
  }

  /** What the carrier of a telephone call said of it; undefined: its media stream has not begun, or there is no carrier. */
  get call(): PhoneCall | undefined {
    const told = guarded(() => this.#native.call())
    return typeof told === 'string' ? camel<PhoneCall>(JSON.parse(told)) : undefined
  }

  /**
   * Has the carrier of a telephone call press keys: `0`–`9`, `*`, `#`, `A`–`D`. Only Plivo does; otherwise it fails with
   * `INVALID_REQUEST`.
   */
  press(keys: string): void {
    guarded(() => this.#native.press(keys))
  }

  /** The frames to send, to the end of the session. */
  async *[Symbol.asyncIterator](): AsyncGenerator<string | Buffer, void, undefined> {
    try {
      for (;;) {
        const frames = await line.call(
          (id, port) => this.#native.next(port, id, BATCH),
          (done) => done.frames ?? [],
        )
        if (frames.length === 0) return
        for (const { text, bytes } of frames) yield text ?? bytes!
      }
    } finally {
      // It may be over already.
      this.#session.end().catch(() => {})
    }
  }
}
