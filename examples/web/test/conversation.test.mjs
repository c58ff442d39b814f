// A browser holds a conversation with the page against the local engine: three spoken turns, one reply interrupted, and what is
// stored is what was played. VOICE_CORE_MODELS names the folder of the models.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'

import { clip, wav } from './sound.mjs'
import { OUT, STEP, stage } from './stage.mjs'

const recording = (name) => readFileSync(join(process.env.VOICE_CORE_MODELS, 'test-audio', name))
let its

before(async () => {
  // The fake microphone's own words, once: what comes after is silence.
  its = await stage(wav(clip(recording('two_cities.wav'), 1.1, 4.7), { before: 1, after: 120 }))
}, { timeout: STEP })

after(() => its?.close())

/** Holds the microphone back until the test lets it be opened, and lets the test speak into it beside the fake device. */
function prepareMicrophone() {
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)
  let context
  let mixer
  const allowed = new Promise((resolve) => (window.openMicrophone = resolve))
  navigator.mediaDevices.getUserMedia = async (constraints) => {
    await allowed
    context = new AudioContext()
    mixer = context.createMediaStreamDestination()
    context.createMediaStreamSource(await open(constraints)).connect(mixer)
    return mixer.stream
  }
  window.speak = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
    const source = new AudioBufferSourceNode(context, { buffer: await context.decodeAudioData(bytes.buffer) })
    source.connect(mixer)
    source.start()
  }
}

/** Words alone: signs that are not spoken are in the text of a reply, not in what its sound says. */
const words = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu)?.join(' ') ?? ''

test('three spoken turns with one reply interrupted are stored as they were played', { timeout: 3 * STEP }, async () => {
  const page = await its.browser.newPage({ viewport: { width: 1180, height: 760 } })
  const faults = []
  page.on('pageerror', (error) => faults.push(error.message))
  await page.addInitScript(prepareMicrophone)
  await page.goto(its.url)
  const until = async (condition, argument) => {
    const came = page.waitForFunction(condition, argument, { timeout: STEP, polling: 50 })
    await came.catch(async (error) => {
      const state = () => [{ ...document.body.dataset }, document.querySelector('main').innerText, conversation.errors]
      throw new Error(`${error.message} ${JSON.stringify(await page.evaluate(state))}`)
    })
  }
  const answered = (count) => until((count) => conversation.messages.length >= count, count)
  const speak = (name, from, to) => page.evaluate((sound) => speak(sound), wav(clip(recording(name), from, to), {}).toString('base64'))

  await page.click('#toggle')
  await answered(1)
  // The first turn is spoken by the browser's fake device.
  await page.evaluate(() => openMicrophone())
  await answered(2)
  // The second reply is talked over once a part of it was heard.
  await speak('two_cities.wav', 5.0, 10.4)
  await until(() => document.body.dataset.agent === 'speaking' && conversation.pieces.at(-1).turn !== conversation.messages.at(-1).turn_id)
  await until(() => Object.keys(conversation.heard).length === 3)
  await page.screenshot({ path: join(OUT, 'speaking.png') })
  await page.waitForTimeout(300)
  await speak('beckett.wav', 0, 3.3)
  await answered(4)
  await page.screenshot({ path: join(OUT, 'page.png') })

  const seen = await page.evaluate(() => conversation)
  assert.deepEqual(seen.messages.map(({ kind }) => kind), ['greeting', 'answer', 'answer', 'answer'])
  assert.deepEqual(seen.messages.map(({ interrupted }) => interrupted), [false, false, true, false])
  for (const message of seen.messages) {
    const pieces = seen.pieces.filter(({ turn }) => turn === message.turn_id)
    const begun = pieces.filter(({ position }) => position < seen.heard[message.turn_id])
    // What was played in the moment before an interruption was not told yet when the reply ended: up to 0.2 s of it may be missing.
    const told = pieces.filter(({ position }) => position < seen.heard[message.turn_id] - 0.2 * 48_000)
    const whole = message.interrupted ? told.slice(0, -1) : pieces
    const text = words(message.text)
    const found = JSON.stringify({ text, interrupted: message.interrupted, heard: seen.heard[message.turn_id], pieces })
    assert.ok(words(begun.map((piece) => piece.text).join(' ')).startsWith(text), `a word is stored that was not played: ${found}`)
    assert.ok(text.startsWith(words(whole.map((piece) => piece.text).join(' '))), `a word that was played is missing: ${found}`)
  }

  // What is stored, what the page was told, and what it shows are the same.
  const stored = await (await fetch(`${its.url}/api/v1/sessions/${seen.session}/messages`)).json()
  const expected = seen.messages.flatMap(({ transcript, text }) => [
    { role: 'user', content: transcript },
    { role: 'assistant', content: text },
  ])
  assert.deepEqual(stored, expected.filter(({ content }) => content))
  const shown = await page.$$eval('#transcript li:not(.note, .interim)', (all) => all.map((li) => li.firstChild.textContent))
  assert.deepEqual(shown, stored.map(({ content }) => content))
  assert.match(seen.messages[1].transcript.toLowerCase(), /best of times/)
  assert.deepEqual([seen.errors, faults], [[], []])

  await page.click('#toggle')
  await until(() => conversation.ended)
  const { reason, turns, interruptions } = await page.evaluate(() => conversation.ended)
  assert.deepEqual({ reason, turns, interruptions }, { reason: 'host', turns: 4, interruptions: 1 })
  const delays = seen.messages.slice(1).map((message) => `${message.response_delay_ms} ms`)
  console.log(`first sound of the replies after ${delays.join(', ')}`)
})
