// The example of a REST interface, over real HTTP.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'

import { VoiceAgent } from 'voice-core'

import { application } from '../../examples/express/app.mjs'
import { question } from './models.mjs'
import { agent, stt, wav } from './scripted.mjs'

/** The example's application over an agent; gives what calls it. */
async function serving(voice) {
  const server = (await application(voice)).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const call = async (method, path, { who, json, form, signal } = {}) => {
    const headers = { ...(who && { authorization: `Bearer ${who}` }), ...(json && { 'content-type': 'application/json' }) }
    const body = form ?? (json && JSON.stringify(json))
    const url = `http://127.0.0.1:${server.address().port}/api/v1${path}`
    const response = await fetch(url, { method, headers, body, signal })
    const isJson = response.headers.get('content-type')?.includes('json')
    return { status: response.status, headers: response.headers, body: isJson ? await response.json() : Buffer.from(await response.arrayBuffer()) }
  }
  const registered = async (email) => {
    const { status, body } = await call('POST', '/users/register', { json: { email } })
    assert.equal(status, 201)
    assert.deepEqual(Object.keys(body).sort(), ['apiKey', 'message', 'userId'])
    return { id: body.userId, who: body.apiKey }
  }
  const said = (who, sound = wav(), sessionId, signal) => {
    const form = new FormData()
    form.set('audio', new Blob([sound], { type: 'audio/wav' }), 'question.wav')
    if (sessionId !== undefined) form.set('sessionId', sessionId)
    return call('POST', '/voice/conversation', { who, form, signal })
  }
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    await voice.close()
  }
  return { call, registered, said, stop }
}

test('somebody registers, logs in, talks, and reads it again', async (t) => {
  const { call, registered, said, stop } = await serving(await agent())
  t.after(stop)
  const health = await call('GET', '/health')
  assert.deepEqual([health.status, health.body.status, health.body.service], [200, 'ok', 'voice-agent-api'])
  const { id, who } = await registered('ann@example.com')
  const login = await call('POST', '/auth/login', { json: { apiKey: who } })
  assert.deepEqual([login.status, login.body], [200, { token: who, userId: id, email: 'ann@example.com' }])
  const created = await call('POST', '/sessions', { who })
  assert.deepEqual([created.status, Object.keys(created.body)], [201, ['sessionId', 'createdAt']])
  const { sessionId } = created.body
  const answer = await said(who, wav(), sessionId)
  assert.deepEqual([answer.status, answer.headers.get('content-type')], [200, 'audio/mpeg'])
  assert.deepEqual([answer.headers.get('x-session-id'), answer.headers.get('x-transcript')], [sessionId, 'hello there'])
  // The sync word of a frame of MPEG audio.
  assert.equal(answer.body.readUInt16BE(0) >> 5, 0x7ff)
  const { session } = (await call('GET', `/sessions/${sessionId}`, { who })).body
  assert.deepEqual(Object.keys(session), ['id', 'userId', 'createdAt', 'lastActivityAt'])
  assert.deepEqual([session.id, session.userId], [sessionId, id])
  const { messages } = (await call('GET', `/sessions/${sessionId}/messages?limit=20`, { who })).body
  assert.deepEqual(messages.map(({ role, content }) => [role, content]), [['user', 'hello there'], ['assistant', 'Good morning.']])
  assert.equal((await call('GET', `/sessions/${sessionId}/messages?limit=1`, { who })).body.messages.length, 1)
})

test('without a key, or with a wrong one, nothing opens', async (t) => {
  const { call, said, stop } = await serving(await agent())
  t.after(stop)
  for (const [who, code] of [[undefined, 'UNAUTHORIZED'], [`sk_${'0'.repeat(64)}`, 'INVALID_API_KEY']]) {
    for (const { status, body } of [
      await call('POST', '/sessions', { who }),
      await call('GET', '/sessions/x', { who }),
      await call('GET', '/sessions/x/messages', { who }),
      await said(who),
    ]) {
      assert.deepEqual([status, Object.keys(body), body.error], [401, ['error', 'message'], code])
    }
  }
  const wrong = await call('POST', '/auth/login', { json: { apiKey: 'sk_nothing' } })
  assert.deepEqual([wrong.status, wrong.body.error], [401, 'INVALID_API_KEY'])
})

test('two users do not see each other', async (t) => {
  const { call, registered, said, stop } = await serving(await agent())
  t.after(stop)
  const [ann, bob] = [await registered('ann@example.com'), await registered('bob@example.com')]
  const session = (await said(ann.who)).headers.get('x-session-id')
  const unknown = '01890000-0000-7000-8000-000000000000'
  const foreign = await call('GET', `/sessions/${session}`, bob)
  assert.deepEqual([foreign.status, foreign.body], [404, (await call('GET', `/sessions/${unknown}`, bob)).body])
  assert.equal((await call('GET', `/sessions/${session}/messages`, bob)).body.error, 'SESSION_NOT_FOUND')
  // A turn that names another's session, one that never was, or no id at all, starts a fresh one.
  for (const named of [session, unknown, 'no id at all']) {
    const fresh = await said(bob.who, wav(), named)
    assert.equal(fresh.status, 200)
    assert.ok(![session, named].includes(fresh.headers.get('x-session-id')))
  }
  assert.equal((await call('GET', `/sessions/${session}/messages`, ann)).body.messages.length, 2)
})

