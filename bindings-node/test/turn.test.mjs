import assert from 'node:assert/strict'
import { test } from 'node:test'

import { VoiceError } from 'voice-core'

import { agent, events, failure, llm, never, stt, tone, tts, until, wav } from './scripted.mjs'

test('a recording is answered with text and sound', async () => {
  const voice = await agent()
  const reply = await voice.converse(wav())
  assert.equal(reply.transcript, 'hello there')
  assert.equal(reply.text, 'Good morning.')
  assert.equal(reply.audio.sampleRate, 16_000)
  assert.equal(reply.audio.samples.length, 'Good morning.'.length * 160)
  assert.equal(reply.audio.pcm.readInt16LE(0), 1000)
  assert.equal(reply.audioError, undefined)
  assert.ok(reply.timings.total > 0)
  await voice.close()
})

test('typed text is answered without a recogniser', async () => {
  const ears = stt()
  const voice = await agent({ stt: ears })
  const reply = await voice.converse({ text: 'Привет, 世界 👋' })
  assert.equal(reply.transcript, 'Привет, 世界 👋')
  assert.equal(ears.asked.length, 0)
})

test('a turn is iterated over as events, in order, ending with its reply', async () => {
  const voice = await agent()
  const all = await events(voice.turn(wav()))
  const kinds = all.map(({ type }) => type).filter((type) => type !== 'metrics')
  assert.equal(kinds[0], 'started')
  assert.equal(kinds[1], 'transcript')
  assert.equal(kinds.at(-1), 'done')
  assert.equal(all.filter(({ type }) => type === 'text').map(({ text }) => text).join(''), 'Good morning.')
  const sound = all.filter(({ type }) => type === 'audio')
  assert.ok(sound.every(({ pcm, samples, sampleRate }) => pcm.length === samples.length * 2 && sampleRate === 16_000))
  const { reply } = all.at(-1)
  assert.equal(sound.reduce((sum, { samples }) => sum + samples.length, 0), reply.audio.samples.length)
  assert.deepEqual(all.find(({ type }) => type === 'metrics' ).stage, 'stt')
  assert.equal(all[0].sessionId, reply.sessionId)
})

test('text comes out before the model has finished', async () => {
  let finish
  const held = new Promise((resolve) => (finish = resolve))
  const voice = await agent({
    llm: {
      async *generate() {
        yield 'One. '
        await held
        yield 'Two.'
      },
    },
  })
  let seen = ''
  for await (const event of voice.turn({ text: 'count' })) {
    if (event.type !== 'text') continue
    seen += event.text
    finish()
  }
  assert.equal(seen, 'One. Two.')
})

test('a session carries the conversation on', async () => {
  const model = llm()
  const voice = await agent({ llm: model })
  const first = await voice.converse({ text: 'one' })
  const second = await voice.converse({ text: 'two' }, { sessionId: first.sessionId })
  assert.equal(second.sessionId, first.sessionId)
  const said = model.asked[1].messages.map(({ role, content }) => `${role}: ${content}`)
  assert.deepEqual(said.slice(1), ['user: one', 'assistant: Good morning.', 'user: two'])

  const history = await voice.sessions.history(first.sessionId)
  assert.deepEqual(history.items.map(({ content }) => content), ['one', 'Good morning.', 'two', 'Good morning.'])
  assert.equal(history.items[0].turnId, first.turnId)
  assert.equal(history.hasMore, false)
})

test('sessions are made, described, listed, ended and deleted, each for its own user', async () => {
  const voice = await agent()
  const hers = voice.sessions.forUser('ada')
  const session = await hers.create({ metadata: { order_id: 7, nested: { someKey: 1 } } })
  assert.equal(session.user, 'ada')
  assert.deepEqual((await hers.get(session.id)).metadata, { order_id: 7, nested: { someKey: 1 } })
  await hers.setMetadata(session.id, { done: true })
  assert.deepEqual((await hers.get(session.id)).metadata, { done: true })
  assert.equal((await failure(voice.sessions.forUser('bob').get(session.id))).code, 'SESSION_NOT_FOUND')
  assert.equal((await hers.list({ limit: 1 })).items[0].id, session.id)
  await hers.end(session.id)
  assert.equal((await hers.list({ status: 'ended' })).items.length, 1)
  await hers.delete(session.id)
  assert.equal((await failure(hers.get(session.id))).code, 'SESSION_NOT_FOUND')
  assert.equal(await voice.sessions.expireIdle(), 0)
  assert.equal(await voice.sessions.deleteOver(0), 0)
})

test('a turn runs once', async () => {
  const voice = await agent()
  const turn = voice.turn({ text: 'hi' })
  assert.equal(await turn, await turn)
  assert.equal((await failure(events(turn))).code, 'INVALID_REQUEST')
  const other = voice.turn({ text: 'hi' })
  await events(other)
  assert.equal((await failure(other.then())).code, 'INVALID_REQUEST')
})

test('a hundred turns run at the same time', async () => {
  const voice = await agent()
  const replies = await Promise.all(Array.from({ length: 100 }, (_, i) => voice.converse({ text: `turn ${i}` })))
  assert.deepEqual(replies.map(({ transcript }) => transcript), Array.from({ length: 100 }, (_, i) => `turn ${i}`))
  assert.equal(new Set(replies.map(({ sessionId }) => sessionId)).size, 100)
})

