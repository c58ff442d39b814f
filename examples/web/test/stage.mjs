// A stage for the tests: the server, and a headless Chromium with a recording as its microphone.
//
// CHROMIUM names the browser, OUT where the screenshots go; SERVER is the command of the server, for example `python server.py`.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { chromium } from 'playwright-core'

const EXAMPLE = fileURLToPath(new URL('..', import.meta.url))
const SERVER = (process.env.SERVER ?? `${process.execPath} server.mjs`).split(' ')

/** Where the screenshots go. */
export const OUT = process.env.OUT ?? fileURLToPath(new URL('../../../target/web', import.meta.url))
/** How long one thing may take. */
export const STEP = 60_000

/**
 * The server and the browser; `microphone` is a WAV file that the browser's fake device plays once, when it is opened. `config` is
 * the agent's, if it is not the offline one.
 */
export async function stage(microphone, config) {
  const scratch = mkdtempSync(join(tmpdir(), 'voice-web-'))
  writeFileSync(join(scratch, 'microphone.wav'), microphone)
  mkdirSync(OUT, { recursive: true })
  const document = join(scratch, 'agent.json')
  if (config) writeFileSync(document, JSON.stringify(config))
  const { server, url } = await serve(config ? ['--config', document] : [])
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      `--use-file-for-fake-audio-capture=${join(scratch, 'microphone.wav')}%noloop`,
    ],
  })
  const close = async () => {
    await browser.close()
    server.kill()
    rmSync(scratch, { recursive: true })
  }
  return { url, browser, close }
}

/** Starts the server on a free port and waits until it answers. */
async function serve(options) {
  const probe = createServer().listen(0, '127.0.0.1')
  await new Promise((ready) => probe.once('listening', ready))
  const { port } = probe.address()
  await new Promise((closed) => probe.close(closed))
  const server = spawn(SERVER[0], [...SERVER.slice(1), '--port', String(port), ...options], { cwd: EXAMPLE, stdio: 'inherit' })
  const url = `http://127.0.0.1:${port}`
  for (;;) {
    assert.equal(server.exitCode, null, 'the server ended')
    const page = await fetch(url).catch(() => undefined)
    if (page?.ok) return { server, url }
    await new Promise((soon) => setTimeout(soon, 100))
  }
}
