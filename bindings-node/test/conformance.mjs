// Plays the scenarios of tests/conformance through the public API of this package. See the README there.
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { isDeepStrictEqual } from 'node:util'

import { tool, VoiceAgent, VoiceError } from 'voice-core'

import { wav } from './scripted.mjs'

const require = createRequire(import.meta.url)
const folder = new URL('../../tests/conformance/', import.meta.url)
const defaults = JSON.parse(readFileSync(new URL('defaults.json', folder), 'utf8'))

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const snake = (word) => word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole))

/** A host object that plays scripts, and who watches it. */
class Host {
  calls = 0
  listens = 0
  warmUps = 0
  cancelled = 0
  told = []
  flushes = 0
  #waiting = []

  constructor(role, { calls, listens, voices, warm_up: warm, methods, tools = false, ...definition }) {
    this.role = role
    const play = (script, request) => this.#play(script, request)
    const nth = () => calls[Math.min(this.calls++, calls.length - 1)]
    const heard = (request) => play(listens[Math.min(this.listens++, listens.length - 1)], request)
    const completeness = async (request) => {
      for await (const likely of play(nth(), request)) return likely
    }
    const listed = async (request) => {
      for await (const list of play(voices, request)) return list.map(camelDeep)
    }
    const record = async (reports, context) => {
      this.told.push(...reports)
      for await (const _ of play(nth(), context));
    }
    const flush = () => void (this.flushes += 1)
    const ready = warm && {
      warmUp: async (request) => {
        for await (const _ of play(warm[Math.min(this.warmUps++, warm.length - 1)], request));
      },
    }
    const name = `host/${role}`
    this.name = role
    this.object = {
      stt: { name, transcribe: (request) => play(nth(), request), ...(listens && { listen: heard }), ...ready },
      turn_detector: { name, completeness, ...ready },
      llm: { name, callsTools: tools, generate: (request) => play(nth(), request), ...ready },
      tts: { name, synthesize: (request) => play(nth(), request), ...(voices && { voices: listed }), ...ready },
      metrics: { record, flush },
      store: new Proxy({ name }, { get: (own, key) => own[key] ?? this.#method(methods, key, play) }),
    }[role] ?? this.#tool(definition, nth, play)
  }

  #tool({ timeout_ms: timeoutMs, on_interruption: onInterruption, ...rest }, nth, play) {
    const execute = async (args, context) => {
      let result
      for await (const value of play(nth(), { ...context, args })) result = value
      return result
    }
    return tool({ ...rest, name: this.name.slice('tool:'.length), timeoutMs, onInterruption, execute })
  }

  #method(methods, key, play) {
    if (typeof key !== 'string' || key === 'then') return undefined
    const script = methods?.[snake(key)] ?? [{ json: null }]
    return async (_, context) => {
      this.calls += 1
      let answer = null
      for await (const value of play(script, context)) answer = value
      return answer
    }
  }