for (const stage of ['stt', 'llm', 'tts']) {
  const silent = () => ({ transcribe: never, generate: never, synthesize: never })

  test(`aborting cancels a turn that waits for ${stage}, and nothing is stored`, async () => {
    const parts = { stt: stt(), llm: llm(), tts: tts(), [stage]: silent() }
    const voice = await agent(parts)
    const session = await voice.sessions.create()
    const controller = new AbortController()
    const turn = voice.converse(wav(), { sessionId: session.id, signal: controller.signal })
    setImmediate(() => controller.abort(new Error('changed my mind')))
    const error = await failure(turn)
    assert.ok(error instanceof VoiceError)
    assert.equal(error.code, 'CANCELLED')
    assert.equal(error.cause.message, 'changed my mind')
    assert.deepEqual((await voice.sessions.history(session.id)).items, [])
  })

  test(`a deadline ends a turn that waits for ${stage}`, async () => {
    const parts = { stt: stt(), llm: llm(), tts: tts(), [stage]: silent() }
    const voice = await agent(parts)
    const all = []
    let error
    try {
      for await (const event of voice.turn(wav(), { deadline: 100 })) all.push(event)
    } catch (thrown) {
      error = thrown
    }
    // When there is text, the turn is saved without its sound.
    error ??= all.find(({ type }) => type === 'audioFailed')?.error
    assert.equal(error.code, 'TIMEOUT')
    assert.equal(error.kind, 'deadline_exceeded')
  })
}

test('a signal that is aborted already starts nothing', async () => {
  const ears = stt()
  const voice = await agent({ stt: ears })
  const signal = AbortSignal.abort()
  assert.equal((await failure(voice.converse(wav(), { signal }))).code, 'CANCELLED')
  assert.equal((await failure(events(voice.turn(wav(), { signal })))).code, 'CANCELLED')
  assert.equal(ears.asked.length, 0)
})

test('aborting ends the iteration over events, after the events that are there', async () => {
  const voice = await agent({
    llm: {
      async *generate() {
        yield 'One. '
        await never()
      },
    },
  })
  const controller = new AbortController()
  const seen = []
  const error = await failure(
    (async () => {
      for await (const event of voice.turn({ text: 'hi' }, { signal: controller.signal })) {
        seen.push(event.type)
        if (event.type === 'text') controller.abort()
      }
    })(),
  )
  assert.equal(error.code, 'CANCELLED')
  assert.ok(seen.includes('text'))
})

test('leaving the loop early stops the providers', async () => {
  let stopped = false
  const voice = await agent({
    llm: {
      async *generate({ signal }) {
        signal.addEventListener('abort', () => (stopped = true))
        yield 'One. '
        await never()
      },
    },
  })
  for await (const event of voice.turn({ text: 'hi' })) {
    if (event.type === 'text') break
  }
  await until(() => stopped)
})

test('a silent answer is asked for with speak: false', async () => {
  const voice = await agent()
  const reply = await voice.converse({ text: 'hi' }, { speak: false })
  assert.equal(reply.text, 'Good morning.')
  assert.equal(reply.audio.samples.length, 0)
})

test('a wrong option is refused by its name', async () => {
  const voice = await agent()
  const cases = [
    [{ sesionId: 'x' }, /options\.sesionId: there is no such option/],
    [{ sessionId: 7 }, /options\.sessionId: expected a string, got number/],
    [{ deadline: -1 }, /options\.deadline/],
    [{ deadline: Number.NaN }, /options\.deadline/],
    [{ speak: 'yes' }, /options\.speak: expected a boolean/],
  ]
  for (const [options, message] of cases) {
    const error = await failure(voice.converse({ text: 'hi' }, options))
    assert.equal(error.code, 'VALIDATION_ERROR')
    assert.match(error.message, message)
  }
})

test('a closed agent says so, and closing again is fine', async () => {
  const voice = await agent()
  await voice.close()
  await voice.close()
  for (const use of [
    () => voice.converse({ text: 'hi' }),
    () => events(voice.turn({ text: 'hi' })),
    () => voice.warmUp(),
    () => voice.sessions.create(),
  ]) {
    const error = await failure(use())
    assert.equal(error.code, 'INVALID_REQUEST')
    assert.equal(error.kind, 'closed')
  }
})

test('closing cancels what runs', async () => {
  const voice = await agent({ llm: { generate: never } })
  const turn = failure(voice.converse({ text: 'hi' }))
  await new Promise((resolve) => setImmediate(resolve))
  await voice.close()
  assert.ok(['CANCELLED', 'INVALID_REQUEST'].includes((await turn).code))
})

test('a reply’s sound is encoded and saved', async (t) => {
  const { mkdtemp, readFile, rm } = await import('node:fs/promises')
  const { tmpdir } = await import('node:os')
  const folder = await mkdtemp(`${tmpdir()}/voice-core-`)
  t.after(() => rm(folder, { recursive: true }))
  const voice = await agent()
  const { audio } = await voice.converse({ text: 'hi' })
  await audio.save(`${folder}/answer.wav`)
  const file = await readFile(`${folder}/answer.wav`)
  assert.equal(file.toString('latin1', 0, 4), 'RIFF')
  assert.deepEqual(await audio.encode('wav'), file)
  assert.equal((await audio.encode('ogg_opus')).toString('latin1', 0, 4), 'OggS')
  assert.equal((await failure(audio.encode('mp7'))).code, 'VALIDATION_ERROR')
  assert.equal((await failure(audio.save(`${folder}/nowhere/answer.wav`))).kind, 'file')
})

test('warming up makes an agent ready', async () => {
  const voice = await agent()
  await voice.warmUp()
  assert.equal((await voice.converse(wav(tone({ seconds: 1 })))).text, 'Good morning.')
})
