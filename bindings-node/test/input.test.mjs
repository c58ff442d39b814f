import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'

import { agent, events, failure, never, stt, tone, wav } from './scripted.mjs'

const floats = (samples) => Float32Array.from(samples, (sample) => sample / 32_768)

async function* chunks(bytes, size = 1000) {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

const stereo = () => Int16Array.from([...tone()].flatMap((sample) => [sample, sample]))

test('sound is taken in every shape in which Node has it', async (t) => {
  const folder = await mkdtemp(`${tmpdir()}/voice-core-`)
  t.after(() => rm(folder, { recursive: true }))
  const path = `${folder}/frage über alles.wav`
  await writeFile(path, wav())
  const bytes = wav()
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length))
  shared.set(bytes)

  const shapes = {
    'a path': path,
    'a file: URL': pathToFileURL(path),
    'a Buffer': bytes,
    'a Uint8Array': Uint8Array.from(bytes),
    'a part of a larger Uint8Array': new Uint8Array([0, ...bytes, 0]).subarray(1, -1),
    'a shared Uint8Array': shared,
    'an ArrayBuffer': Uint8Array.from(bytes).buffer,
    'a Blob': new Blob([bytes]),
    'a Readable': Readable.from(chunks(bytes)),
    'an async generator': chunks(bytes),
    'a web stream': Readable.toWeb(Readable.from(chunks(bytes), { objectMode: false })),
    'an Int16Array with its rate': { samples: tone(), sampleRate: 16_000 },
    'a Float32Array with its rate': { samples: floats(tone()), sampleRate: 16_000 },
    'two channels': { samples: stereo(), sampleRate: 16_000, channels: 2 },
  }
  for (const [shape, input] of Object.entries(shapes)) {
    const ears = stt()
    const voice = await agent({ stt: ears })
    await voice.converse(input)
    const [{ samples, sampleRate }] = ears.asked
    assert.equal(sampleRate, 16_000, shape)
    assert.equal(samples.length, 8000, shape)
    assert.ok(Math.abs(samples[1000] - tone()[1000]) <= 2, shape)
  }
})

test('samples of another rate are heard at 16 kHz', async () => {
  const ears = stt()
  const voice = await agent({ stt: ears })
  await voice.converse({ samples: tone({ rate: 48_000 }), sampleRate: 48_000 })
  assert.ok(Math.abs(ears.asked[0].samples.length - 8000) < 20)
})

test('what is no sound is refused, and the message says what is accepted', async () => {
  const voice = await agent()
  const cases = [
    [undefined, /expected a path.* got undefined/],
    [null, /got null/],
    [7, /got number/],
    [true, /got boolean/],
    [{}, /got an object of another kind/],
    [[1, 2, 3], /got an object of another kind/],
    [tone(), /a bare Int16Array/],
    [new URL('https://example.com/a.wav'), /a URL of https:/],
    [{ samples: [1, 2], sampleRate: 16_000 }, /expected an Int16Array or a Float32Array/],
    [{ samples: tone(), sampleRate: 0 }, /sampleRate/],
    [{ samples: tone(), sampleRate: '16000' }, /sampleRate/],
    [{ samples: tone() }, /sampleRate/],
    [{ samples: tone(), sampleRate: 16_000, channels: 1.5 }, /channels/],
  ]
  for (const [input, message] of cases) {
    const error = await failure(voice.converse(input))
    assert.equal(error.code, 'VALIDATION_ERROR', String(message))
    assert.match(error.message, message)
    const streamed = await failure(events(voice.turn(input)))
    assert.equal(streamed.code, 'VALIDATION_ERROR')
  }
})

test('each fault of a recording has its own kind', async () => {
  const voice = await agent()
  const cases = {
    empty_audio: Buffer.alloc(0),
    unsupported_audio: Buffer.from('this is a shopping list, not a recording'),
    silent_audio: { samples: new Int16Array(16_000), sampleRate: 16_000 },
    invalid_text: { text: '' },
    file: '/no/such/recording.wav',
  }
  for (const [kind, input] of Object.entries(cases)) {
    assert.equal((await failure(voice.converse(input))).kind, kind)
    assert.equal((await failure(events(voice.turn(input)))).kind, kind)
  }
})

test('a stream that fails is the turn’s failure, and one that hangs can be given up', async () => {
  const voice = await agent()
  const broken = async function* () {
    yield wav().subarray(0, 100)
    throw new Error('the cable was pulled')
  }
  const error = await failure(voice.converse(broken()))
  assert.equal(error.code, 'INVALID_REQUEST')
  assert.match(error.message, /cannot read the stream: the cable was pulled/)
  assert.match(error.cause.message, /cable/)
  const words = await failure(voice.converse(Readable.from(['text', 'chunks'])))
  assert.match(words.message, /expected a stream of bytes/)

  let left = false
  const hanging = {
    [Symbol.asyncIterator]: () => ({ next: never, return: async () => ((left = true), { done: true }) }),
  }
  const controller = new AbortController()
  setTimeout(() => controller.abort(), 20)
  assert.equal((await failure(voice.converse(hanging, { signal: controller.signal }))).code, 'CANCELLED')
  assert.ok(left)
})
