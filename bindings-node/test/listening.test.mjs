// Recognisers that listen while somebody speaks, and detectors of the end of turns.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { VoiceAgent } from 'voice-core'

import { agent, failure, tone, wav } from './scripted.mjs'

/** What a second of speech is understood as. */
async function said(voice, { config = { turn_detection: 'manual' }, samples = tone({ seconds: 1 }), inputRate = 16_000 } = {}) {
  const live = await voice.live({ config, inputRate, language: 'de', speak: false })
  for (let at = 0; at < samples.length; at += 320) live.pushAudio(samples.subarray(at, at + 320))
  if (config.turn_detection === 'manual') live.commit()
  for await (const event of live) {
    if (event.type === 'turnDone') {
      await live.end()
      return event.turn.transcript
    }
  }
  throw new Error('it ended without a turn')
}

const transcribe = ({ samples }) => `${samples.length} transcribed`

test('a recogniser hears every sample while it is spoken, in loops that may be left', async () => {
  const voice = await agent({
    stt: {
      transcribe,
      async *listen({ sound, sampleRate, language, signal }) {
        assert.equal(sampleRate, 16_000)
        assert.ok(signal instanceof AbortSignal)
        let heard = 0
        for await (const piece of sound) {
          assert.ok(piece instanceof Int16Array)
          heard += piece.length
          break
        }
        yield { text: 'so far', final: false }
        for await (const piece of sound) heard += piece.length
        for await (const piece of sound) heard += piece.length
        yield `${heard} heard in ${language}`
      },
    },
  })
  assert.equal(await said(voice), '16000 heard in de')
  assert.equal((await voice.converse(wav())).transcript, '8000 transcribed')
})

test('whatever listening gives or throws costs no words', async () => {
  const ways = {
    nothing: () => undefined,
    null: () => null,
    number: () => 7,
    objects: () => [{}],
    thrown: () => {
      throw new Error('deaf')
    },
    rejected: () => Promise.reject(undefined),
  }
  for (const [way, listen] of Object.entries(ways)) {
    const voice = await agent({ stt: { transcribe, listen } })
    assert.equal(await said(voice), '16000 transcribed', way)
  }
})

test('the end of a session aborts a recogniser that still listens', async () => {
  let aborted
  const gone = new Promise((resolve) => (aborted = resolve))
  const voice = await agent({
    stt: {
      transcribe,
      async *listen({ signal }) {
        signal.addEventListener('abort', aborted)
        yield { text: 'so far', final: false }
        await gone
      },
    },
  })
  const live = await voice.live({ config: { turn_detection: 'manual' } })
  live.pushAudio(tone())
  for await (const { type } of live) if (type === 'transcript') break
  await voice.close()
  await gone
})

test('a detector hears the turn, and one without its method is refused', async () => {
  const error = await failure(VoiceAgent.create({ turn_detector: {}, storage: 'memory' }))
  assert.equal(error.code, 'VALIDATION_ERROR')
  assert.match(error.message, /turn_detector/)

  const asked = []
  const completeness = (request) => {
    asked.push(request)
    return asked.length === 1 ? 'yes' : 1
  }
  const voice = await agent({ stt: { transcribe }, turn_detector: { completeness } })
  // The detector of voice is made to take the tone for one.
  const config = { turn_detection: 'model', vad: { threshold: 0.01 }, endpointing: { min_delay_ms: 0, max_delay_ms: 1000 } }
  const samples = Int16Array.from({ length: 16_000 }, (_, n) => (n < 8000 ? (Math.floor(n / 40) % 2 === 0 ? 8000 : -8000) : 0))
  for (let turn = 1; turn <= 2; turn += 1) {
    assert.match(await said(voice, { config, samples, inputRate: 8000 }), /transcribed/)
    assert.equal(asked.length, turn)
  }
  assert.ok(asked[0].samples instanceof Int16Array && asked[0].samples.length > 8000)
})