test('a bad request is named', async (t) => {
  const { call, registered, said, stop } = await serving(await agent())
  t.after(stop)
  const { who } = await registered('ann@example.com')
  const taken = await call('POST', '/users/register', { json: { email: 'Ann@Example.com' } })
  const missing = await call('POST', '/voice/conversation', { who, form: new FormData() })
  for (const { status, body } of [
    taken,
    missing,
    await call('POST', '/users/register', { json: {} }),
    await call('POST', '/users/register', { json: { email: 'nobody' } }),
    await call('POST', '/auth/login', { json: {} }),
    await said(who, Buffer.from('no sound at all')),
    await said(who, Buffer.alloc(0)),
    await said(who, Buffer.alloc(26 * 1024 * 1024)),
  ]) {
    assert.deepEqual([status, Object.keys(body), body.error], [400, ['error', 'message'], 'VALIDATION_ERROR'], body.message)
  }
  assert.match(taken.body.message, /registered already/)
  assert.match(missing.body.message, /required/)
  assert.equal((await call('GET', '/nowhere')).status, 404)
})

test('a key that is used too often is told when to come again', async (t) => {
  const config = { accounts: { rate_limit: { per_minute: 6, burst: 2 } } }
  const { call, registered, stop } = await serving(await agent({ config }))
  t.after(stop)
  const { who } = await registered('ann@example.com')
  for (const status of [201, 201, 429]) {
    const answer = await call('POST', '/sessions', { who })
    assert.equal(answer.status, status)
    if (status !== 429) continue
    assert.equal(answer.body.error, 'RATE_LIMIT_EXCEEDED')
    const wait = Number(answer.headers.get('retry-after'))
    assert.ok(wait >= 1 && wait <= 10)
  }
})

test('a caller who hangs up cancels the turn', async (t) => {
  let hanging
  let cancelled
  const asked = new Promise((resolve) => {
    hanging = {
      async *generate({ signal }) {
        cancelled = new Promise((told) => signal.addEventListener('abort', told))
        resolve()
        await cancelled
      },
    }
  })
  const { call, registered, said, stop } = await serving(await agent({ llm: hanging }))
  t.after(stop)
  const { who } = await registered('ann@example.com')
  const { sessionId } = (await call('POST', '/sessions', { who })).body
  const caller = new AbortController()
  const answer = said(who, wav(), sessionId, caller.signal)
  await asked
  caller.abort()
  await assert.rejects(answer, { name: 'AbortError' })
  await cancelled
  // Nothing of it was stored, and the server goes on.
  assert.deepEqual((await call('GET', `/sessions/${sessionId}/messages`, { who })).body.messages, [])
})

test('what was said is there after a restart, also in other scripts', async (t) => {
  const folder = await mkdtemp(`${tmpdir()}/voice-core-`)
  t.after(() => rm(folder, { recursive: true }))
  const parts = () => ({ stt: stt('Wie spät? 100% नमस्ते\n'), config: { storage: `sqlite:${folder}/voice.db` } })
  const before = await serving(await agent(parts()))
  const { who } = await before.registered('ann@example.com')
  const answer = await before.said(who)
  assert.equal(decodeURIComponent(answer.headers.get('x-transcript')), 'Wie spät? 100% नमस्ते')
  await before.stop()
  const after = await serving(await agent(parts()))
  t.after(after.stop)
  const { messages } = (await after.call('GET', `/sessions/${answer.headers.get('x-session-id')}/messages`, { who })).body
  assert.deepEqual(messages.map(({ content }) => content), ['Wie spät? 100% नमस्ते', 'Good morning.'])
})

test('a real recording is answered by the local models', async (t) => {
  // The machine may be busy with other tests.
  const patient = { limits: { turn_seconds: 600 }, timeouts: { first_byte_ms: 300_000, idle_ms: 300_000 } }
  const { registered, said, stop } = await serving(await VoiceAgent.local({ storage: 'memory', ...patient }))
  t.after(stop)
  const { who } = await registered('ann@example.com')
  const answer = await said(who, await question())
  assert.equal(answer.status, 200, answer.body.message)
  assert.match(decodeURIComponent(answer.headers.get('x-transcript')), /best of times/i)
  // The sync word of a frame of MPEG audio.
  assert.equal(answer.body.readUInt16BE(0) >> 5, 0x7ff)
})
