// Where the real models and recordings are.
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { wav } from './scripted.mjs'

const folder = process.env.VOICE_CORE_MODELS
if (folder === undefined) {
  throw new Error('these tests need the local models: set VOICE_CORE_MODELS to a folder that `voice-core models fetch` filled')
}

/** Somebody reads the beginning of A Tale of Two Cities. */
export const recording = join(folder, 'test-audio', 'two_cities.wav')

if (!existsSync(recording)) throw new Error(`there is no ${recording}: run \`voice-core models fetch test-audio\``)

/** The first seconds of it, as the bytes of a WAV file: 16-bit mono. */
export async function question(seconds = 4) {
  const file = await readFile(recording)
  const [data, rate] = [file.indexOf('data') + 8, file.readUInt32LE(24)]
  const sound = file.subarray(data, data + seconds * rate * 2)
  return wav(Int16Array.from({ length: sound.length / 2 }, (_, i) => sound.readInt16LE(i * 2)), rate)
}
