import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test } from 'node:test'
import { inspect } from 'node:util'

import { VoiceAgent, VoiceError } from 'voice-core'

import { agent, failure, until, wav } from './scripted.mjs'

const require = createRequire(import.meta.url)
const { native } = require('../dist/native.js')
const { line } = require('../dist/line.js')
const { guarded } = require('../dist/error.js')

const CODES = [
  'VALIDATION_ERROR',
  'UNAUTHORIZED',
  'INVALID_API_KEY',
  'INVALID_PROVIDER_KEY',
  'SESSION_NOT_FOUND',
  'RATE_LIMIT_EXCEEDED',
  'INVALID_REQUEST',
  'STORAGE_ERROR',
  'PROVIDER_ERROR',
  'TIMEOUT',
  'CANCELLED',
  'INTERNAL_ERROR',
]

test('every code of the library arrives with all its particulars', () => {
  for (const code of CODES) {
    assert.throws(
      () => guarded(() => native.failWith(code)),
      (error) => {
        assert.ok(error instanceof VoiceError && error instanceof Error)
        assert.equal(error.name, 'VoiceError')
        assert.equal(error.message, 'failed on purpose')
        assert.equal(error.code, code)
        assert.equal(error.stage, 'llm')
        assert.equal(error.provider, 'test/test')
        assert.equal(error.retryable, true)
        assert.equal(error.retryAfter, 1500)
        assert.ok(error.httpStatus >= 400)
        assert.equal(JSON.parse(JSON.stringify(error)).code, code)
        assert.match(error.stack, /VoiceError: failed on purpose/)
        assert.match(inspect(error), new RegExp(code))
        return true
      },
    )
  }
})

test('ESM and CommonJS share one VoiceError', () => {
  assert.equal(require('voice-core').VoiceError, VoiceError)
})

test('a panic inside work is an error, and the next call works', async () => {
  const error = await failure(line.call((id, port) => native.panicInWork(port, id), () => {}))
  assert.equal(error.code, 'INTERNAL_ERROR')
  const voice = await agent()
  assert.equal((await voice.converse({ text: 'hi' })).text, 'Good morning.')
})

test('a panic in any export is an error', async () => {
  // A real object of each class, so that the export itself is reached.
  const messages = []
  const port = new native.Port((message) => messages.push(message))
  port.awaited(true)
  const came = async (wanted) => {
    await until(() => messages.some(wanted))
    return messages.splice(messages.findIndex(wanted), 1)[0]
  }
  const hosts = { stt: [{ id: 1, name: 'a', listens: true }], llm: [{ id: 2, name: 'b' }], tts: [{ id: 3, name: 'c' }] }
  native.Agent.build(port, 1, '{"storage":"memory"}', hosts)
  const { agent: nativeAgent } = await came(({ agent }) => agent)
  nativeAgent.stream(port, 2, { text: 'hi' }, {})
  const { stream } = await came(({ stream }) => stream)
  nativeAgent.turn(port, 3, { text: 'hi' }, { speak: false })
  const asked = await came(({ answer }) => answer)
  asked.answer.text('Hi.')
  asked.answer.finish()
  const { reply } = await came(({ reply }) => reply)
  nativeAgent.turn(port, 4, { text: 'hi' }, {})
  const { answer } = await came(({ answer }) => answer)
  nativeAgent.live(port, 5, '{"config":{"turn_detection":"manual"}}', [])
  const { live } = await came(({ live }) => live)
  live.pushSamples(new Int16Array(3_200).fill(1_000))
  const { sound } = await came(({ sound }) => sound)

  const connection = live.wire()

  const id = () => line.number()
  const exports = {
    configSchema: () => native.configSchema(),
    configuredLogLevel: () => native.configuredLogLevel('{}'),
    failWith: () => native.failWith('TIMEOUT'),
    panicInWork: () => native.panicInWork(port, id()),
    tryStore: () => native.tryStore(port, id(), 'none', { id: 4, name: 'd' }),
    'Port.awaited': () => port.awaited(false),
    'Port.cancel': () => port.cancel(1),
    'Port.log': () => port.log('error'),
    'Port.logs': () => port.logs(),
    'Port.logOff': () => port.logOff(),
    'Port.fetchModels': () => port.fetchModels(id(), undefined, '{}'),
    'Port.verifyModels': () => port.verifyModels(id(), undefined),
    'Port.listModels': () => port.listModels(id(), undefined),
    'Agent.build': () => native.Agent.build(port, id(), '{}', {}),
    'Agent.turn': () => nativeAgent.turn(port, id(), { text: 'hi' }, {}),
    'Agent.stream': () => nativeAgent.stream(port, id(), { text: 'hi' }, {}),
    'Agent.warmUp': () => nativeAgent.warmUp(port, id()),
    'Agent.close': () => nativeAgent.close(port, id()),
    'Agent.call': () => nativeAgent.call(port, id(), 'sessions', 'list', '{}'),
    'Agent.acting': () => nativeAgent.acting('{}'),
    'Agent.droppedReports': () => nativeAgent.droppedReports(),
    'Agent.live': () => nativeAgent.live(port, id(), '{}', []),
    'Live.sessionId': () => live.sessionId(),
    'Live.pushSamples': () => live.pushSamples(new Int16Array(320)),
    'Live.pushSamplesAt': () => live.pushSamplesAt(0, new Int16Array(320)),
    'Live.pushFloats': () => live.pushFloats(new Float32Array(320)),
    'Live.pushText': () => live.pushText('hi'),
    'Live.pushDtmf': () => live.pushDtmf('1'),
    'Live.commit': () => live.commit(),
    'Live.say': () => live.say('hi', true),
    'Live.interrupt': () => live.interrupt(),
    'Live.pause': () => live.pause(),
    'Live.resume': () => live.resume(),
    'Live.setPlaybackPosition': () => live.setPlaybackPosition(0),
    'Live.setLanguage': () => live.setLanguage('en'),
    'Live.next': () => live.next(port, id(), 1),
    'Live.wire': () => live.wire(),
    'Live.phone': () => live.phone('twilio'),
    'Live.end': () => live.end(port, id()),
    'Connection.receiveText': () => connection.receiveText('{}'),
    'Connection.receiveBytes': () => connection.receiveBytes(new Uint8Array(2)),
    'Connection.next': () => connection.next(port, id(), 1),
    'Connection.call': () => connection.call(),
    'Connection.press': () => connection.press('1'),
    'Events.next': () => stream.next(port, id(), 1),
    'Events.cancel': () => stream.cancel(),
    'Reply.json': () => reply.json(),
    'Reply.pcm': () => reply.pcm(),
    'Reply.encode': () => reply.encode(port, id(), 'wav'),
    'Reply.save': () => reply.save(port, id(), '/nowhere/a.wav'),
    'Sound.next': () => sound.next(port, id()),
    'Answer.transcript': () => answer.transcript('a', true),
    'Answer.text': () => answer.text('a'),
    'Answer.toolCall': () => answer.toolCall('a', 'b', '{}'),
    'Answer.usage': () => answer.usage(1, 0, 1),
    'Answer.finishReason': () => answer.finishReason('stop'),
    'Answer.completeness': () => answer.completeness(1),
    'Answer.word': () => answer.word('a', 0, 1),
    'Answer.audio': () => answer.audio(new Int16Array(1), 16_000),
    'Answer.audioBytes': () => answer.audioBytes(new Uint8Array(2), 16_000),
    'Answer.finish': () => answer.finish(),
    'Answer.fail': () => answer.fail('a'),
  }
  for (const [name, call] of Object.entries(exports)) {
    native.panicNext()
    assert.throws(() => guarded(call), { code: 'INTERNAL_ERROR' }, name)
    assert.equal(native.armed(), false, name)
  }

  port.awaited(false)

  // Nothing is left out of the table above.
  const classes = ['Port', 'Agent', 'Events', 'Live', 'Connection', 'Reply', 'Answer', 'Sound']
  const methods = classes.flatMap((name) => [
    ...Object.getOwnPropertyNames(native[name].prototype).filter((method) => method !== 'constructor'),
    ...Object.getOwnPropertyNames(native[name]).filter((method) => typeof native[name][method] === 'function'),
  ].map((method) => `${name}.${method}`))
  const functions = Object.keys(native).filter((name) => !classes.includes(name) && typeof native[name] === 'function')
  const plain = ['version', 'panicNext', 'armed', 'storeCases']
  assert.deepEqual([...methods, ...functions].filter((name) => !plain.includes(name)).sort(), Object.keys(exports).sort())
})

