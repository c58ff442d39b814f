// The store of examples/node/json-store.mjs does what every store of conversations must do.
import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { fileURLToPath, pathToFileURL } from 'node:url'

import { agent } from './scripted.mjs'

const require = createRequire(import.meta.url)
const { line } = require('../dist/line.js')
const { native } = require('../dist/native.js')

// The example lies where the package is installed.
const folder = await mkdtemp(`${tmpdir()}/voice-core-`)
after(() => rm(folder, { recursive: true }))
const root = fileURLToPath(new URL('..', import.meta.url))
await mkdir(`${folder}/node_modules`)
await symlink(root, `${folder}/node_modules/voice-core`, 'dir')
await copyFile(`${root}/../examples/node/json-store.mjs`, `${folder}/json-store.mjs`)
const { JsonStore } = await import(pathToFileURL(`${folder}/json-store.mjs`).href)

let stores = 0
const file = () => `${folder}/${(stores += 1)}.json`

/** Why a case does not hold of a store; undefined when it does. */
async function tried(name, object) {
  const host = { id: line.number(), name: 'json-file' }
  line.hosts.set(host.id, { role: 'store', object })
  try {
    return await line.call((id, port) => native.tryStore(port, id, name, host), (done) => done.text)
  } finally {
    line.hosts.delete(host.id)
  }
}

for (const name of native.storeCases()) {
  test(`a JSON file is a store: ${name}`, async () => assert.equal(await tried(name, new JsonStore(file())), undefined))
}

test('the suite finds a store that forgets', async () => {
  class Forgetful extends JsonStore {
    setMetadata() {
      return true
    }
  }
  assert.match(await tried('metadata_is_replaced_as_a_whole', new Forgetful(file())), /the session/)
})

test('a conversation is there after a restart', async () => {
  const path = file()
  const before = await agent({ config: { storage: new JsonStore(path) } })
  const { sessionId } = await before.converse({ text: 'Hello' })
  await before.close()
  const again = await agent({ config: { storage: new JsonStore(path) } })
  const { items } = await again.sessions.history(sessionId)
  assert.deepEqual(items.map(({ content }) => content), ['Hello', 'Good morning.'])
})
