import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { VoiceAgent, VoiceError } from 'voice-core'

import { agent, events, failure, llm, never, stt, tone, tts, until, wav } from './scripted.mjs'

test('a provider is asked with what it needs', async () => {
  const parts = { stt: stt(), llm: llm(), tts: tts() }
  const config = { assistant: { system_prompt: 'Be brief.', temperature: 0.25, max_tokens: 42 } }
  const voice = await agent({ ...parts, config })
  await voice.converse(wav(), { language: 'de' })
  const [heard] = parts.stt.asked
  assert.equal(heard.language, 'de')
  assert.ok(heard.samples instanceof Int16Array)
  assert.ok(heard.signal instanceof AbortSignal)
  const [asked] = parts.llm.asked
  assert.deepEqual(asked.messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'hello there' },
  ])
  assert.equal(asked.maxTokens, 42)
  assert.equal(asked.temperature, 0.25)
  const spoken = parts.tts.asked.map(({ text }) => text).join(' ')
  assert.equal(spoken, 'Good morning.')
})

test('an answer may be a value, a promise, an array, a generator or an async generator', async () => {
  const answers = {
    value: () => 'Fine.',
    promise: async () => 'Fine.',
    array: () => ['Fi', 'ne.'],
    *generator() {
      yield* ['Fi', 'ne.']
    },
    async *asyncGenerator() {
      yield* ['Fi', 'ne.']
    },
    promised: async () => (async function* () { yield 'Fine.' })(),
  }
  for (const [way, generate] of Object.entries(answers)) {
    const voice = await agent({ llm: { generate } })
    assert.equal((await voice.converse({ text: 'how are you' })).text, 'Fine.', way)
  }
})

test('interim transcripts are events before the final one', async () => {
  const voice = await agent({
    stt: {
      async *transcribe() {
        yield { text: 'hel', final: false }
        yield { text: 'hello', final: true, language: 'en' }
      },
    },
  })
  const heard = (await events(voice.turn(wav()))).filter(({ type }) => type === 'transcript')
  assert.deepEqual(heard.map(({ text, final }) => [text, final]), [['hel', false], ['hello', true]])
  assert.equal(heard[1].language, 'en')
})

test('a voice gives samples or their bytes', async () => {
  for (const chunk of [
    { samples: tone(), sampleRate: 24_000 },
    { pcm: Buffer.from(tone().buffer), sampleRate: 24_000 },
    { pcm: Buffer.concat([Buffer.alloc(1), Buffer.from(tone().buffer)]).subarray(1), sampleRate: 24_000 },
  ]) {
    const voice = await agent({ tts: { synthesize: () => chunk } })
    const { audio } = await voice.converse({ text: 'sing' })
    assert.equal(audio.sampleRate, 24_000)
    assert.deepEqual(audio.samples, tone())
  }
})

test('the bytes of sound may be cut anywhere', async () => {
  const sound = tone({ seconds: 0.1 })
  const bytes = Buffer.from(sound.buffer)
  for (const size of [1, 3, 1001]) {
    const synthesize = function* () {
      for (let at = 0; at < bytes.length; at += size) yield { pcm: bytes.subarray(at, at + size), sampleRate: 16_000 }
    }
    const voice = await agent({ tts: { synthesize } })
    assert.deepEqual((await voice.converse({ text: 'sing' })).audio.samples, sound, `in pieces of ${size}`)
  }
})

test('sound that ends within a sample is the failure of its voice', async () => {
  const odd = { pcm: Buffer.alloc(321), sampleRate: 16_000 }
  for (const chunks of [[odd], [odd, { samples: tone(), sampleRate: 16_000 }]]) {
    const voice = await agent({ tts: { synthesize: () => chunks } })
    const { audioError } = await voice.converse({ text: 'sing' })
    assert.match(audioError.message, /16-bit sample/)
  }
})

test('words whose times make no sense are refused', async () => {
  for (const word of [null, { text: 'la' }, { text: 'la', start: 1, end: 0.5 }, { text: 'la', start: -1, end: 1 }]) {
    const voice = await agent({ tts: { synthesize: () => ({ samples: tone(), sampleRate: 24_000, words: [word] }) } })
    const { audioError } = await voice.converse({ text: 'sing' })
    assert.match(audioError.message, /word/, JSON.stringify(word))
  }
})

test('a provider without a method is named by its key in the config', async () => {
  const error = await failure(VoiceAgent.create({ llm: { answer: () => 'hi' }, storage: 'memory' }))
  assert.ok(error instanceof VoiceError)
  assert.equal(error.code, 'INVALID_REQUEST')
  assert.match(error.message, /llm/)
})

