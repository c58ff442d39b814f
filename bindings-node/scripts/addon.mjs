// Puts the addon that cargo built beside the package, under the name that the loader and @napi-rs/cli know it by.
import { copyFileSync, existsSync, renameSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const { platform } = createRequire(import.meta.url)('../dist/platform.js')

const library = {
  darwin: 'libvoice_core_node.dylib',
  win32: 'voice_core_node.dll',
}[process.platform] ?? 'libvoice_core_node.so'

const built = join(process.argv[2], library)
if (!existsSync(built)) {
  console.error(`there is no ${built}: build it with cargo first`)
  process.exit(1)
}
const addon = fileURLToPath(new URL(`../voice-core.${platform()}.node`, import.meta.url))
// Renamed into place: a process that has the old one open keeps it whole.
copyFileSync(built, `${addon}.new`)
renameSync(`${addon}.new`, addon)
