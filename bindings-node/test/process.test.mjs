import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Worker } from 'node:worker_threads'

import { setLogger } from 'voice-core'

import { agent, failure, until } from './scripted.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const run = promisify(execFile)

/** Runs a program with the library in a process of its own. */
const program = (source, ...flags) =>
  run(process.execPath, [...flags, '--input-type=module', '--eval', source], { cwd: here, timeout: 30_000 })

const IMPORTS = `import { agent, never, llm } from './scripted.mjs'; import { VoiceAgent, setLogger } from 'voice-core';`

test('an idle agent does not keep the process alive', async () => {
  const { stdout } = await program(`${IMPORTS}
    const voice = await agent()
    setLogger({ log() {} })
    await voice.converse({ text: 'hi' })
    for await (const event of voice.turn({ text: 'hi' })) if (event.type === 'text') break
    console.log('idle')`)
  assert.equal(stdout, 'idle\n')
})

test('a turn that is awaited keeps the process alive until it is over', async () => {
  const { stdout } = await program(`${IMPORTS}
    const quiet = (answer) => new Promise((resolve) => setTimeout(resolve, 50, answer).unref())
    const voice = await agent({ llm: { generate: () => quiet('Hi.') } })
    console.log((await voice.converse({ text: 'hi' })).text)`)
  assert.equal(stdout, 'Hi.\n')
})

test('a process may end in the middle of a turn', async () => {
  for (const end of ['process.exit(7)', 'throw new Error("over")']) {
    const error = await failure(
      program(`${IMPORTS}
        const voice = await agent({ llm: { generate: never } })
        voice.converse({ text: 'hi' }).catch(() => {})
        setTimeout(() => { ${end} }, 30)`),
    )
    assert.equal(error.signal, null, error.stderr)
    assert.equal(error.code, end.startsWith('throw') ? 1 : 7, error.stderr)
  }
})

const IN_A_WORKER = `
  const { parentPort } = require('node:worker_threads')
  ;(async () => {
    const { agent, never } = await import(${JSON.stringify(new URL('scripted.mjs', import.meta.url).href)})
    const voice = await agent()
    parentPort.postMessage((await voice.converse({ text: 'hi' })).text)
    const waiting = await agent({ llm: { generate: () => (parentPort.postMessage('asked'), never()) } })
    await waiting.converse({ text: 'hi' })
  })()`

test('every worker has an environment of its own, and may be ended in the middle of a turn', async () => {
  const voice = await agent()
  for (let round = 0; round < 5; round += 1) {
    const workers = Array.from({ length: 4 }, () => new Worker(IN_A_WORKER, { eval: true }))
    await Promise.all(
      workers.map(async (worker) => {
        const said = []
        worker.on('message', (message) => said.push(message))
        worker.on('error', (error) => said.push(error))
        await until(() => said.length === 2)
        assert.deepEqual(said, ['Good morning.', 'asked'])
        await worker.terminate()
      }),
    )
    // Nothing of theirs disturbs this environment.
    assert.equal((await voice.converse({ text: 'hi' })).text, 'Good morning.')
  }
})

test('a worker that is done ends by itself', async () => {
  const worker = new Worker(
    `import(${JSON.stringify(new URL('scripted.mjs', import.meta.url).href)}).then(async ({ agent }) => {
       const voice = await agent()
       await voice.converse({ text: 'hi' })
     })`,
    { eval: true },
  )
  const [code] = await once(worker, 'exit')
  assert.equal(code, 0)
})

