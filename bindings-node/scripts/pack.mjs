// Packs what is published from this machine: the package, and the addon of this platform in its own.
//
//   node scripts/pack.mjs FOLDER             after build.sh --release; prints the two archives
//   node scripts/pack.mjs FOLDER --servers   after build.sh --servers; those of voice-core-servers
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
const servers = process.argv[3] === '--servers'
const serversName = 'voice-core-servers'
const { platform } = createRequire(import.meta.url)('../dist/platform.js')
const addonFile = `voice-core.${platform()}.node`
const read = (path) => JSON.parse(readFileSync(join(root, path), 'utf8'))
const write = (folder, manifest) => writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
const needing = (addons) => ({ optionalDependencies: Object.fromEntries(addons.map(({ name, version }) => [name, version])) })

mkdirSync(out, { recursive: true })
const stage = mkdtempSync(join(tmpdir(), 'voice-core-pack-'))
try {
  const { devDependencies: _, scripts: __, napi: ___, ...manifest } = read('package.json')
  const addons = readdirSync(join(root, 'npm')).map((name) => read(`npm/${name}/package.json`))
  const main = join(stage, 'main')
  const addon = join(stage, 'addon')
  cpSync(join(root, 'npm', platform()), addon, { recursive: true })
  cpSync(join(root, addonFile), join(addon, addonFile))

  if (servers) {
    for (const one of addons) one.name = one.name.replace(/^voice-core/, serversName)
    cpSync(join(root, 'servers'), main, { recursive: true })
    const { version, license, repository, engines } = manifest
    const description = 'The native addon of voice-core with PostgreSQL, MongoDB and S3 in it.'
    write(main, { name: serversName, version, description, license, repository, engines, main: './index.js', ...needing(addons) })
    write(addon, addons.find(({ main }) => main === addonFile))
    writeFileSync(join(addon, 'README.md'), `# ${serversName}-${platform()}\n\n${description}\n`)
  } else {
    mkdirSync(main)
    for (const path of manifest.files) cpSync(join(root, path), join(main, path), { recursive: true })
    manifest.peerDependencies = { [serversName]: manifest.version }
    manifest.peerDependenciesMeta = { [serversName]: { optional: true } }
    write(main, { ...manifest, ...needing(addons) })
  }

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
