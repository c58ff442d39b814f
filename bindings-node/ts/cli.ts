#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { type AgentConfig, type FetchStep, models, type Reply, VoiceAgent, VoiceError, version } from './index.js'

const USAGE = `voice-core ${version}: speech in, speech out, offline by default

  voice-core converse FILE        answer a recording (any common format), or - for standard input
  voice-core converse --text TEXT answer typed text
  voice-core models fetch [NAME…] download, check and convert the local models
  voice-core models verify        compare every model file with its checksum
  voice-core models list          show which models there are, and their licences

Options of converse
  -o, --out FILE          where the answer's sound goes: .wav, .ogg, .mp3, .ulaw, .alaw or .pcm (answer.wav)
  --config FILE           a config document (JSON)
  --stt, --llm, --tts P   a provider, as provider/model; again for a fallback
  --storage ADDRESS       where the conversation is kept: sqlite:PATH or memory
  --system-prompt TEXT    the instructions of the language model
  --session ID            continue this session
  --deadline SECONDS      give up after this time

Options of models
  --models FOLDER         the model folder (VOICE_CORE_MODELS, else the user's data folder)
  --mirror FOLDER         a folder with the package archives, instead of the network
  --force                 make every file again

Options of all
  --json                  print one JSON object instead of text
  -h, --help              show this
  -v, --version           show the version`

const OPTIONS = {
  out: { type: 'string', short: 'o', default: 'answer.wav' },
  text: { type: 'string' },
  config: { type: 'string' },
  stt: { type: 'string', multiple: true },
  llm: { type: 'string', multiple: true },
  tts: { type: 'string', multiple: true },
  storage: { type: 'string' },
  'system-prompt': { type: 'string' },
  session: { type: 'string' },
  deadline: { type: 'string' },
  models: { type: 'string' },
  mirror: { type: 'string' },
  force: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', short: 'v', default: false },
} as const

const parse = (args: string[]) => parseArgs({ args, options: OPTIONS, allowPositionals: true })
type Values = ReturnType<typeof parse>['values']

/** The command was called in a way that it cannot be. */
class UsageError extends Error {}

const say = (text: string) => process.stdout.write(`${text}\n`)

/** What is going on, on standard error: a line that moves where somebody looks; elsewhere only what is `kept`. */
class Progress {
  private readonly seen = process.stderr.isTTY === true
  private readonly since = Date.now()
  private readonly timer: NodeJS.Timeout | undefined
  private text = ''
  private frame = 0

  constructor(private readonly quiet: boolean) {
    if (this.seen && !quiet) this.timer = setInterval(() => this.draw(), 100).unref()
  }

  show(text: string, kept = false): void {
    if (this.quiet || text === this.text) return
    this.text = text
    if (this.seen) this.draw()
    else if (kept) process.stderr.write(`${text}\n`)
  }

  /** Writes a line of the answer between two drawings. */
  say(text: string): void {
    this.clear()
    if (!this.quiet) say(text)
  }

  end(): void {
    clearInterval(this.timer)
    this.clear()
  }

  private draw(): void {
    const seconds = Math.floor((Date.now() - this.since) / 1000)
    this.frame = (this.frame + 1) % 4
    process.stderr.write(`\r\x1b[2K${'|/-\\'[this.frame]} ${this.text} ${seconds}s`)
  }

  private clear(): void {
    if (this.seen && !this.quiet) process.stderr.write('\r\x1b[2K')
  }
}

function configOf(values: Values): AgentConfig {
  const config = values.config === undefined ? {} : (JSON.parse(readFileSync(values.config, 'utf8')) as AgentConfig)
  for (const key of ['stt', 'llm', 'tts', 'storage'] as const) {
    if (values[key] !== undefined) Object.assign(config, { [key]: values[key] })
  }
  if (values['system-prompt'] !== undefined) {
    Object.assign(config, { assistant: { ...config.assistant, system_prompt: values['system-prompt'] } })
  }
  return { ...config, warm_up: true }
}

async function converse(values: Values, [file]: string[]): Promise<void> {
  const { text, out, session: sessionId } = values
  if (text === undefined && file === undefined) throw new UsageError('give a recording, - or --text')
  const input = text !== undefined ? { text } : file === '-' ? process.stdin : file!
  const deadline = values.deadline === undefined ? undefined : Number(values.deadline) * 1000

  const progress = new Progress(values.json)
  try {
    progress.show('loading models')
    const agent = await VoiceAgent.create(configOf(values))
    progress.show('listening')
    for await (const event of agent.turn(input, { sessionId, deadline })) {
      switch (event.type) {
        case 'transcript':
          if (!event.final) break
          progress.say(`you    ${event.text}`)
          progress.show('thinking')
          break
        case 'audio':
          progress.show('speaking')
          break
        case 'audioFailed':
          complain(event.error, values.json)
          break
        case 'done':
          progress.end()
          await report(event.reply, out, values.json)
      }
    }
    await agent.close()
  } finally {
    progress.end()
  }
}