test('the package can be loaded again and again, as a reloaded window or a test runner does', async () => {
  const fresh = () => {
    // A fresh `require` too: Node's own keeps whatever was loaded through it.
    const require = createRequire(import.meta.url)
    for (const path of Object.keys(require.cache)) if (path.includes('/dist/')) delete require.cache[path]
    return require('voice-core')
  }
  const forgotten = []
  for (let round = 0; round < 20; round += 1) {
    const { VoiceAgent } = fresh()
    const voice = await VoiceAgent.create({
      storage: 'memory',
      stt: { transcribe: () => 'hi' },
      llm: { generate: () => `Round ${round}.` },
      tts: { synthesize: () => ({ samples: new Int16Array(160), sampleRate: 16_000 }) },
    })
    assert.equal((await voice.converse({ text: 'hi' })).text, `Round ${round}.`)
    forgotten.push(new WeakRef(VoiceAgent))
  }
  fresh()
  // Copies that nobody uses any more are collected: the addon does not hold them.
  await until(() => (globalThis.gc(), forgotten.filter((copy) => copy.deref() !== undefined).length <= 2))
})

test('an exception in one’s own code is one’s own, not the library’s', async () => {
  const error = await failure(
    program(`${IMPORTS}
      const voice = await agent()
      for await (const event of voice.turn({ text: 'hi' })) { if (event.type === 'text') throw new RangeError('mine') }`),
  )
  assert.match(error.stderr, /RangeError: mine/)
})

test('log records go to one’s own logger, without what was said', async (t) => {
  const records = []
  setLogger({ log: (record) => records.push(record) }, 'debug')
  t.after(() => setLogger(null))
  const voice = await agent()
  const { turnId } = await voice.converse({ text: 'a very private question' })
  await until(() => records.some(({ fields }) => JSON.stringify(fields).includes(turnId)))
  assert.ok(records.every(({ level, target, message }) => level && target && typeof message === 'string'))
  assert.doesNotMatch(JSON.stringify(records), /private|Good morning/)
  setLogger(null)
  const before = records.length
  await voice.converse({ text: 'hi' })
  assert.equal(records.length, before)
  assert.throws(() => setLogger({ log() {} }, 'loud'), { code: 'VALIDATION_ERROR' })
})

test('a logger without a level takes what the config or the environment says', async (t) => {
  t.after(() => {
    delete process.env.LOG_LEVEL
    setLogger(null)
  })
  const records = []
  const logger = { log: (record) => records.push(record) }
  const turn = async (config) => {
    const voice = await agent({ config })
    records.length = 0
    await voice.converse({ text: 'hi' })
  }
  setLogger(logger)
  await turn({ log_level: 'debug' })
  await until(() => records.length > 0)
  await turn({ log_level: 'off' })
  assert.deepEqual(records, [])
  process.env.LOG_LEVEL = 'DEBUG'
  await turn({})
  await until(() => records.length > 0)
  setLogger(logger, 'error')
  await turn({ log_level: 'debug' })
  assert.deepEqual(records, [])
})

test('a logger that fails disturbs nothing, and is reported once', async () => {
  const { stderr, stdout } = await program(`${IMPORTS}
    setLogger({ log() { throw new Error('no space') } }, 'debug')
    const voice = await agent()
    console.log((await voice.converse({ text: 'hi' })).text)
    await voice.converse({ text: 'hi' })`)
  assert.equal(stdout, 'Good morning.\n')
  assert.equal(stderr.match(/no space/g)?.length, 1)
})

test('many turns leave no memory behind', async () => {
  const voice = await agent()
  const turns = async (count) => {
    for (let i = 0; i < count; i += 50) {
      await Promise.all(Array.from({ length: 50 }, () => voice.converse({ text: 'hi' }, { speak: false })))
    }
    globalThis.gc()
    return process.memoryUsage().rss
  }
  const { sessions } = voice
  const forget = async () => {
    for (;;) {
      const { items } = await sessions.list({ limit: 100 })
      if (items.length === 0) return
      await Promise.all(items.map(({ id }) => sessions.delete(id)))
    }
  }
  // The allocators reach their working size first.
  for (let i = 0; i < 4; i += 1) {
    await turns(1000)
    await forget()
  }
  const before = await turns(1000)
  await forget()
  const after = await turns(1000)
  const grown = (after - before) / 1e6
  assert.ok(grown < 20, `1000 turns left ${grown.toFixed(1)} MB`)
})