for (const [stage, method] of [['stt', 'transcribe'], ['llm', 'generate'], ['tts', 'synthesize']]) {
  const failing = async (work) => {
    const voice = await agent({ [stage]: { name: `mine/${stage}`, [method]: work } })
    const all = []
    try {
      for await (const event of voice.turn(wav())) all.push(event)
    } catch (error) {
      return error
    }
    // Speech that fails after text exists leaves the text.
    return all.find(({ type }) => type === 'audioFailed')?.error
  }

  test(`what a ${stage} provider throws is a typed error of its stage`, async () => {
    const ways = {
      'thrown at once': () => {
        throw new Error('the disk is full')
      },
      'a rejected promise': () => Promise.reject(new Error('the disk is full')),
      'thrown in a generator': async function* () {
        throw new Error('the disk is full')
      },
    }
    for (const [way, work] of Object.entries(ways)) {
      const error = await failing(work)
      assert.ok(error instanceof VoiceError, way)
      assert.equal(error.code, 'PROVIDER_ERROR', way)
      assert.equal(error.stage, stage, way)
      assert.equal(error.provider, `mine/${stage}`, way)
      assert.match(error.message, /the disk is full/, way)
    }
  })

  test(`what a ${stage} provider says about its failure is kept`, async () => {
    const details = { code: 'RATE_LIMIT_EXCEEDED', retryable: false, retryAfter: 1500 }
    const error = await failing(() => Promise.reject(new VoiceError('slow down', details)))
    assert.equal(error.code, 'RATE_LIMIT_EXCEEDED')
    assert.equal(error.retryable, false)
    assert.equal(error.retryAfter, 1500)
    const timeout = await failing(() => Promise.reject(new DOMException('too slow', 'TimeoutError')))
    assert.equal(timeout.code, 'TIMEOUT')
  })

  test(`anything a ${stage} provider throws is survived`, async () => {
    for (const thrown of [undefined, null, 7, 'words', Symbol('s'), { message: 7 }, Object.create(null)]) {
      assert.equal((await failing(() => Promise.reject(thrown))).code, 'PROVIDER_ERROR', String(typeof thrown))
    }
  })

  test(`a ${stage} provider that gives something else is told so`, async () => {
    for (const given of [7, { some: 'thing' }, [null], Symbol('s')]) {
      const error = await failing(async () => given)
      assert.ok(['VALIDATION_ERROR', 'PROVIDER_ERROR'].includes(error.code), error.code)
      assert.match(error.message, /expected|transcri|generate|synthesize/)
    }
  })

  test(`a ${stage} provider that never settles is cut off by the time-out, and told`, async () => {
    let told = false
    const work = ({ signal }) => {
      signal.addEventListener('abort', () => (told = true))
      return never()
    }
    const config = { timeouts: { first_byte_ms: 50, idle_ms: 50 } }
    const voice = await agent({ [stage]: { [method]: work }, config })
    let error
    try {
      for await (const event of voice.turn(wav())) if (event.type === 'audioFailed') error = event.error
    } catch (thrown) {
      error = thrown
    }
    assert.equal(error.code, 'TIMEOUT')
    assert.equal(error.stage, stage)
    await until(() => told)
  })
}

/** A store in plain JavaScript. */
class Shelf {
  name = 'shelf'
  sessions = new Map()
  kept = []
  closed = false

  createSession({ session }) {
    if (!this.sessions.has(session.id)) this.sessions.set(session.id, session)
  }
  session({ id }) {
    return this.sessions.get(id)
  }
  async listSessions({ user, status, limit, before }) {
    const all = [...this.sessions.values()]
      .filter((s) => (user === null || s.user === user) && (status === null || s.status === status))
      .filter((s) => before === null || s.id < before)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
    return { items: all.slice(0, limit), hasMore: all.length > limit }
  }
  setMetadata({ id, metadata }) {
    const session = this.sessions.get(id)
    if (session) session.metadata = metadata
    return session !== undefined
  }
  endSession({ id, at }) {
    const session = this.sessions.get(id)
    if (session?.status !== 'active') return false
    Object.assign(session, { status: 'ended', endedAt: at })
    return true
  }
  deleteSession({ id }) {
    this.kept = this.kept.filter((message) => message.sessionId !== id)
    return this.sessions.delete(id)
  }
  async saveTurn({ turnId, session, messages }) {
    if (this.kept.some((message) => message.turnId === turnId)) return false
    this.sessions.set(session.id, { ...session, ...this.sessions.get(session.id), lastActivityAt: session.lastActivityAt })
    this.kept.push(...messages)
    return true
  }
  async messages({ sessionId, limit, before }) {
    const all = this.kept.filter((m) => m.sessionId === sessionId && (before === null || m.id < before))
    return { items: all.slice(-limit), hasMore: all.length > limit }
  }
  expireIdle() {
    return 0
  }
  deleteOver() {
    return 0
  }
  close() {
    this.closed = true
  }
}

