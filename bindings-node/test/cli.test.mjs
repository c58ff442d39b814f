import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import { models, VoiceAgent, version } from 'voice-core'

import { recording } from './models.mjs'
import { until } from './scripted.mjs'

const command = fileURLToPath(new URL('../dist/cli.js', import.meta.url))

/** Runs the command; never fails, says how it ended. */
const cli = (args, { cwd, stdin } = {}) =>
  new Promise((resolve) => {
    const child = execFile(process.execPath, [command, ...args], { cwd }, (error, stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stdout, stderr }),
    )
    child.stdin.end(stdin)
  })

function alive(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function folder(t) {
  const path = await mkdtemp(`${tmpdir()}/voice-core-`)
  t.after(() => rm(path, { recursive: true }))
  return path
}

test('a fetch that is aborted stops its download', { skip: process.platform === 'win32' }, async (t) => {
  const path = await folder(t)
  for (const client of ['python3', 'npm']) {
    const script = '#!/bin/sh\ncase "$*" in *--version*) exit 0 ;; esac\necho $$ >"$0.pid"\nexec sleep 600\n'
    await writeFile(join(path, client), script, { mode: 0o755 })
  }
  const before = process.env.PATH
  process.env.PATH = `${path}:${before}`
  t.after(() => (process.env.PATH = before))
  const wanted = { models: ['silero-vad'], folder: join(path, 'models') }
  const stop = new AbortController()
  const onProgress = ({ type }) => type === 'downloading' && stop.abort()
  const aborted = await models.fetch({ ...wanted, onProgress, signal: stop.signal }).catch((error) => error)
  assert.equal(aborted.code, 'CANCELLED')
  // Waits for the end of the first: two fetches never share a folder.
  const next = await models.fetch({ ...wanted, mirror: path }).catch((error) => error)
  assert.equal(next.code, 'INVALID_REQUEST')
  for (const name of (await readdir(path)).filter((name) => name.endsWith('.pid'))) {
    const pid = Number(await readFile(join(path, name), 'utf8'))
    await until(() => !alive(pid))
  }
})

test('a recording is answered offline, with real models', async (t) => {
  const path = await folder(t)
  const agent = await VoiceAgent.local({ storage: 'memory', assistant: { max_tokens: 24 } })
  const stages = []
  let reply
  for await (const event of agent.turn(recording, { deadline: 600_000 })) {
    stages.push(event.type)
    if (event.type === 'done') reply = event.reply
  }
  assert.match(reply.transcript, /best of times/i)
  assert.ok(reply.text.length > 0)
  assert.ok(reply.audio.seconds > 0.5)
  assert.ok(stages.indexOf('transcript') < stages.indexOf('text') && stages.indexOf('text') < stages.indexOf('audio'))
  await reply.audio.save(`${path}/answer.wav`)
  // The agent understands its own answer.
  const echo = await agent.converse(`${path}/answer.wav`, { sessionId: reply.sessionId, speak: false })
  assert.equal(echo.sessionId, reply.sessionId)
  assert.ok(echo.transcript.length > 0)
  await agent.close()
})

test('voice-core converse answers a recording', async (t) => {
  const cwd = await folder(t)
  await writeFile(`${cwd}/brief.json`, '{"storage": "memory", "assistant": {"max_tokens": 24}}')
  const { code, stdout, stderr } = await cli(['converse', recording, '--config', 'brief.json'], { cwd })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^you {4}.*best of times/im)
  assert.match(stdout, /^agent {2}\S/m)
  assert.match(stdout, /^ {7}answer\.wav: \d+\.\d\d s, \d+ Hz mono$/m)
  assert.match(stdout, /^ {7}session [0-9a-f-]{36}$/m)
  assert.equal(stderr, '')
  assert.equal((await readFile(`${cwd}/answer.wav`)).toString('latin1', 0, 4), 'RIFF')
})

test('voice-core converse takes standard input and prints JSON', async (t) => {
  const cwd = await folder(t)
  const stdin = await readFile(recording)
  await writeFile(`${cwd}/brief.json`, '{"storage": "memory", "assistant": {"max_tokens": 24}}')
  const args = ['converse', '-', '--json', '--config', 'brief.json', '--out', 'said.ogg']
  const { code, stdout, stderr } = await cli(args, { cwd, stdin })
  assert.equal(code, 0, stderr)
  const reply = JSON.parse(stdout)
  assert.match(reply.transcript, /best of times/i)
  assert.equal(reply.audio.file, 'said.ogg')
  assert.equal((await readFile(`${cwd}/said.ogg`)).toString('latin1', 0, 4), 'OggS')
})

test('voice-core models lists and verifies', async (t) => {
  const listed = await cli(['models', 'list'])
  assert.equal(listed.code, 0)
  assert.match(listed.stdout, /there .* default/)
  const { models } = JSON.parse((await cli(['models', 'list', '--json'])).stdout)
  assert.ok(models.some(({ present, name }) => present && name.includes('moonshine')))

  const empty = await folder(t)
  const verified = await cli(['models', 'verify', '--models', empty])
  assert.equal(verified.code, 1)
  assert.match(verified.stderr, /INVALID_REQUEST: there are no fetched models; run `npx voice-core models fetch`/)
})

test('voice-core models fetch takes archives from a folder, and says what is missing', async (t) => {
  const [target, mirror] = [await folder(t), await folder(t)]
  const { code, stderr } = await cli(['models', 'fetch', '--models', target, '--mirror', mirror])
  assert.equal(code, 1)
  assert.match(stderr, /packages, .* MB, for \d+ files/)
  assert.match(stderr, /INVALID_REQUEST/)
  const unknown = await cli(['models', 'fetch', 'no-such-model', '--models', target, '--mirror', mirror])
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /no-such-model/)
})

test('the command explains itself', async () => {
  assert.equal((await cli(['--version'])).stdout, `${version}\n`)
  const help = await cli(['--help'])
  assert.equal(help.code, 0)
  assert.match(help.stdout, /voice-core converse FILE/)
  for (const args of [[], ['converse'], ['sing'], ['models', 'eat'], ['converse', '--loud', 'a.wav']]) {
    assert.equal((await cli(args)).code, 2, args.join(' '))
  }
})

test('a failure is told in words, or as JSON, and by the exit code', async (t) => {
  const cwd = await folder(t)
  await writeFile(`${cwd}/list.wav`, 'eggs, flour, milk')
  const plain = await cli(['converse', 'list.wav', '--storage', 'memory'], { cwd })
  assert.equal(plain.code, 1)
  assert.match(plain.stderr, /^VALIDATION_ERROR \(audio\): /)
  const json = await cli(['converse', 'nowhere.wav', '--storage', 'memory', '--json'], { cwd })
  assert.equal(json.code, 1)
  assert.equal(JSON.parse(json.stdout).error, 'INVALID_REQUEST')
})
