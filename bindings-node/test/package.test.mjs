import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import * as esm from 'voice-core'

const run = promisify(execFile)
const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

test('a process that makes no reports, as in some Electrons, is taken to be built for glibc', () => {
  const { platform } = require('../dist/platform.js')
  const own = Object.getOwnPropertyDescriptor(process, 'report')
  Object.defineProperty(process, 'report', { value: undefined, configurable: true })
  try {
    assert.match(platform(), process.platform === 'linux' ? /^linux-\w+-gnu$/ : /^(win32|darwin)-/)
  } finally {
    Object.defineProperty(process, 'report', own)
  }
})

test('ESM and CommonJS offer the same', () => {
  const { default: _, ...named } = esm
  assert.deepEqual({ ...named }, { ...require('voice-core') })
  assert.deepEqual(Object.keys(named).sort(), ['VoiceAgent', 'VoiceError', 'models', 'setLogger', 'tool', 'version'])
})

test('the package has the version of the library', () => {
  const { version } = require('../package.json')
  assert.equal(version, esm.version)
})

test('the packed package installs without the network, and holds a conversation', async (t) => {
  const path = await mkdtemp(`${tmpdir()}/voice-core-`)
  t.after(() => rm(path, { recursive: true }))
  const { stdout } = await run(process.execPath, [`${root}/scripts/pack.mjs`, path])
  const archives = stdout.trim().split('\n').map((line) => line.replace(/ [\d.]+ MB$/, ''))
  assert.equal(archives.length, 2)
  const app = `${path}/app`
  await mkdir(app)
  await writeFile(`${app}/package.json`, '{"private":true,"type":"module"}')
  const flags = ['--offline', '--no-audit', '--no-fund', '--loglevel=error']
  await run('npm', ['install', ...flags, ...archives], { cwd: app })
  await writeFile(`${app}/app.mjs`, await readFile(`${root}/test/scripted.mjs`))
  const source = `import { agent } from './app.mjs'
    console.log((await (await agent()).converse({ text: 'hi' })).text)`
  const held = await run(process.execPath, ['--input-type=module', '--eval', source], { cwd: app })
  assert.equal(held.stdout, 'Good morning.\n')
  const { stdout: command } = await run('npx', ['--offline', 'voice-core', '--version'], { cwd: app })
  assert.equal(command.trim(), esm.version)
})

test('a strict TypeScript project compiles against it, as ESM and as CommonJS, under every resolution', async () => {
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url))
  const base = ['--ignoreConfig', '--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false']
  const options = [...base, '--target', 'es2022', '--lib', 'es2023', '--types', 'node']
  const resolutions = [
    ['--module', 'node16', 'strict.mts', 'strict.cts'],
    ['--module', 'nodenext', 'strict.mts', 'strict.cts'],
    ['--module', 'esnext', '--moduleResolution', 'bundler', 'strict.mts'],
  ]
  for (const resolution of resolutions) {
    await run(process.execPath, [tsc, ...options, ...resolution], { cwd: `${root}/test/types` }).catch((error) => {
      throw new Error(`${resolution.join(' ')}: ${error.stdout}`)
    })
  }
})
