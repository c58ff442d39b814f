// Live sessions: push to talk with scripted providers.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { agent, events, failure, stt, tone } from './scripted.mjs'

const MANUAL = { config: { turn_detection: 'manual' } }

/** Waits for an event of a kind; the loop's end would end the session. */
async function next(iterator, type) {
  for (;;) {
    const { done, value } = await iterator.next()
    assert.ok(!done, `the session ended before ${type}`)
    if (value.type === type) return value
  }
}

test('a question that is pushed and committed is answered aloud', async () => {
  const ears = stt()
  const its = await agent({ stt: ears })
  const live = await its.live(MANUAL)
  const iterator = live[Symbol.asyncIterator]()
  const frame = tone({ seconds: 0.02 })
  for (let i = 0; i < 10; i += 1) live.pushAudio(frame)
  live.pushAudio(Float32Array.from(frame, (sample) => sample / 32_768))
  live.pushAudio(Buffer.from(frame.buffer))
  live.commit()
  const audio = await next(iterator, 'audio')
  assert.equal(audio.sampleRate, 24_000)
  assert.ok(audio.pcm.length > 0 && audio.samples.length * 2 === audio.pcm.length)
  const { turn } = await next(iterator, 'turnDone')
  assert.deepEqual([turn.transcript, turn.text, turn.interrupted, turn.audioError], ['hello there', 'Good morning.', false, undefined])
  assert.equal(ears.asked[0].samples.length, 12 * 320)
  const summary = await live.end()
  assert.deepEqual([summary.reason, summary.turns, summary.sessionId], ['host', 1, live.sessionId])
  assert.deepEqual(await live.end(), summary)
  assert.equal((await failure(Promise.resolve().then(() => live.commit()))).kind, 'closed')
  await its.close()
})

test('leaving the loop ends the session', async () => {
  const its = await agent()
  const live = await its.live({ firstMessage: 'Welcome.' })
  for await (const event of live) if (event.type === 'turnDone') break
  const summary = await live.end()
  assert.deepEqual([summary.reason, summary.turns], ['host', 1])
  await its.close()
})

test('a signal ends the session, and one that was aborted starts none', async () => {
  const its = await agent()
  const controller = new AbortController()
  const live = await its.live({ signal: controller.signal })
  const all = events(live)
  controller.abort()
  assert.equal((await all).at(-1).type, 'ended')
  assert.equal((await failure(its.live({ signal: controller.signal }))).code, 'CANCELLED')
  await its.close()
})

test('closing the agent ends its sessions', async () => {
  const its = await agent()
  const live = await its.live()
  const all = events(live)
  await its.close()
  assert.equal((await all).at(-1).summary.reason, 'agent_closed')
})

test('wrong options and wrong sound are refused by name', async () => {
  const its = await agent()
  assert.match((await failure(its.live({ inputrate: 1 }))).message, /inputrate.*inputRate/)
  assert.match((await failure(its.live({ inputRate: '16000' }))).message, /inputRate: expected a number/)
  assert.match((await failure(its.live({ config: { vad: { treshold: 1 } } }))).message, /live\.vad\.treshold.*threshold/)
  const live = await its.live()
  assert.throws(() => live.pushAudio(Buffer.alloc(3)), { code: 'VALIDATION_ERROR' })
  assert.throws(() => live.pushAudio([1, 2]), { code: 'VALIDATION_ERROR' })
  assert.throws(() => live.pushDtmf('x'), { code: 'VALIDATION_ERROR' })
  await live.end()
  await its.close()
})

test('a connection is served by passing its messages through', async () => {
  const its = await agent()
  const live = await its.live({ ...MANUAL, inputRate: 16_000, outputRate: 8_000, firstMessage: 'Welcome.' })
  const wire = live.wire()
  const [texts, sound] = [[], []]
  for await (const frame of wire) {
    if (typeof frame !== 'string') {
      sound.push(frame)
      continue
    }
    const message = JSON.parse(frame)
    texts.push(message)
    if (message.type === 'connected') {
      wire.receive('{')
      wire.receive(JSON.stringify({ type: 'sing' }))
      wire.receive(Buffer.alloc(3))
      wire.receive(new ArrayBuffer(5))
    }
    if (message.type === 'assistant-message' && message.kind === 'greeting') {
      wire.receive(JSON.stringify({ type: 'user-message', text: 'Hello?' }))
    } else if (message.type === 'assistant-message') wire.receive(JSON.stringify({ type: 'end-session' }))
  }
  const of = (type) => texts.filter((message) => message.type === type)
  const [connected] = of('connected')
  assert.deepEqual([connected.session_id, connected.input.sample_rate, connected.output.sample_rate], [live.sessionId, 16_000, 8_000])
  assert.deepEqual(of('error').map(({ error }) => error.code), Array(4).fill('VALIDATION_ERROR'))
  assert.deepEqual(of('assistant-message').map(({ transcript, text }) => [transcript, text]), [['', 'Welcome.'], ['Hello?', 'Good morning.']])
  // Every frame of sound begins where the one before ended.
  let end = 0n
  for (const frame of sound) {
    assert.equal(frame.readBigUInt64LE(0), end)
    end += BigInt(frame.length - 8) / 2n
  }
  assert.equal(texts.at(-1).type, 'session-ended')
  const summary = await live.end()
  assert.deepEqual([summary.reason, summary.turns], ['host', 2])
  assert.throws(() => wire.receive(7), { code: 'VALIDATION_ERROR' })
  wire.receive('after the end')
  await its.close()
})
