// Voices of text to speech: which there are, and how one sounds.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { agent, failure } from './scripted.mjs'

/** Several voices, of which each speaks as long as its name, and faster with a speed. */
const choir = (voices) => {
  const asked = []
  return {
    asked,
    name: 'test/choir',
    voices,
    *synthesize({ text, language, voice, settings }) {
      asked.push({ text, language, voice, settings })
      const samples = new Int16Array((2_400 * (voice ?? '').length) / (settings.speed ?? 1)).fill(1_000)
      yield { samples, sampleRate: 24_000 }
    },
  }
}

const ANN = { id: 'ann', name: 'Ann', languages: ['en-GB'], gender: 'feminine', previewUrl: 'https://a.example/ann.mp3' }
const BOB = { id: 'bob', languages: ['de-AT'], labels: { useCase: 'news' } }

for (const [how, voices] of [
  ['at once', () => [ANN, BOB]],
  ['later', async () => [ANN, BOB]],
]) {
  test(`the voices of an object that lists them ${how} are listed and heard`, async () => {
    const tts = choir(voices)
    const voice = await agent({ tts })
    const { items, hasMore } = await voice.voices.list()
    assert.deepEqual([hasMore, items.map(({ id }) => id)], [false, ['ann', 'bob']])
    assert.deepEqual(items[0], { ...ANN, gender: 'female', description: null, labels: {} })
    assert.deepEqual(items[1].labels, BOB.labels)
    assert.deepEqual((await voice.voices.list({ language: 'de' })).items.map(({ id }) => id), ['bob'])

    const settings = { speed: 2, useCase: 'news' }
    const preview = await voice.voices.preview({ voice: 'ann', settings, text: 'Good day.', language: 'en-GB' })
    assert.deepEqual(tts.asked, [{ text: 'Good day.', language: 'en-GB', voice: 'ann', settings }])
    assert.deepEqual([preview.voice, preview.provider, preview.mediaType], ['ann', 'test/choir', 'audio/wav'])
    assert.deepEqual([preview.sampleRate, preview.usage.ttsCharacters, preview.cost], [24_000, 9, null])
    assert.ok(Math.abs(preview.audioSeconds - 0.15) < 0.001)
    assert.equal(preview.file.subarray(0, 4).toString(), 'RIFF')
    assert.match((await voice.voices.preview({ voice: 'bob' })).text, /^Hallo/)
    await voice.close()
  })
}

test('one voice has no list and no other', async () => {
  const voice = await agent({ tts: { ...choir(), voices: undefined } })
  for (const ask of [() => voice.voices.list(), () => voice.voices.preview({ voice: 'ann', text: 'Good day.' })]) {
    assert.equal((await failure(ask())).kind, 'unsupported')
  }
  assert.match((await failure(voice.voices.preview({ voice: 'ann', settings: { style: 'much' } }))).message, /settings\.style: /)
  await voice.close()
})

test('a list of anything else is the failure of its provider', async () => {
  for (const listed of ['no list', [{ name: 'nobody' }], [7], { id: 'ann' }]) {
    const voice = await agent({ tts: choir(() => listed) })
    assert.equal((await failure(voice.voices.list())).code, 'PROVIDER_ERROR', JSON.stringify(listed))
    await voice.close()
  }
})

test('a list that nobody wants any more is aborted', async () => {
  let aborted
  const heard = new Promise((resolve) => (aborted = resolve))
  const tts = choir(({ signal }) => new Promise(() => signal.addEventListener('abort', () => aborted('aborted'))))
  const voice = await agent({ tts })
  const asked = failure(voice.voices.list({ signal: AbortSignal.timeout(50) }))
  assert.equal((await asked).code, 'CANCELLED')
  assert.equal(await heard, 'aborted')
  await voice.close()
})
