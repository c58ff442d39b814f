// Packs what is published from this machine: the package, and the addon of this platform in its own.
//
//   node scripts/pack.mjs FOLDER     after build.sh; prints the two archives
//
// The package names the addons of all platforms as optional dependencies only here: a repository cannot depend on what is not
// published yet.
import { execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = resolve(process.argv[2] ?? '.')
const { platform } = createRequire(import.meta.url)('../dist/platform.js')
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))

mkdirSync(out, { recursive: true })
const stage = mkdtempSync(join(tmpdir(), 'voice-core-pack-'))
try {
  const { devDependencies: _, scripts: __, napi: ___, ...manifest } = read('package.json')
  const addons = readdirSync(join(root, 'npm')).map((name) => read(`npm/${name}/package.json`))
  manifest.optionalDependencies = Object.fromEntries(addons.map(({ name, version }) => [name, version]))
  const main = join(stage, 'main')
  mkdirSync(main)
  for (const path of manifest.files) cpSync(join(root, path), join(main, path), { recursive: true })
  writeFileSync(join(main, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)

  const addon = join(stage, 'addon')
  const file = `voice-core.${platform()}.node`
  cpSync(join(root, 'npm', platform()), addon, { recursive: true })
  cpSync(join(root, file), join(addon, file))

  for (const folder of [main, addon]) {
    const packed = execFileSync('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out, folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const [{ filename, size }] = [JSON.parse(packed)].flat()
    console.log(`${join(out, filename)} ${(size / 1e6).toFixed(1)} MB`)
  }
} finally {
  rmSync(stage, { recursive: true })
}
