import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import { question } from './models.mjs'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))

/** A folder in which the package is installed, with a question to be answered. */
async function project(t) {
  const path = await mkdtemp(`${tmpdir()}/voice-core-`)
  t.after(() => rm(path, { recursive: true }))
  await writeFile(`${path}/package.json`, '{"type":"module"}')
  await mkdir(`${path}/node_modules`)
  await symlink(root, `${path}/node_modules/voice-core`, 'dir')
  await writeFile(`${path}/question.wav`, await question())
  return path
}

const environment = { ...process.env, DATABASE_URL: 'memory' }

test('every example of the README runs', async (t) => {
  const readme = await readFile(`${root}/README.md`, 'utf8')
  const blocks = [...readme.matchAll(/```[jt]s\n([\s\S]*?)```/g)].map(([, code]) => code)
  assert.ok(blocks.length >= 6)
  const path = await project(t)
  for (const [i, code] of blocks.entries()) {
    await writeFile(`${path}/example-${i}.mjs`, code)
    const { stdout } = await run(process.execPath, [`example-${i}.mjs`], { cwd: path, env: environment, timeout: 120_000 })
    assert.ok(stdout.length > 0, code)
    if (i === 0) assert.match(stdout, /best of times.* → /i)
  }
  assert.equal((await readFile(`${path}/answer.wav`)).toString('latin1', 0, 4), 'RIFF')
})

test('the first conversation of examples/node is held', async (t) => {
  const path = await project(t)
  await copyFile(`${root}/../examples/node/first-conversation.mjs`, `${path}/first-conversation.mjs`)
  const { stdout } = await run(process.execPath, ['first-conversation.mjs'], { cwd: path, env: environment })
  assert.match(stdout, /best of times.*\n./i)
  assert.equal((await readFile(`${path}/answer.wav`)).toString('latin1', 0, 4), 'RIFF')
  const error = await run(process.execPath, ['first-conversation.mjs', 'nowhere.wav'], { cwd: path, env: environment }).catch((e) => e)
  assert.match(error.stderr, /^INVALID_REQUEST: /)
})

test('the JSON file of examples/node keeps a conversation', async (t) => {
  const path = await project(t)
  await copyFile(`${root}/../examples/node/json-store.mjs`, `${path}/json-store.mjs`)
  const { stdout } = await run(process.execPath, ['json-store.mjs'], { cwd: path, env: environment })
  assert.match(stdout, /^user: .*best of times.*\nassistant: ./i)
  assert.match(await readFile(`${path}/conversations.json`, 'utf8'), /best of times/i)
})
