import assert from 'node:assert/strict'
import { test } from 'node:test'

import { VoiceError } from 'voice-core'

import { agent } from './scripted.mjs'

test('a function is told what a turn took, and nothing that was said', async () => {
  const told = []
  const own = await agent({
    metrics: async (reports) => {
      told.push(...reports)
    },
  })
  const reply = await own.converse({ text: 'planted question' }, { user: 'ada' })
  await own.close()
  const [turn] = told.filter(({ type }) => type === 'turn')
  assert.deepEqual([turn.turnId, turn.user, turn.error, turn.kind], [reply.turnId, 'ada', null, 'answer'])
  assert.ok(turn.firstAudioMs <= turn.durationMs && turn.timings.total > 0)
  const calls = told.filter(({ type }) => type === 'call')
  assert.ok(calls.some(({ stage, provider }) => stage === 'llm' && provider === 'script/llm'))
  assert.ok(calls.every(({ traceId, parentSpanId }) => traceId === turn.traceId && parentSpanId === turn.spanId))
  assert.ok(!JSON.stringify(told).includes('planted') && !JSON.stringify(told).includes(reply.text))
  assert.equal(own.droppedReports, 0)
})

test('an object lets go of what it holds when the agent closes', async () => {
  const sink = {
    held: [],
    written: [],
    record(reports, { signal }) {
      assert.equal(signal.aborted, false)
      this.held.push(...reports)
    },
    async flush() {
      this.written = this.held.splice(0)
    },
  }
  const own = await agent({ metrics: sink })
  await own.converse({ text: 'Hello' }, { speak: false })
  assert.equal(sink.written.length, 0)
  await own.close()
  assert.deepEqual(sink.written.map(({ type }) => type), ['call', 'turn'])
})

test('what a sink was told counts as dropped when it throws, and what is no sink is refused', async () => {
  const own = await agent({
    metrics: () => {
      throw new Error('as planned')
    },
  })
  assert.ok((await own.converse({ text: 'Hello' }, { speak: false })).text)
  await own.close()
  assert.equal(own.droppedReports, 2)
  await assert.rejects(agent({ metrics: 'stdout' }), (e) => e instanceof VoiceError && /metrics: expected a function/.test(e.message))
})
