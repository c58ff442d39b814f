// Webhooks: told over a real connection, checked by the library and by hand, as the documents say.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'

import { agent, failure } from './scripted.mjs'

/** A server that keeps what it gets, and takes a message at the second attempt. */
async function receiver() {
  const got = []
  const server = createServer(async (request, response) => {
    const parts = []
    for await (const part of request) parts.push(part)
    const known = got.some(({ headers }) => headers['webhook-id'] === request.headers['webhook-id'])
    got.push({ headers: request.headers, body: Buffer.concat(parts) })
    response.writeHead(known ? 204 : 503).end()
    server.emit('told')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const wait = async (count) => {
    while (got.length < count) await once(server, 'told')
    return got
  }
  const close = () => {
    server.closeAllConnections()
    server.close()
  }
  return { url: `http://127.0.0.1:${server.address().port}/hook`, wait, close }
}

test('a webhook is told until it takes the message', async () => {
  const { url, wait, close } = await receiver()
  const webhooks = { allow_http: true, allow_private: true, first_delay_seconds: 0.05 }
  const voice = await agent({ config: { accounts: { credentials_key: '07'.repeat(32) }, webhooks } })
  const { webhook, secret } = await voice.webhooks.create(url, { events: ['session.*'] })
  const session = await voice.sessions.create({ metadata: { call_id: 'c1' } })
  const [first, second] = await wait(2)
  assert.deepEqual(first.body, second.body)
  assert.equal(JSON.parse(first.body).data.metadata.call_id, 'c1')
  for (const { headers, body } of [first, second]) {
    const [id, timestamp, signature] = ['id', 'timestamp', 'signature'].map((name) => headers[`webhook-${name}`])
    const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
    assert.equal(signature, `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')}`)
    await voice.webhooks.verify([secret], { id, timestamp, signature, body })
    const changed = voice.webhooks.verify([secret], { id, timestamp, signature, body: `${body} ` })
    assert.equal((await failure(changed)).code, 'UNAUTHORIZED')
  }
  let delivery
  do {
    delivery = await voice.webhooks.delivery(first.headers['webhook-id'])
  } while (delivery.status === 'pending')
  assert.deepEqual([delivery.status, delivery.session], ['delivered', session.id])
  assert.deepEqual(delivery.attempts.map(({ status }) => status), [503, 204])
  assert.equal(await voice.webhooks.send('order.placed', { how_many: 2 }), true)
  assert.equal((await voice.webhooks.update(webhook.id, { enabled: false })).enabled, false)
  await voice.webhooks.delete(webhook.id)
  assert.deepEqual((await voice.webhooks.list()).items, [])
  await voice.close()
  close()
})
