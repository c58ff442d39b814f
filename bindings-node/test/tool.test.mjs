import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import { test } from 'node:test'

import { tool, VoiceError } from 'voice-core'

import { agent, events, failure, never, until } from './scripted.mjs'

/** Calls tools, then says what came of them. */
const caller = (...calls) => ({
  name: 'script/llm',
  callsTools: true,
  asked: [],
  *generate(request) {
    this.asked.push(request)
    const results = request.messages.filter(({ role }) => role === 'tool')
    if (results.length === 0) yield* calls
    else yield `It says: ${results.map(({ content }) => content).join('; ')}.`
  },
})

const call = (name, args = {}) => ({ id: name, name, arguments: args })
const anything = { type: 'object' }

/** What comes of one call. */
async function called(execute, more = {}) {
  const own = await agent({ llm: caller(call('it')), tools: [{ name: 'it', parameters: anything, execute, ...more }] })
  const [record] = (await own.converse({ text: 'Go' })).toolCalls
  await own.close()
  return record
}

test('a model is told of a tool, calls it, and goes on with the result', async () => {
  const llm = caller(call('order_status', { orderId: 7, home_address: { some_key: 1 } }))
  const orderStatus = tool({
    name: 'order_status',
    description: 'Where an order is.',
    parameters: { type: 'object', properties: { orderId: { type: 'integer' }, home_address: { type: 'object' } } },
    execute: async ({ orderId, home_address: address }, { user, sessionId, timeoutMs }) =>
      `${orderId} ${address.some_key} for ${user} ${sessionId.length} ${timeoutMs > 0 && timeoutMs <= 20_000}`,
  })
  const own = await agent({ llm, tools: [orderStatus] })
  const reply = await own.converse({ text: 'Where is order 7?' }, { user: 'ada' })
  assert.equal(reply.text, 'It says: 7 1 for ada 36 true.')
  const [{ name, arguments: args, result, failed, elapsedMs }] = reply.toolCalls
  assert.deepEqual({ name, args, result, failed }, {
    name: 'order_status',
    args: { orderId: 7, home_address: { some_key: 1 } },
    result: '7 1 for ada 36 true',
    failed: false,
  })
  assert.equal(typeof elapsedMs, 'number')
  const [first, second] = llm.asked
  assert.deepEqual(first.tools, [{ name: 'order_status', description: 'Where an order is.', parameters: orderStatus.parameters }])
  assert.equal(first.toolChoice, 'auto')
  const [asked, answered] = second.messages.slice(-2)
  assert.deepEqual(asked.toolCalls[0].arguments, args)
  assert.deepEqual([answered.role, answered.name, answered.failed, answered.toolCallId], ['tool', name, false, asked.toolCalls[0].id])
  await own.close()
})

test('calls, results and fillers are events', async () => {
  const slow = { name: 'slow', execute: () => new Promise((resolve) => setTimeout(resolve, 300, 'found')) }
  const config = { assistant: { filler: 'One moment please.', filler_after_ms: 20 } }
  const own = await agent({ llm: caller(call('slow')), tools: [slow], config })
  const all = await events(own.turn({ text: 'Go' }))
  const of = (type) => all.filter((event) => event.type === type)
  assert.deepEqual(of('toolCall'), [{ type: 'toolCall', id: 'slow', name: 'slow', arguments: {} }])
  assert.equal(of('toolResult')[0].result, 'found')
  assert.deepEqual(of('filler'), [{ type: 'filler', text: 'One moment please.' }])
  await own.close()
})

test('what a tool gives is told as text or as JSON', async () => {
  assert.equal((await called(() => 'on its way')).result, 'on its way')
  assert.equal((await called(() => ({ aKey: [1, null] }))).result, '{"aKey":[1,null]}')
  assert.equal((await called(() => undefined)).result, 'done')
  assert.equal((await called(async () => null)).result, 'null')
  for (const strange of [() => () => 1, () => 1n]) {
    const { failed, result } = await called(strange)
    assert.ok(failed && result.includes('it gave a '), result)
  }
})

test('the tools of a turn and of a live session see the asynchronous context of who began it', async () => {
  const request = new AsyncLocalStorage()
  const whose = { name: 'whose', execute: async () => (await null, request.getStore() ?? 'nobody') }
  const own = await agent({ llm: caller(call('whose')) })
  const awaited = async () => (await own.converse({ text: 'Go' }, { tools: [whose] })).toolCalls[0].result
  const iterated = async () => {
    const all = await events(own.turn({ text: 'Go' }, { tools: [whose] }))
    return all.find(({ type }) => type === 'toolResult').result
  }
  const live = async () => {
    const session = await own.live({ tools: [whose], config: { turn_detection: 'manual' }, speak: false })
    session.pushText('Go')
    for await (const event of session) if (event.type === 'turnDone') return event.turn.toolCalls[0].result
  }
  const asked = [request.run('ann', awaited), request.run('bob', awaited), request.run('carl', iterated), request.run('dora', live)]
  assert.deepEqual(await Promise.all(asked), ['ann', 'bob', 'carl', 'dora'])
  await own.close()
})

