// Writes ts/config.ts, the types of the config document, from the schema that the library itself gives.
// `node scripts/config.mjs --check` only says whether the file is current.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const { native } = createRequire(import.meta.url)('../dist/native.js')
const file = new URL('../ts/config.ts', import.meta.url)

const comment = (text, indent) => {
  if (!text) return ''
  // A link of Rust's documentation leads nowhere here.
  const plain = text.replace(/\[([^\]]+)\]\([^)]*\)/g, '$1').replaceAll('*/', '*\\/')
  const lines = plain.split('\n')
  if (lines.length === 1) return `${indent}/** ${lines[0]} */\n`
  return `${indent}/**\n${lines.map((line) => `${indent} * ${line}`.trimEnd()).join('\n')}\n${indent} */\n`
}

const unique = (types) => [...new Set(types)].join(' | ')

function type(schema) {
  if (schema === true || Object.keys(schema).length === 0) return 'unknown'
  if (schema.$ref) return schema.$ref.split('/').at(-1)
  if (schema.enum) return unique(schema.enum.map((value) => JSON.stringify(value).replaceAll('"', "'")))
  if (schema.const !== undefined) return JSON.stringify(schema.const).replaceAll('"', "'")
  const several = schema.anyOf ?? schema.oneOf ?? schema.allOf
  if (several) return unique(several.map(type))
  const one = (name) => {
    switch (name) {
      case 'integer':
      case 'number':
        return 'number'
      case 'array': {
        const item = type(schema.items ?? true)
        return item.includes(' ') ? `Array<${item}>` : `${item}[]`
      }
      case 'object':
        return 'Record<string, unknown>'
      default:
        return name
    }
  }
  return unique([schema.type].flat().map(one))
}

function declaration(name, schema) {
  if (!schema.properties) return `${comment(schema.description, '')}export type ${name} = ${type(schema)}\n`
  const required = new Set(schema.required ?? [])
  const fields = Object.entries(schema.properties).map(([key, field]) => {
    // A description may stand beside a reference.
    return `${comment(field.description, '  ')}  ${key}${required.has(key) ? '' : '?'}: ${type(field)}\n`
  })
  return `${comment(schema.description, '')}export interface ${name} {\n${fields.join('')}}\n`
}

const schema = JSON.parse(native.configSchema())
const parts = [declaration(schema.title ?? 'Config', schema)]
for (const [name, part] of Object.entries(schema.$defs ?? {})) parts.push(declaration(name, part))
const text = `// Made by scripts/config.mjs from the library's own schema. Do not edit.\n\n${parts.join('\n')}`

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('ts/config.ts is not what the library says; run `node scripts/config.mjs` after a build')
    process.exitCode = 1
  }
} else {
  writeFileSync(file, text)
}
