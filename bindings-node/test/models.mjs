// Where the real models and recordings are.
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const folder = process.env.VOICE_CORE_MODELS
if (folder === undefined) {
  throw new Error('these tests need the local models: set VOICE_CORE_MODELS to a folder that `voice-core models fetch` filled')
}

/** Somebody reads the beginning of A Tale of Two Cities. */
export const recording = join(folder, 'test-audio', 'two_cities.wav')

if (!existsSync(recording)) throw new Error(`there is no ${recording}: run \`voice-core models fetch test-audio\``)