  /** Resolves when the host is asked for the next time. */
  asked() {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async *#play(script, request) {
    for (const tell of this.#waiting.splice(0)) tell()
    const { signal, messages = [] } = request
    const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve))
    signal.addEventListener('abort', () => (this.cancelled += 1))
    const values = {
      samples: request.samples?.length ?? 0,
      language: request.language ?? 'none',
      last: messages.at(-1)?.content,
      count: messages.length,
      system: messages[0]?.content,
      tools: request.tools?.map((one) => one.name).join(','),
      user: request.user ?? 'none',
      ...Object.fromEntries(Object.entries(request.args ?? {}).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)])),
    }
    for (const action of script) {
      if ('wait_ms' in action) await sleep(action.wait_ms)
      else if ('hear' in action) {
        const wanted = action.hear === 'all' ? Infinity : action.hear * 16_000
        for await (const piece of request.sound) {
          values.samples += piece.length
          if (values.samples >= wanted) break
        }
      } else if ('completeness' in action) yield action.completeness
      else if ('transcript' in action) {
        const { transcript, final, language } = action
        yield { text: fill(transcript, values), final, language }
      } else if ('text' in action) yield fill(action.text, values)
      else if ('audio_ms' in action) {
        const { audio_ms, sample_rate: sampleRate } = action
        const words = action.words?.map(([text, start, end]) => ({ text, start, end }))
        yield { samples: new Int16Array((audio_ms * sampleRate) / 1000).fill(1000), sampleRate, words }
      } else if ('tool_call' in action) yield action.tool_call
      else if ('usage' in action) yield { usage: camelKeys(action.usage) }
      else if ('finish_reason' in action) yield { finishReason: action.finish_reason }
      else if ('speaks_as' in action) {
        const { voice = null, settings } = request
        const asked = voice !== null || Object.keys(settings).length > 0 ? { id: voice, settings } : null
        if (!isDeepStrictEqual(asked, action.speaks_as)) throw new Error('asked for another voice')
      } else if ('told' in action) {
        if (request.systemPrompt !== action.told) throw new Error('told another system prompt')
      } else if ('result' in action) yield fill(action.result, values)
      else if ('json' in action) yield action.json
      else if ('throw' in action) throw new Error(action.throw)
      else if ('fail' in action || 'no_answer' in action) {
        const { message, code = 'PROVIDER_ERROR', retryable, retry_after_ms: retryAfter } =
          action.fail ?? { message: 'no answer', retryable: false }
        throw new VoiceError(message, { code, retryable, retryAfter })
      } else if ('hang' in action) return void (await aborted)
      else throw new Error(`there is no action ${JSON.stringify(action)}`)
    }
  }
}

function inputOf(input) {
  if ('text' in input) return { text: input.text }
  if ('path' in input) return input.path
  if ('hex' in input) return Buffer.from(input.hex, 'hex')
  const { seconds, sample_rate: sampleRate, channels, amplitude } = input.tone
  const samples = new Int16Array(Math.round(seconds * sampleRate) * channels)
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] = Math.floor(Math.floor(i / channels) / 40) % 2 === 0 ? amplitude : -amplitude
  }
  if (input.as === 'pcm') return { samples, sampleRate, channels }
  if (input.as === 'f32') return { samples: Float32Array.from(samples, (s) => s / 32_768), sampleRate, channels }
  return wav(samples, sampleRate, channels)
}

const errorOf = (error) =>
  error && {
    code: error.code,
    kind: error.kind,
    stage: error.stage ?? null,
    message: error.message,
    retryable: error.retryable,
    retry_after_ms: error.retryAfter ?? null,
    provider: error.provider ?? null,
    http_status: error.httpStatus,
    reply: error.reply ? replyOf(error.reply) : null,
  }

const replyOf = (reply) => ({
  transcript: reply.transcript,
  text: reply.text,
  language: reply.language,
  session_id: reply.sessionId,
  turn_id: reply.turnId,
  user_message_id: reply.userMessageId,
  assistant_message_id: reply.assistantMessageId,
  sample_rate: reply.audio.sampleRate,
  audio_seconds: reply.audio.samples.length / reply.audio.sampleRate || 0,
  audio_error: errorOf(reply.audioError) ?? null,
  knowledge_error: errorOf(reply.knowledgeError) ?? null,
  sources: valueOf(reply.sources),
  tool_calls: valueOf(reply.toolCalls),
  usage: valueOf(reply.usage),
  cost: reply.cost,
})

/** What was told of tools. */
const toolsOf = (of) => ({
  calls: of('toolCall').map(({ name }) => name),
  results: of('toolResult').map(({ type, ...call }) => valueOf(call)),
  fillers: of('filler').map(({ text }) => text),
})

/** What keeps its keys: what the host or the model put there. */
const OWN = ['metadata', 'arguments', 'assistant', 'data', 'fields', 'parameters', 'details', 'params', 'labels', 'settings']

/** A value of the library, its keys as they are written in scenarios. */
function valueOf(value) {
  if (Array.isArray(value)) return value.map(valueOf)
  if (typeof value !== 'object' || value === null) return value ?? null
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => {
      // A stored assistant is one document in scenarios.
      if (key === 'assistant' && 'version' in value) return Object.entries(item)
      return [[snake(key), OWN.includes(key) ? item : valueOf(item)]]
    }),
  )
}

