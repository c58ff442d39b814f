// Someone without a microphone, and a page that has no business here.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { WebSocket } from 'ws'

import { wav } from './sound.mjs'
import { OUT, STEP, stage } from './stage.mjs'

let its

before(async () => {
  its = await stage(wav({ rate: 48_000, samples: Buffer.alloc(0) }, { after: 1 }))
}, { timeout: STEP })

after(() => its?.close())

test('someone without a microphone types, and stops a reply with the button', { timeout: 2 * STEP }, async () => {
  const page = await its.browser.newPage({ viewport: { width: 390, height: 780 }, colorScheme: 'dark' })
  await page.addInitScript(() => (navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('none'))))
  await page.goto(its.url)
  const until = (condition) => page.waitForFunction(condition, undefined, { timeout: STEP, polling: 50 })
  await page.click('#toggle')
  await until(() => conversation.messages.length === 1)
  await page.fill('#text', 'Tell me a long story about the sea.')
  await page.click('#send')
  await until(() => Object.keys(conversation.heard).length === 2)
  await page.waitForTimeout(1_000)
  await page.click('#interrupt')
  await until(() => conversation.messages.length === 2)
  await page.screenshot({ path: join(OUT, 'phone.png') })
  const [, { transcript, interrupted, text }] = await page.evaluate(() => conversation.messages)
  assert.deepEqual([transcript, interrupted], ['Tell me a long story about the sea.', true])
  assert.notEqual(text, '', 'a second was heard')
})

test('a page of another server may not open a conversation', async () => {
  const answer = (origin) =>
    new Promise((done) => {
      const socket = new WebSocket(`${its.url.replace('http', 'ws')}/live`, { origin })
      socket.on('open', () => done('open')).on('unexpected-response', (_request, { statusCode }) => done(statusCode))
      socket.on('error', () => {}).on('message', () => socket.close())
    })
  assert.equal(await answer('http://elsewhere.example'), 403)
  assert.equal(await answer('null'), 403)
  assert.equal(await answer(its.url), 'open')
})

test('a request that cannot be read is refused, and the next one answered', async () => {
  const { port } = new URL(its.url)
  const status = await new Promise((done, failed) => {
    request({ host: '127.0.0.1', port, path: '//' }, (response) => done(response.resume().statusCode)).on('error', failed).end()
  })
  assert.equal(status, 404)
  assert.equal((await fetch(its.url)).status, 200)
})
