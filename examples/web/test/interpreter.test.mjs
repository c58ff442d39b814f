// The page as an interpreter between two languages: who speaks is told by the model or by the page's switch, what has to be acted on is
// listed while people talk, and what it came to is shown at the end. The recogniser is the local one; the rest speaks as OpenAI does.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { clip, wav } from './sound.mjs'
import { OUT, STEP, stage } from './stage.mjs'

const RATE = 24_000
/** What was asked of the language model as an interpreter: the last words of each prompt. */
const asked = []
let service
let its

/** Writes what the double of the language model answers to a prompt. */
function written(messages) {
  const [instructions, said] = [messages[0].content, messages.at(-1).content]
  if (instructions.startsWith('You read a conversation')) {
    const line = /^(\d+) NEW .*una semana/m.exec(said)?.[1]
    const action = { type: 'follow_up_visit', line: Number(line), details: { when: 'una semana' }, confidence: 0.9 }
    return JSON.stringify({ actions: line ? [action] : [] })
  }
  if (instructions.startsWith('You sum up')) return JSON.stringify({ summary: 'A visit.', points: ['Come back in a week.'] })
  asked.push(said)
  return said.startsWith('[es]') ? '[en] Come back in a week.' : '[es] Era el mejor de los tiempos.'
}

/** Half a second of a quiet tone. */
function tone() {
  const samples = Buffer.alloc(RATE)
  for (let i = 0; i < RATE / 2; i += 1) samples.writeInt16LE(Math.round(3_000 * Math.sin(i / 8)), 2 * i)
  return wav({ rate: RATE, samples }, {})
}

async function answer(request, response) {
  if (request.method !== 'POST') return response.writeHead(404).end()
  const body = JSON.parse(Buffer.concat(await request.toArray()))
  if (request.url === '/v1/audio/speech') return response.writeHead(200, { 'content-type': 'audio/wav' }).end(tone())
  const chunk = { id: 'chat', object: 'chat.completion.chunk', created: 0, model: body.model }
  const parts = [
    { ...chunk, choices: [{ index: 0, delta: { role: 'assistant', content: written(body.messages) }, finish_reason: null }] },
    { ...chunk, choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  ]
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.end(`${parts.map((part) => `data: ${JSON.stringify(part)}\n\n`).join('')}data: [DONE]\n\n`)
}

before(async () => {
  service = createServer(answer).listen(0, '127.0.0.1')
  await new Promise((ready) => service.once('listening', ready))
  const server = { provider: 'openai', base_url: `http://127.0.0.1:${service.address().port}/v1` }
  const recording = readFileSync(join(process.env.VOICE_CORE_MODELS, 'test-audio', 'two_cities.wav'))
  its = await stage(wav(clip(recording, 1.1, 4.7), { before: 1, after: 120 }), {
    stt: 'local',
    llm: { ...server, model: 'words' },
    tts: { ...server, model: 'tone' },
    assistant: { interpreter: { languages: ['en', 'es'] } },
    actions: {},
  })
}, { timeout: STEP })

after(async () => {
  await its?.close()
  service.close()
})

test('an interpreter says everything in the other language, and lists what is to be done', { timeout: 3 * STEP }, async () => {
  const page = await its.browser.newPage({ viewport: { width: 1180, height: 760 } })
  const faults = []
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(its.url)
  const until = (condition) => page.waitForFunction(condition, undefined, { timeout: STEP, polling: 50 })
  await page.click('#toggle')
  await until(() => conversation.messages.length === 1)

  // The switch says for certain who speaks.
  await page.click('#languages label:has-text("Español")')
  await page.fill('#text', 'Vuelva en una semana.')
  await page.click('#send')
  await until(() => conversation.messages.length === 2 && conversation.actions.length === 1)
  await page.click('#toggle')
  await until(() => document.querySelector('#summary').textContent !== '')
  await page.screenshot({ path: join(OUT, 'interpreter.png') })

  const [spoken, typed] = await page.evaluate(() => conversation.messages)
  assert.match(spoken.transcript.toLowerCase(), /best of times/)
  assert.deepEqual([spoken.text, spoken.text_language], ['Era el mejor de los tiempos.', 'es'])
  assert.deepEqual([typed.text, typed.language, typed.text_language], ['Come back in a week.', 'es', 'en'])
  assert.equal(asked.at(-1), '[es] Vuelva en una semana.')
  const shown = await page.$$eval('#transcript li:not(.note)', (all) => all.map((li) => [li.firstChild.textContent, li.lang]))
  assert.deepEqual(shown.slice(1), [
    ['Era el mejor de los tiempos.', 'es'],
    ['Vuelva en una semana.', 'es'],
    ['Come back in a week.', 'en'],
  ])
  assert.match(await page.textContent('#actions'), /follow up visit.*una semana.*90 % sure/)
  assert.deepEqual(await page.$$eval('#outcome p, #points li', (all) => all.map((it) => it.textContent)), [
    'A visit.',
    'Come back in a week.',
  ])
  const errors = await page.evaluate(() => conversation.errors)
  assert.deepEqual([errors, faults], [[], []])
})