class Events {
  all = []

  get summary() {
    const of = (type) => this.all.filter((event) => event.type === type)
    const seconds = of('audio').reduce((sum, { samples, sampleRate }) => sum + samples.length / sampleRate, 0)
    const kinds = this.all.map(({ type }) => snake(type)).filter((kind) => kind !== 'metrics')
    return {
      order: [...new Set(kinds)],
      transcripts: of('transcript').map(({ text, final, language }) => ({ text, final, language: language ?? null })),
      text: of('text').map(({ text }) => text).join(''),
      audio_seconds: seconds,
      metrics: [...new Set(of('metrics').map(({ stage }) => stage))].sort(),
      used: Object.fromEntries(
        ['inputTokens', 'cachedTokens', 'outputTokens'].map((key) => [snake(key), of('metrics').reduce((sum, { usage }) => sum + usage[key], 0)]),
      ),
      audio_failed: errorOf(of('audioFailed')[0]?.error) ?? null,
      ...toolsOf(of),
    }
  }
}

/** What a live session told. */
function told(events) {
  const of = (type) => events.filter((event) => event.type === type)
  const apart = ['metrics', 'user_state', 'agent_state']
  return {
    order: [...new Set(events.map(({ type }) => snake(type)).filter((kind) => !apart.includes(kind)))],
    states: of('agentState').map(({ state }) => state),
    shown: of('transcript').map(({ text }) => text).filter((text, n, all) => text !== all[n - 1]),
    finals: of('transcript').filter(({ final }) => final).map(({ text }) => text),
    text: of('text').map(({ text }) => text).join(''),
    spoken: of('speaking').map(({ text }) => text).join(''),
    audio_seconds: of('audio').reduce((sum, { samples, sampleRate }) => sum + samples.length / sampleRate, 0),
    keys: of('dtmf').map(({ keys }) => keys),
    turns: of('turnDone').map(({ turn: { audioError, ...turn } }) => ({ ...valueOf(turn), audio_error: errorOf(audioError) })),
    errors: of('error').map(({ error }) => errorOf(error)),
    recordings: of('recorded').map(({ recording }) => recording),
    ...toolsOf(of),
  }
}

/** What a live session told its client. */
class Frames {
  #order = []
  #messages = {}
  #samples = 0
  #next = 0
  #gapless = true

