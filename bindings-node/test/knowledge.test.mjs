// Documents that answers are drawn from, as the documents say.
import assert from 'node:assert/strict'
import { test } from 'node:test'

import { agent, events, failure } from './scripted.mjs'

const HANDBOOK = '# Hours\n\nWe open at six.\n\n# Prices\n\nA sourdough loaf costs 4.50 euros.'

/** Says what it is told. */
const echo = {
  name: 'test/echo',
  async *generate(request) {
    yield request.messages.at(-1).content
  },
}

test('an answer says what it is drawn from', async () => {
  const voice = await agent({ llm: echo, config: { knowledge: { documents: ['*'] } } })
  const document = await voice.knowledge.add('Handbook', HANDBOOK, { format: 'markdown', metadata: { shopNumber: 3 } })
  assert.deepEqual(await voice.knowledge.add('Handbook', HANDBOOK, { format: 'markdown' }), document)
  assert.deepEqual(document.metadata, { shopNumber: 3 })
  const reply = await voice.converse({ text: 'How much is a sourdough loaf?' }, { speak: false })
  assert.ok(reply.text.startsWith('<reference>'))
  assert.equal(reply.knowledgeError, undefined)
  const [source, ...others] = reply.sources
  assert.deepEqual(others, [])
  assert.deepEqual([source.documentId, source.title, source.heading], [document.id, 'Handbook', 'Prices'])
  assert.ok(source.score > 0.5 && source.text.includes('4.50'))
  await voice.knowledge.update(document.id, { text: HANDBOOK.replace('4.50', '5') })
  const turn = voice.turn({ text: 'And a sourdough loaf?' }, { speak: false })
  const told = (await events(turn)).filter(({ type }) => type === 'sources')
  assert.deepEqual(told.map(({ sources }) => sources[0].text.includes('costs 5 euros')), [true])
  await voice.knowledge.delete(document.id)
  assert.deepEqual((await voice.converse({ text: 'How much is a loaf?' }, { speak: false })).sources, [])
  await voice.close()
})

test('what is wrong is named, and nothing of an organization is reached from beside it', async () => {
  const voice = await agent({ config: { accounts: { credentials_key: '07'.repeat(32) } } })
  assert.match((await failure(voice.knowledge.add('', 'Words.'))).message, /title: /)
  const house = await voice.accounts.createOrganization('House')
  const rooms = voice.knowledge.of(house.id)
  const made = await rooms.add('Handbook', HANDBOOK, { format: 'markdown' })
  assert.match(await rooms.text(made.id), /six/)
  assert.deepEqual((await rooms.search('When do you open?', { topK: 1 })).map(({ heading }) => heading), ['Hours'])
  assert.equal((await failure(voice.knowledge.get(made.id))).kind, 'not_found')
  assert.deepEqual((await voice.knowledge.list()).items, [])
  await voice.close()
})