test('what a tool throws is told to the model', async () => {
  const thrown = await called(() => {
    throw new Error('the archive is closed')
  })
  assert.ok(thrown.failed && thrown.result.includes('the archive is closed'))
  const coded = await called(async () => {
    throw new VoiceError('there is no order 9', { code: 'VALIDATION_ERROR' })
  })
  assert.deepEqual(JSON.parse(coded.result), { error: { code: 'VALIDATION_ERROR', message: 'there is no order 9' } })
})

test('cancelling the turn, and a time-out, abort the signal of the tool', async () => {
  const signals = []
  const stuck = (_, { signal }) => {
    signals.push(signal)
    return never()
  }
  const own = await agent({ llm: caller(call('stuck')), tools: [{ name: 'stuck', execute: stuck }] })
  const controller = new AbortController()
  const turn = failure(own.converse({ text: 'Go' }, { signal: controller.signal }))
  await until(() => signals.length > 0)
  controller.abort()
  assert.equal((await turn).code, 'CANCELLED')
  await until(() => signals[0].aborted)
  await own.close()
  const late = await called(stuck, { timeoutMs: 30 })
  assert.ok(late.failed && late.result.includes('TIMEOUT'))
  await until(() => signals[1].aborted)
})

test('schemas of schema libraries are taken', async () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } } }
  for (const parameters of [
    { toJSONSchema: () => schema },
    { '~standard': { jsonSchema: { input: ({ target }) => (target === 'draft-2020-12' ? schema : {}) } } },
    Object.assign(() => {}, { toJSONSchema: () => schema }),
  ]) {
    const llm = caller('Hi.')
    const own = await agent({ llm, tools: [tool({ name: 'weather', parameters, execute() {} })] })
    await own.converse({ text: 'Hello' })
    assert.deepEqual(llm.asked[0].tools[0].parameters, schema)
    await own.close()
  }
})

test('what is wrong with a tool is named where it is written', async () => {
  const wrong = (definition, message) => assert.throws(() => tool(definition), (error) => error.code === 'VALIDATION_ERROR' && error.message.includes(message))
  wrong({ name: 'a' }, 'tool: expected { name, description, parameters, execute }')
  wrong({ name: 'a', execute() {}, timeout: 3 }, 'tool.timeout: there is no such part')
  wrong({ name: 'a', execute() {}, parameters: 'city' }, 'tool.parameters: expected a JSON schema')
  wrong({ name: 'a', execute() {}, parameters: { '~standard': {} } }, 'makes no JSON schema')
  assert.match((await failure(agent({ tools: [3] }))).message, /tools\[0\]: expected/)
  assert.match((await failure(agent({ tools: 'weather' }))).message, /tools: expected a list/)
  assert.match((await failure(agent({ llm: caller(), tools: [{ name: 'a', timeoutMs: -1, execute() {} }] }))).message, /tools\.a\.timeout_ms/)
})

test('a turn and a live session have tools of their own, which nobody keeps afterwards', async () => {
  const { line } = createRequire(import.meta.url)('../dist/line.js')
  const llm = caller(call('weather', { city: 'Bern' }))
  const weather = tool({ name: 'weather', parameters: anything, execute: ({ city }) => `rain in ${city}` })
  const own = await agent({ llm })
  const before = line.hosts.size
  assert.equal((await own.converse({ text: 'Rain?' }, { tools: [weather] })).text, 'It says: rain in Bern.')
  const seen = await events(own.turn({ text: 'Rain?' }, { tools: [weather] }))
  assert.equal(seen.filter(({ type }) => type === 'toolResult').length, 1)
  const live = await own.live({ tools: [weather] })
  live.pushText('Rain?')
  for await (const event of live) {
    if (event.type !== 'turnDone') continue
    assert.deepEqual(event.turn.toolCalls.map(({ result }) => result), ['rain in Bern'])
    break
  }
  assert.deepEqual(llm.asked.map(({ tools }) => tools.map(({ name }) => name)), Array(6).fill(['weather']))
  assert.equal((await failure(own.converse({ text: 'Rain?' }, { tools: [{ name: 'weather' }] }))).code, 'VALIDATION_ERROR')
  await until(() => line.hosts.size === before)
  await own.close()
})