  /** Takes note of a frame; gives its type. */
  take(frame) {
    let type = 'audio'
    if (typeof frame === 'string') {
      const message = JSON.parse(frame)
      type = message.type ?? message.event
      ;(this.#messages[type] ??= []).push(message)
    } else {
      const [position, samples] = [Number(frame.readBigUInt64LE(0)), (frame.length - 8) / 2]
      this.#gapless &&= position === this.#next
      this.#next = position + samples
      this.#samples += samples
    }
    if (![...this.#order, 'user-state', 'agent-state'].includes(type)) this.#order.push(type)
    return type
  }

  get summary() {
    return { order: this.#order, messages: this.#messages, samples: this.#samples, gapless: this.#gapless }
  }
}

/** Frames with their times, counted from `at`; see the README for what shuffled ones are. */
function timed(frames, { at, shuffled }) {
  const list = frames.map((frame, n) => [at + n / 50, frame])
  if (!shuffled) return list
  for (let n = 1; n + 1 < list.length; n += 2) [list[n], list[n + 1]] = [list[n + 1], list[n]]
  return list.flatMap((one) => [one, one])
}

/** Waits until the hosts have seen what is written. */
async function after(hosts, expected) {
  for (let left = 500; ; left -= 1) {
    const counts = Object.fromEntries(Object.entries(hosts).map(([role, { calls, listens, warmUps, cancelled }]) => [role, { calls, listens, warm_ups: warmUps, cancelled }]))
    const why = mismatch(expected, counts, 'after')
    if (!why) return
    if (left === 0) throw new Error(why)
    await sleep(10)
  }
}

/** Plays a script on a live session; gives the summary, and what it told even when it fails. */
async function talk(agent, hosts, { script = [], options: { session, ...rest } = {}, tools, wire: over = false, phone }, result) {
  const live = await agent.live({ sessionId: session, ...camelKeys(rest), tools })
  const wire = over || phone ? live.wire(phone) : undefined
  const [seen, frames] = [[], new Frames()]
  result.told = () => (wire ? { ...frames.summary, call: valueOf(wire.call) } : told(seen))
  const source = (wire ?? live)[Symbol.asyncIterator]()
  /** Takes the next event or frame; gives its kind, nothing at the end. */
  const next = async () => {
    const { done, value } = await source.next()
    if (done) return undefined
    if (wire) return frames.take(value)
    seen.push(value)
    return snake(value.type)
  }
  const act = async (action) => {
    if (action.until) while (![action.until, undefined].includes(await next()));
    else if (action.push) {
      const { samples, sampleRate, channels } = inputOf(action.push)
      const length = (sampleRate / 50) * channels
      const pieces = Array.from({ length: Math.ceil(samples.length / length) }, (_, n) => samples.subarray(n * length, (n + 1) * length))
      if (wire) for (const piece of pieces) wire.receive(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength))
      else if (action.at === undefined) for (const piece of pieces) live.pushAudio(piece)
      else for (const [at, piece] of timed(pieces, action)) live.pushAudioAt(at, piece)
    } else if (action.send !== undefined) wire.receive(typeof action.send === 'string' ? action.send : JSON.stringify(action.send))
    else if (action.press !== undefined) wire.press(action.press)
    else if (action.text !== undefined) live.pushText(action.text)
    else if (action.dtmf) live.pushDtmf(action.dtmf)
    else if (action.say !== undefined) live.say(action.say, { interruptible: action.interruptible ?? true })
    else if (action.language) live.setLanguage(action.language)
    else if (action.played !== undefined) live.setPlaybackPosition(action.played)
    else await live[action.do]()
  }
  for (const [i, action] of script.entries()) {
    if (action.after) {
      await after(hosts, action.after)
      continue
    }
    const error = errorOf(await act(action).then(() => undefined, (thrown) => thrown))
    const why = action.error ? mismatch(action.error, error) : error && JSON.stringify(error)
    if (why) throw new Error(`action ${i}: ${why}`)
  }
  const summary = valueOf(await live.end())
  while (await next());
  return { summary }
}

const camelWord = (word) => word.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase())
const camelKeys = (options) => Object.fromEntries(Object.entries(options).map(([key, value]) => [camelWord(key), value]))

/** Keys as JavaScript writes them, also further in; documents keep theirs. */
function camelDeep(value) {
  if (Array.isArray(value)) return value.map(camelDeep)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [camelWord(key), OWN.includes(key) ? item : camelDeep(item)]))
}

/** Why `found` is not what is written; undefined: it is. */
function mismatch(wanted, found, path = '') {
  const at = (why) => `${path || 'outcome'}: ${why}`
  if (Array.isArray(wanted)) {
    if (!Array.isArray(found) || found.length !== wanted.length) return at(`expected ${wanted.length} items, got ${JSON.stringify(found)}`)
    return wanted.map((item, i) => mismatch(item, found[i], `${path}[${i}]`)).find(Boolean)
  }
  if (typeof wanted === 'object' && wanted !== null) {
    const { $contains, $length, $min, $max } = wanted
    const size = typeof found === 'string' ? [...found].length : found?.length
    if ($contains !== undefined) return String(found).includes($contains) ? undefined : at(`${found} does not contain ${$contains}`)
    if ($length !== undefined) return size === $length ? undefined : at(`expected a length of ${$length}, got ${size}`)
    if ($min !== undefined || $max !== undefined) {
      const inside = typeof found === 'number' && found >= ($min ?? -Infinity) && found <= ($max ?? Infinity)
      return inside ? undefined : at(`expected ${JSON.stringify(wanted)}, got ${found}`)
    }
    if (typeof found !== 'object' || found === null) return at(`expected an object, got ${JSON.stringify(found)}`)
    return Object.keys(wanted).map((key) => mismatch(wanted[key], found[key], `${path}.${key}`)).find(Boolean)
  }
  const same = isDeepStrictEqual(wanted, found) || (typeof wanted === 'number' && Math.abs(wanted - found) < 1e-9)
  return same ? undefined : at(`expected ${JSON.stringify(wanted)}, got ${JSON.stringify(found)}`)
}

