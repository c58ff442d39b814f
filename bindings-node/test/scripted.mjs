// Providers and a store that do as a test says, written as a user of the library would write them.
import { VoiceAgent } from 'voice-core'

/** A second of a tone: sound enough to be let in. */
export function tone({ seconds = 0.5, rate = 16_000 } = {}) {
  return Int16Array.from({ length: seconds * rate }, (_, i) => 8000 * Math.sin((i * 440 * 2 * Math.PI) / rate))
}

/** The same as the bytes of a WAV file. */
export function wav(samples = tone(), rate = 16_000, channels = 1) {
  const header = Buffer.alloc(44)
  header.write('RIFF', 0)
  header.writeUInt32LE(36 + samples.byteLength, 4)
  header.write('WAVEfmt ', 8)
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(rate, 24)
  header.writeUInt32LE(rate * channels * 2, 28)
  header.writeUInt16LE(channels * 2, 32)
  header.writeUInt16LE(16, 34)
  header.write('data', 36)
  header.writeUInt32LE(samples.byteLength, 40)
  return Buffer.concat([header, Buffer.from(samples.buffer, samples.byteOffset, samples.byteLength)])
}

/** Hears the same words in everything. */
export const stt = (text = 'hello there') => ({
  name: 'script/stt',
  asked: [],
  async transcribe(request) {
    this.asked.push(request)
    return text
  },
})

/** Answers in pieces. */
export const llm = (...pieces) => ({
  name: 'script/llm',
  asked: [],
  async *generate(request) {
    this.asked.push(request)
    yield* pieces.length > 0 ? pieces : ['Good ', 'morning.']
  },
})

/** Speaks a hundredth of a second for each character. */
export const tts = () => ({
  name: 'script/tts',
  asked: [],
  async *synthesize(request) {
    this.asked.push(request)
    yield { samples: new Int16Array(request.text.length * 160).fill(1000), sampleRate: 16_000 }
  },
})

/** An agent of scripted parts: one attempt, nothing on disk. */
export function agent(parts = {}) {
  const { config, ...hosts } = parts
  const once = { storage: 'memory', retry: { attempts: 1 } }
  return VoiceAgent.create({ stt: stt(), llm: llm(), tts: tts(), ...once, ...config, ...hosts })
}

/** Never settles. */
export const never = () => new Promise(() => {})

/** All events of a turn. */
export async function events(turn) {
  const all = []
  for await (const event of turn) all.push(event)
  return all
}

/** The error that a promise fails with. */
export async function failure(promise) {
  try {
    await promise
  } catch (error) {
    return error
  }
  throw new Error('it succeeded')
}

/** Waits until something is so. */
export async function until(condition) {
  for (let i = 0; i < 1000; i += 1) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  throw new Error('it never came to be')
}