test('the addon refuses arguments of another type, and objects of another class', async () => {
  const cases = [
    () => new native.Port(7),
    () => native.Agent.build({}, 1, '{}', {}),
    () => native.Agent.build(line.port, 'one', '{}', {}),
    () => native.Agent.build(line.port, 1, 7, {}),
    () => native.Agent.prototype.turn.call({}, line.port, 1, {}, {}),
    () => native.Reply.prototype.json.call(line.port),
    () => new native.Reply(),
    () => new native.Answer(),
  ]
  for (const call of cases) assert.throws(() => guarded(call), { code: 'VALIDATION_ERROR' }, String(call))
})

test('a wrong config names the path and what would be right', async () => {
  const cases = [
    [{ sst: 'local' }, /sst.*stt/s],
    [{ limits: { max_audio_second: 3 } }, /limits.*max_audio_second/s],
    [{ limits: { max_audio_seconds: 'many' } }, /limits\.max_audio_seconds/],
    [{ storage: 'mysql://here' }, /storage|mysql/],
    [{ llm: 'nobody/nothing' }, /nobody/],
    [{ llm: [] }, /llm/],
  ]
  for (const [config, message] of cases) {
    const error = await failure(agent({ config }))
    assert.equal(error.code, 'INVALID_REQUEST', JSON.stringify(config))
    assert.match(error.message, message)
  }
  assert.equal((await failure(VoiceAgent.create(7))).code, 'VALIDATION_ERROR')
  assert.equal((await failure(VoiceAgent.create(null))).code, 'VALIDATION_ERROR')
})

test('a missing key says which variable would supply it', async () => {
  const kept = process.env.OPENAI_API_KEY
  delete process.env.OPENAI_API_KEY
  const error = await failure(VoiceAgent.create({ storage: 'memory', stt: 'openai', llm: 'openai', tts: 'openai' }))
  if (kept !== undefined) process.env.OPENAI_API_KEY = kept
  assert.equal(error.code, 'INVALID_PROVIDER_KEY')
  assert.match(error.message, /OPENAI_API_KEY/)
})

test('no error shows a key or what was said', async () => {
  const llm = { provider: 'openai', api_key: 'sk-very-secret', settings: { sped: 1 } }
  const error = await failure(VoiceAgent.create({ stt: 'none', tts: 'none', llm, storage: 'memory' }))
  assert.doesNotMatch(inspect(error), /very-secret/)
  const voice = await agent({ stt: { transcribe: () => Promise.reject(new Error('nope')) } })
  const other = await failure(voice.converse(wav()))
  assert.doesNotMatch(inspect(other), /hello there/)
})