function filled(value, values) {
  if (typeof value === 'string') return fill(value, values)
  if (Array.isArray(value)) return value.map((item) => filled(item, values))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, filled(item, values)]))
}

/** What the methods of rooms take by place, before their options. */
const BY_PLACE = {
  sessions: { history: ['id'], search: ['text'], set_metadata: ['id', 'metadata'], delete_over: ['age_seconds'] },
  accounts: {
    create_organization: ['name'],
    authenticate: ['key'],
    log_in: ['key'],
    admit: ['principal'],
    issue_token: ['keys', 'principal', 'valid_seconds'],
    authenticate_token: ['keys', 'token'],
    register: ['email'],
    user_by_email: ['email'],
    set_credential: ['provider', 'secret'],
  },
  assistants: { create: ['assistant'], version: ['id', 'version'], update: ['id', 'assistant'], patch: ['id', 'fields'] },
  audit: { delete_older_than: ['age_seconds'] },
  knowledge: { add: ['title', 'text'], search: ['text'] },
  telephony: { read: ['message', 'protocol'] },
  webhooks: { create: ['url'], send: ['name', 'data'], verify: ['secrets'] },
  realtime: { answer_call: ['offer'] },
  voices: {},
}

/** Calls a method of a room: what the bridge takes as arguments is a view of the room here, a place, or an option. */
function called(agent, room, method, { organization, user, ...rest }) {
  let its = agent[room]
  const named = { ...rest }
  if (its.of && organization !== undefined) its = its.of(organization)
  else Object.assign(named, { organization })
  if (its.forUser && user !== undefined) its = its.forUser(user)
  else Object.assign(named, { user })
  const places = BY_PLACE[room][method] ?? ('id' in named ? ['id'] : [])
  const given = places.map((name) => (OWN.includes(name) ? named[name] : camelDeep(named[name])))
  for (const name of places) delete named[name]
  const options = Object.fromEntries(Object.entries(named).filter(([, value]) => value !== undefined))
  return its[camelWord(method)](...given, camelDeep(options))
}

/** The field at a path, `items.0.id`; of an empty path the value itself. */
const inner = (value, path) => path.split('.').filter(Boolean).reduce((found, name) => found[name], value)

/** Makes the call of a step; gives its outcome, or nothing when it was abandoned. */
async function made(agent, step, hosts) {
  const controller = new AbortController()
  const { signal } = controller
  if (hosts[step.cancel]) void hosts[step.cancel].asked().then(() => controller.abort())
  const { session, deadline_ms: deadline, ...rest } = step.options ?? {}
  const tools = toolsIn(step, hosts)
  const options = { ...rest, sessionId: session, deadline, signal, tools }
  const events = new Events()
  const live = { told: () => told([]) }
  const call = async () => {
    switch (step.do) {
      case 'turn':
        return { reply: replyOf(await agent.converse(inputOf(step.input), options)) }
      case 'stream': {
        for await (const event of agent.turn(inputOf(step.input), options)) {
          events.all.push(event)
          const kind = `event:${snake(event.type)}`
          if (step.abandon === kind) return undefined
          if (step.cancel === kind) controller.abort()
        }
        return { reply: replyOf(events.all.at(-1).reply) }
      }
      case 'sessions':
      case 'accounts':
      case 'assistants':
      case 'audit':
      case 'knowledge':
      case 'telephony':
      case 'webhooks':
      case 'realtime':
      case 'voices': {
        const acting = step.as ? agent.withPrincipal(step.as) : agent
        return { value: valueOf(await called(acting, step.do, step.method, step.arguments ?? {})) }
      }
      case 'live':
        return talk(agent, hosts, { ...step, tools }, live)
      case 'close':
        return { value: valueOf(await agent.close()) }
      case 'reports': {
        const { told: reports, flushes } = hosts.metrics
        return { value: { told: valueOf(reports), flushes, dropped: agent.droppedReports } }
      }
      case 'warm_up':
        return { value: valueOf(await agent.warmUp()) }
      case 'fail_with': {
        const { guarded } = require('../dist/error.js')
        return { value: guarded(() => require('../dist/native.js').native.failWith(step.code)) }
      }
      default:
        throw new Error(`there is no step ${step.do}`)
    }
  }
  const outcome = call().catch((error) => {
    if (!(error instanceof VoiceError)) throw error
    return { error: errorOf(error) }
  })
  if (step.cancel === 'start') controller.abort()
  const done = await outcome
  return done && { ...done, events: step.do === 'live' ? live.told() : events.summary }
}