test('conversations are kept in a store of one’s own', async () => {
  const shelf = new Shelf()
  const model = llm()
  const voice = await agent({ llm: model, storage: shelf })
  const session = await voice.sessions.create({ metadata: { some_key: { innerKey: 1 } } })
  assert.deepEqual(shelf.sessions.get(session.id).metadata, { some_key: { innerKey: 1 } })
  const first = await voice.converse({ text: 'one' }, { sessionId: session.id })
  await voice.converse({ text: 'two' }, { sessionId: first.sessionId })
  assert.equal(model.asked[1].messages.length, 4)
  assert.deepEqual(shelf.kept.map(({ content }) => content), ['one', 'Good morning.', 'two', 'Good morning.'])
  assert.equal((await voice.sessions.history(session.id)).items.length, 4)
  assert.equal((await voice.sessions.list()).items[0].id, session.id)
  await voice.sessions.end(session.id)
  assert.equal((await voice.sessions.get(session.id)).status, 'ended')
  await voice.close()
  assert.equal(shelf.closed, true)
})

test('whoever closes while somebody does waits for the end', async () => {
  class Slow extends Shelf {
    async close() {
      await new Promise((resolve) => setTimeout(resolve, 50))
      this.closed = true
    }
  }
  const shelf = new Slow()
  const voice = await agent({ storage: shelf })
  const first = voice.close()
  await voice.close()
  assert.equal(shelf.closed, true)
  await first
})

test('what an object is asked that is gone fails at once', async (t) => {
  const { line } = createRequire(import.meta.url)('../dist/line.js')
  const voice = await agent()
  const hosts = [...line.hosts]
  t.after(() => hosts.forEach(([id, host]) => line.hosts.set(id, host)))
  line.hosts.clear()
  const error = await failure(voice.converse({ text: 'hi' }))
  assert.equal(error.code, 'PROVIDER_ERROR')
  assert.match(error.message, /is gone/)
})

test('a store that fails is a storage error', async () => {
  class Broken extends Shelf {
    saveTurn() {
      throw new Error('disk I/O')
    }
  }
  const voice = await agent({ storage: new Broken() })
  const error = await failure(voice.converse({ text: 'hi' }))
  assert.equal(error.code, 'STORAGE_ERROR')
  assert.match(error.message, /disk I\/O/)
})

test('a store that answers with something else is a storage error', async () => {
  class Odd extends Shelf {
    listSessions() {
      return 'all of them'
    }
  }
  const voice = await agent({ storage: new Odd() })
  assert.equal((await failure(voice.sessions.list())).code, 'STORAGE_ERROR')
})

test('what an agent was given is let go of when it is closed', async () => {
  let model = llm()
  const weak = new WeakRef(model)
  const voice = await agent({ llm: model })
  await voice.converse({ text: 'hi' })
  model = undefined
  await voice.close()
  await until(() => (globalThis.gc(), weak.deref() === undefined))
})

test('an agent that nobody holds any more is collected with what it was given', async () => {
  let model = llm()
  const weak = new WeakRef(model)
  await (await agent({ llm: model })).converse({ text: 'hi' })
  model = undefined
  await until(() => (globalThis.gc(), weak.deref() === undefined))
})

test('what a model used is in the reply', async () => {
  const voice = await agent({ llm: llm('Fine.', { usage: { inputTokens: 12, cachedTokens: 5, outputTokens: 3 }, finishReason: 'stop' }) })
  const { usage } = await voice.converse({ text: 'how are you' })
  assert.deepEqual([usage.inputTokens, usage.cachedTokens, usage.outputTokens], [12, 5, 3])
})

test('a report that cannot be is the failure of its model', async () => {
  for (const report of [{ usage: { inputTokens: -1 } }, { usage: { outputTokens: 'many' } }, { finishReason: 'bored' }]) {
    const voice = await agent({ llm: llm('Fine.', report) })
    const error = await failure(voice.converse({ text: 'how are you' }))
    assert.ok(error instanceof VoiceError, JSON.stringify(report))
    assert.equal(error.stage, 'llm')
  }
})

test('a model gets ready when its agent is warmed up', async () => {
  const told = []
  const cold = { ...llm('Fine.'), warmUp: async ({ systemPrompt }) => void told.push(systemPrompt) }
  const voice = await agent({ llm: cold, config: { assistant: { system_prompt: 'Be brief.' } } })
  assert.deepEqual(told, [])
  await voice.warmUp()
  assert.deepEqual(told, ['Be brief.'])
})

test('what is thrown while getting ready is what warming up fails with', async () => {
  const cold = { ...stt(), warmUp: () => { throw new Error('no microphone') } }
  const voice = await agent({ stt: cold })
  const error = await failure(voice.warmUp())
  assert.deepEqual([error.code, error.stage, error.provider, error.message], ['PROVIDER_ERROR', 'stt', 'script/stt', 'no microphone'])
})

test('aborting the wait for a warm agent tells what gets ready', async () => {
  const controller = new AbortController()
  let told = false
  const warmUp = ({ signal }) => {
    signal.addEventListener('abort', () => (told = true))
    controller.abort()
    return never()
  }
  const voice = await agent({ tts: { ...tts(), warmUp } })
  assert.equal((await failure(voice.warmUp({ signal: controller.signal }))).code, 'CANCELLED')
  await until(() => told)
})