async function report(reply: Reply, out: string, json: boolean): Promise<void> {
  const spoken = reply.audio.seconds > 0
  if (spoken) await reply.audio.save(out)
  if (json) {
    const { seconds, sampleRate } = reply.audio
    say(JSON.stringify({ ...reply, audio: { file: spoken ? out : null, seconds, sampleRate } }))
    return
  }
  say(`agent  ${reply.text}`)
  const { transcript, firstToken, firstAudio, total } = reply.timings
  const stages = Object.entries({ transcript, 'first token': firstToken, 'first audio': firstAudio, total })
  say(`       ${stages.flatMap(([name, ms]) => (ms === null ? [] : `${name} ${Math.round(ms)} ms`)).join(' · ')}`)
  if (spoken) say(`       ${out}: ${reply.audio.seconds.toFixed(2)} s, ${reply.audio.sampleRate} Hz mono`)
  say(`       session ${reply.sessionId}`)
}

const MB = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`

async function fetchModels(values: Values, names: string[]): Promise<void> {
  const progress = new Progress(values.json)
  let last = ''
  const onProgress = (step: FetchStep) => {
    switch (step.type) {
      case 'planned':
        if (step.files > 0) progress.show(`${step.packages} packages, ${MB(step.bytes)}, for ${step.files} files`, true)
        break
      case 'downloading':
        progress.show(`${step.package} ${MB(step.done)} of ${MB(step.total)}`, step.package !== last)
        last = step.package
        break
      case 'making':
        progress.show(`making ${step.file}`, true)
    }
  }
  try {
    const { models: folder, mirror, force } = values
    const options = { folder, models: names, force, onProgress, ...(mirror === undefined ? {} : { mirror }) }
    const fetched = await models.fetch(options)
    progress.end()
    const { alreadyThere, downloaded, files } = fetched
    if (values.json) say(JSON.stringify(fetched))
    else say(`${files.length} files made, ${alreadyThere} there already, ${MB(downloaded)} downloaded`)
  } finally {
    progress.end()
  }
}

async function verifyModels(values: Values): Promise<void> {
  const { folder, files: checks } = await models.verify({ folder: values.models })
  if (values.json) say(JSON.stringify({ folder, files: checks }))
  else for (const { path, state } of checks) say(`${state.padEnd(8)} ${path}`)
  const bad = checks.filter(({ state }) => state !== 'intact').length
  if (checks.length > 0 && bad === 0) return
  const what = checks.length === 0 ? 'there are no fetched models' : `${bad} files missing or changed`
  throw new VoiceError(`${what}; run \`npx voice-core models fetch\``, { code: 'INVALID_REQUEST', kind: 'model_missing' })
}

async function listModels(values: Values): Promise<void> {
  const { folder, models: all } = await models.list({ folder: values.models })
  if (values.json) return void say(JSON.stringify({ folder, models: all }))
  say(`models in ${folder}`)
  for (const { name, present, bytes, default: usual, licence, purpose } of all) {
    const columns = [name.padEnd(22), (present ? 'there' : '-').padEnd(6), MB(bytes).padStart(11)]
    say([...columns, (usual ? 'default' : '').padEnd(8), licence.padEnd(20), purpose].join(' '))
  }
}

function complain(error: unknown, json: boolean): void {
  if (json && error instanceof VoiceError) say(JSON.stringify({ error: error.code, ...error.toJSON() }))
  else if (error instanceof VoiceError) {
    const place = [error.stage, error.provider].filter((part) => part !== undefined).join(', ')
    process.stderr.write(`${error.code}${place && ` (${place})`}: ${error.message}\n`)
  } else process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
}

async function main(args: string[]): Promise<void> {
  let json = false
  try {
    const { values, positionals } = parse(args)
    json = values.json
    if (values.version) return void say(version)
    const [command, ...rest] = positionals
    if (values.help || command === undefined) {
      say(USAGE)
      if (!values.help) process.exitCode = 2
      return
    }
    if (command === 'converse') return await converse(values, rest)
    const [action, ...names] = rest
    if (command === 'models' && action === 'fetch') return await fetchModels(values, names)
    if (command === 'models' && action === 'verify') return await verifyModels(values)
    if (command === 'models' && action === 'list') return await listModels(values)
    throw new UsageError(`there is no command ${[command, action].filter(Boolean).join(' ')}`)
  } catch (error) {
    complain(error, json)
    const wrong = error instanceof UsageError || (error instanceof TypeError && 'code' in error)
    if (wrong) process.stderr.write('voice-core --help shows what there is\n')
    process.exitCode = wrong ? 2 : 1
  }
}

// A closed pipe (`| head`) is the reader's choice, not an error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
void main(process.argv.slice(2))