/** The tools that are written there, which from now on are among the hosts. */
function toolsIn({ tools = {} }, hosts) {
  return Object.entries(tools).map(([name, script]) => (hosts[`tool:${name}`] = new Host(`tool:${name}`, script)).object)
}

async function take(agent, step, hosts, values) {
  const copies = Array.from({ length: step.copies ?? 1 }, async (_, n) => {
    const own = filled(step, { ...values, n })
    const outcome = await made(agent, own, hosts)
    if (outcome === undefined) return
    const { expect } = own
    if (expect === undefined && outcome.error) throw new Error(`it failed: ${JSON.stringify(outcome.error)}`)
    const why = expect && mismatch(expect, outcome)
    if (why) throw new Error(why)
    for (const [name, field] of Object.entries(own.save ?? {})) {
      values[name] = inner(outcome.reply ?? outcome.summary ?? outcome.value, field)
    }
  })
  await Promise.all(copies)
}

async function play(scenario) {
  const scripts = { ...defaults.hosts, ...scenario.hosts }
  const hosts = {}
  const config = { ...defaults.config, ...scenario.config }
  for (const [role, script] of Object.entries(scripts)) {
    if (!script) continue
    if (role === 'tools') {
      config.tools = toolsIn(scripts, hosts)
      continue
    }
    hosts[role] = new Host(role, script)
    const { object } = hosts[role]
    const listed = config[role]
    config[role === 'store' ? 'storage' : role] = Array.isArray(listed)
      ? listed.map((one) => (one === 'host/0' ? object : one))
      : object
  }
  let agent
  try {
    agent = await VoiceAgent.create(config)
  } catch (error) {
    const why = scenario.build ? mismatch(scenario.build, { error: errorOf(error) }) : `building failed: ${error.message}`
    if (why) throw new Error(why)
    return
  }
  if (scenario.build) throw new Error('it was built')
  try {
    const values = {}
    for (const [i, step] of scenario.steps.entries()) {
      await take(agent, step, hosts, values).catch((error) => {
        throw new Error(`step ${i + 1}: ${error.message}`, { cause: error })
      })
    }
    await after(hosts, scenario.after ?? {})
  } finally {
    await agent.close()
  }
}

const wanted = process.argv.slice(2)
let passed = 0
let failed = 0
for (const file of readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'defaults.json').sort()) {
  for (const scenario of JSON.parse(readFileSync(new URL(file, folder), 'utf8')).scenarios) {
    const { name, needs = [] } = scenario
    if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue
    if (needs.includes('panic')) {
      console.log(`n/a - ${name}: JavaScript has no panics`)
      continue
    }
    try {
      await play(scenario)
      passed += 1
      console.log(`ok - ${name}`)
    } catch (error) {
      failed += 1
      console.log(`FAIL - ${name}: ${error.message}`)
    }
  }
}
console.log(`Node: ${passed} passed, ${failed} failed`)
process.exitCode = failed > 0 || passed === 0 ? 1 : 0
