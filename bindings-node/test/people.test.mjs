// Accounts, assistants, the audit log, and agents that act for somebody.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { agent, failure, wav } from './scripted.mjs'

/** An agent with an organization and its accounts. */
async function house(parts) {
  const voice = await agent(parts)
  const { id } = await voice.accounts.createOrganization('House')
  return { voice, organization: id, accounts: voice.accounts.of(id) }
}

test('somebody reaches their own and nothing else', async () => {
  const { voice, organization, accounts } = await house()
  const ann = await accounts.register('ann@example.com')
  const bob = await accounts.register('bob@example.com')
  const anns = voice.withPrincipal(await voice.accounts.authenticate(ann.secret))
  const bobs = voice.withPrincipal({ organization, user: bob.user.id })
  const { sessionId } = await anns.converse({ text: 'Hello' })
  const session = await anns.sessions.get(sessionId)
  assert.deepEqual([session.user, session.organization], [ann.user.id, organization])
  assert.equal((await anns.sessions.search('HELLO')).items[0].sessionId, sessionId)
  assert.equal((await failure(bobs.sessions.get(sessionId))).code, 'SESSION_NOT_FOUND')
  assert.deepEqual(await bobs.sessions.list(), { items: [], hasMore: false })
  assert.notEqual((await bobs.converse({ text: 'Hello' }, { sessionId })).sessionId, sessionId)
  const live = await bobs.live({ sessionId })
  assert.notEqual(live.sessionId, sessionId)
  await live.end()
  assert.equal((await failure(bobs.accounts.organizations())).kind, 'forbidden')
  assert.equal((await failure(anns.close())).code, 'UNAUTHORIZED')
  assert.throws(() => anns.withPrincipal({ organization }), { code: 'UNAUTHORIZED' })
  assert.throws(() => voice.withPrincipal(undefined), { code: 'VALIDATION_ERROR' })
  assert.match(await anns.sessions.export(sessionId, 'text'), /assistant: Good morning\.\n$/)
  assert.deepEqual(await anns.sessions.eraseUser(), { sessions: 1, messages: 2 })
  await voice.close()
  assert.equal((await failure(anns.sessions.list())).kind, 'closed')
})

test('a host names the organization of a turn and of a live session', async () => {
  const { voice, organization } = await house()
  const theirs = voice.withPrincipal({ organization }).sessions
  const { sessionId } = await voice.converse({ text: 'Hello' }, { organization })
  const live = await voice.live({ organization, speak: false })
  live.pushText('Hello')
  for await (const event of live) if (event.type === 'turnDone') break
  assert.equal((await theirs.get(live.sessionId)).organization, organization)
  assert.equal((await theirs.get(sessionId)).organization, organization)
  assert.match((await failure(voice.converse({ text: 'Hello' }, { organization: 'nobody' }))).message, /organization/)
})

test('a key is limited, rotated and revoked, and every change is in the log', async () => {
  const { voice, organization, accounts } = await house()
  const { user } = await accounts.register('ann@example.com')
  assert.equal((await failure(accounts.register('Ann@Example.com'))).kind, 'already_exists')
  const options = { user: user.id, name: 'phone', rateLimit: { perMinute: 60, burst: 1 } }
  const key = await accounts.createKey(options)
  assert.deepEqual((await voice.accounts.logIn(key.secret)).user, user)
  const limited = await failure(voice.accounts.authenticate(key.secret))
  assert.deepEqual([limited.httpStatus, limited.retryAfter > 0], [429, true])
  const rotated = await accounts.rotateKey(key.key.id)
  assert.deepEqual(rotated.key.rateLimit, options.rateLimit)
  assert.equal(await accounts.revokeKey(rotated.key.id), undefined)
  for (const secret of [key.secret, rotated.secret, 'sk_nothing']) {
    assert.equal((await failure(voice.accounts.authenticate(secret))).code, 'INVALID_API_KEY')
  }
  assert.equal((await accounts.keys({ user: user.id })).items.length, 3)
  const { items } = await voice.audit.entries({ organization, action: 'key.revoke' })
  assert.deepEqual([items[0].actor, items[0].target], ['host', rotated.key.id])
  const gone = await failure(accounts.user(organization))
  assert.deepEqual([gone.kind, gone.httpStatus], ['not_found', 404])
})

test('an access token opens what it was issued for', async () => {
  const { voice, organization, accounts } = await house()
  const { user } = await accounts.register('ann@example.com')
  const keys = { keys: [{ id: 'k1', hs256: 'a secret of at least thirty-two bytes' }], leewaySeconds: 5 }
  const token = await voice.accounts.issueToken(keys, { organization, user: user.id }, 60)
  assert.equal((await voice.accounts.authenticateToken(keys, token)).user, user.id)
  const refused = await failure(voice.accounts.authenticateToken({ ...keys, issuer: 'another' }, token))
  assert.equal(refused.kind, 'invalid_token')
})

test('a session keeps the version of its assistant, and an assistant its own keys', async () => {
  const { voice, organization, accounts } = await house()
  const assistants = voice.assistants.of(organization)
  const mira = await assistants.create({ name: 'Mira', first_message: 'Hello!', end_call_phrases: ['bye'] })
  assert.deepEqual([mira.version, mira.assistant.end_call_phrases], [1, ['bye']])
  const { user } = await accounts.register('ann@example.com')
  const anns = voice.withPrincipal({ organization, user: user.id })
  const session = await anns.sessions.create({ assistant: mira.id })
  const changed = await assistants.patch(mira.id, { first_message: 'Good day!' })
  assert.deepEqual([changed.version, changed.assistant.name], [2, 'Mira'])
  assert.deepEqual(session.assistant, { id: mira.id, version: 1 })
  assert.equal((await assistants.version(mira.id, 1)).assistant.first_message, 'Hello!')
  const greeting = await anns.sessions.greet(session.id)
  assert.equal(greeting.text, 'Hello!')
  assert.ok(greeting.samples.length > 0 && greeting.audioError === undefined)
  assert.equal(await anns.sessions.greet((await anns.sessions.create()).id), undefined)
  const { sessionId } = await anns.converse({ text: 'Hi' }, { assistant: mira.id })
  assert.equal((await anns.sessions.get(sessionId)).assistant.version, 2)
  assert.equal((await anns.sessions.list({ assistant: mira.id })).items.length, 2)
  assert.match((await failure(assistants.create({ name: 'M', temprature: 1 }))).message, /temprature/)
  assert.equal((await failure(anns.assistants.delete(mira.id))).kind, 'forbidden')
  await assistants.delete(mira.id)
  assert.deepEqual(await assistants.list(), { items: [], hasMore: false })
})

test('sound that is kept is given back', async (t) => {
  const { mkdtemp, rm } = await import('node:fs/promises')
  const folder = await mkdtemp(`${(await import('node:os')).tmpdir()}/voice-core-`)
  t.after(() => rm(folder, { recursive: true }))
  const voice = await agent({ config: { recordings: { store: `file:${folder}` } } })
  const { sessionId } = await voice.converse(wav())
  for (const message of (await voice.sessions.history(sessionId)).items) {
    assert.ok((await voice.sessions.recording(message)).length > 0)
    assert.equal(await voice.sessions.recordingUrl(message, 60), undefined)
  }
  assert.equal((await voice.sessions.cleanUp()).messages, 0)
})
