// The packages of each platform, in npm/, as @napi-rs/cli lays them out.
//
//   node scripts/platforms.mjs           writes them, from `napi.targets` in package.json
//   node scripts/platforms.mjs --check   only says whether they are current
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'

const root = new URL('../', import.meta.url)
const main = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))

const OS = { linux: 'linux', apple: 'darwin', pc: 'win32' }
const CPU = { x86_64: 'x64', aarch64: 'arm64' }
const LIBC = { gnu: 'glibc', musl: 'musl' }

/** A Rust target as npm names it. */
function platform(target) {
  const [arch, vendor, system, abi] = target.split('-')
  const os = OS[system === 'linux' ? 'linux' : vendor]
  const cpu = CPU[arch]
  return { os, cpu, libc: os === 'linux' ? LIBC[abi] : undefined, name: [os, cpu, abi].filter(Boolean).join('-') }
}

const packages = main.napi.targets.map((target) => {
  const { os, cpu, libc, name } = platform(target)
  const addon = `${main.napi.binaryName}.${name}.node`
  const manifest = {
    name: `${main.name}-${name}`,
    version: main.version,
    description: `The native addon of ${main.name} for ${target}.`,
    license: main.license,
    repository: main.repository,
    engines: main.engines,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    main: addon,
    files: [addon],
  }
  return { name, addon, manifest, readme: `# ${manifest.name}\n\n${manifest.description}\n` }
})

const json = (value) => `${JSON.stringify(value, null, 2)}\n`

const files = new Map()
for (const { name, manifest, readme } of packages) {
  files.set(`npm/${name}/package.json`, json(manifest))
  files.set(`npm/${name}/README.md`, readme)
}

if (process.argv.includes('--check')) {
  const text = (path) => (existsSync(new URL(path, root)) ? readFileSync(new URL(path, root), 'utf8') : '')
  for (const [path, wanted] of files) {
    if (text(path) === wanted) continue
    console.error(`${path} is not current; run \`node scripts/platforms.mjs\``)
    process.exitCode = 1
  }
} else {
  for (const [path, text] of files) {
    mkdirSync(new URL('.', new URL(path, root)), { recursive: true })
    writeFileSync(new URL(path, root), text)
  }
}
