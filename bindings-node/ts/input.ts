import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'

import { cancelled, invalid, VoiceError } from './error.js'
import type { NativeInput } from './native.js'

/** Samples as they come from a microphone: 16-bit, or float with full scale ±1; several channels are interleaved. */
export interface Samples {
  /** The samples. */
  samples: Int16Array | Float32Array
  /** Samples a second. */
  sampleRate: number
  /** Channels. Default 1. */
  channels?: number
}

/** Something that yields the bytes of an audio file: a Node stream, a web stream, any async iterable. */
export type ByteStream = AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>

/** Audio: the path or `file:` URL of a file, the bytes of one, a stream of them, a `Blob`, or samples with their rate. */
export type AudioInput = string | URL | Uint8Array | ArrayBuffer | Blob | ByteStream | Samples

/** What a turn is about: audio, or something typed. */
export type TurnInput = AudioInput | { text: string }

const ACCEPTED =
  'a path, a file: URL, a Buffer, a Uint8Array, an ArrayBuffer, a Blob, a stream, { samples, sampleRate } or { text }'

/** The most that is read from a stream: the library's own limit on top decides. */
const MOST_STREAMED = 256 * 1024 * 1024

/** @internal What a turn is about, as the addon takes it. Only a stream or a blob is waited for. */
export function accepted(input: TurnInput, signal?: AbortSignal): NativeInput | Promise<NativeInput> {
  if (typeof input === 'string') return { path: input }
  if (input instanceof Uint8Array) return { bytes: owned(input) }
  if (isArrayBuffer(input)) return { bytes: owned(new Uint8Array(input)) }
  if (typeof input !== 'object' || input === null) throw refused(input === null ? 'null' : typeof input)
  if (input instanceof URL) {
    if (input.protocol !== 'file:') throw refused(`a URL of ${input.protocol}`)
    return { path: fileURLToPath(input) }
  }
  if ('text' in input && typeof input.text === 'string') return { text: input.text }
  if ('samples' in input) return ofSamples(input)
  if (ArrayBuffer.isView(input)) {
    throw refused(`a bare ${input.constructor.name}, whose rate nobody knows`)
  }
  if (input instanceof Blob) return input.arrayBuffer().then((bytes) => ({ bytes: new Uint8Array(bytes) }))
  if (Symbol.asyncIterator in input) return collected(input, signal)
  // Web streams iterate by themselves only in newer engines.
  if (isWebStream(input)) return collected(Readable.fromWeb(input as never), signal)
  throw refused('an object of another kind')
}

function refused(found: string): Error {
  return invalid(`input: expected ${ACCEPTED}, got ${found}`)
}

function isArrayBuffer(value: unknown): value is ArrayBuffer {
  // Also one of another realm, as in a test runner's sandbox.
  return Object.prototype.toString.call(value) === '[object ArrayBuffer]'
}

function isWebStream(value: object): boolean {
  return 'getReader' in value && typeof value.getReader === 'function'
}

/** @internal Memory that other threads can write to is copied first. */
export function owned<T extends Uint8Array | Int16Array | Float32Array>(array: T): T {
  const shared = typeof SharedArrayBuffer !== 'undefined' && (array.buffer as object) instanceof SharedArrayBuffer
  return shared ? (array.slice() as T) : array
}

function ofSamples({ samples, sampleRate, channels = 1 }: Samples): NativeInput {
  if (!isCount(sampleRate)) throw invalid(`sampleRate: expected a whole number of samples a second, got ${sampleRate}`)
  if (!isCount(channels)) throw invalid(`channels: expected a whole number from 1, got ${channels}`)
  if (samples instanceof Int16Array) return { samples: owned(samples), sampleRate, channels }
  if (samples instanceof Float32Array) return { floats: owned(samples), sampleRate, channels }
  throw invalid('samples: expected an Int16Array or a Float32Array')
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) > 0 && (value as number) < 0x1_0000_0000
}

async function collected(stream: AsyncIterable<unknown>, signal?: AbortSignal): Promise<NativeInput> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of until(stream, signal, unreadable)) {
    if (!(chunk instanceof Uint8Array)) throw invalid(`input: expected a stream of bytes, got one of ${typeof chunk}`)
    length += chunk.byteLength
    if (length > MOST_STREAMED) throw invalid(`input: the stream has more than ${MOST_STREAMED} bytes`, 'audio_too_large')
    chunks.push(chunk)
  }
  return { bytes: Buffer.concat(chunks, length) }
}

function unreadable(cause: unknown): VoiceError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  const details = { code: 'INVALID_REQUEST', kind: 'file', retryable: false, httpStatus: 400, cause } as const
  return new VoiceError(`cannot read the stream: ${reason}`, details)
}

/**
 * @internal The items of an iterable, given up as soon as `signal` is aborted, even when the next item never comes. What the
 * iterable throws goes through `failed`.
 */
export async function* until<T>(
  items: AsyncIterable<T>,
  signal?: AbortSignal,
  failed = (thrown: unknown) => thrown,
): AsyncGenerator<T, void, undefined> {
  const iterator = items[Symbol.asyncIterator]()
  let over = false
  let abort = (): void => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => {
      if (signal) reject(cancelled(signal))
    }
  })
  aborted.catch(() => {})
  signal?.addEventListener('abort', abort, { once: true })
  if (signal?.aborted) abort()
  const pull = () => iterator.next().catch((thrown: unknown) => Promise.reject(failed(thrown)))
  try {
    for (;;) {
      const next = await Promise.race([pull(), aborted])
      if (next.done) {
        over = true
        return
      }
      yield next.value
    }
  } finally {
    signal?.removeEventListener('abort', abort)
    // Not awaited: a generator that hangs would hang here too.
    if (!over) void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}
