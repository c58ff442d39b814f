import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { VoiceError } from './error.js'
import { platform } from './platform.js'

/** @internal An event as the addon hands it over. */
export interface NativeEvent {
  json: string
  pcm?: Buffer
  reply?: NativeReply
}

/** @internal A message of the addon; see `Message` in `src/message.rs`. */
export interface Message {
  kind: 'done' | 'ask' | 'warm_up' | 'voices' | 'stop' | 'drop' | 'log' | 'step'
  id: number
  error?: string
  text?: string
  name?: string
  agent?: NativeAgent
  stream?: NativeEvents
  live?: NativeLive
  events?: NativeEvent[]
  frames?: NativeFrame[]
  reply?: NativeReply
  answer?: NativeAnswer
  sound?: NativeSound
  question?: number
  bytes?: Buffer
  voice?: string
}

/** @internal */
export interface NativePort {
  awaited(awaited: boolean): void
  cancel(id: number): void
  log(level: string): void
  logs(): boolean
  logOff(): void
  fetchModels(id: number, folder: string | undefined, wanted: string): void
  verifyModels(id: number, folder: string | undefined): void
  listModels(id: number, folder: string | undefined): void
}

/** @internal */
export interface NativeInput {
  text?: string
  path?: string
  bytes?: Uint8Array
  samples?: Int16Array
  floats?: Float32Array
  sampleRate?: number
  channels?: number
}

/** @internal */
export interface NativeOptions {
  session?: string
  user?: string
  language?: string
  deadlineMs?: number
  speak?: boolean
  assistant?: string
  organization?: string
  tools?: HostFunction[]
}

/** @internal */
export interface HostId {
  id: number
  name: string
  callsTools?: boolean
  listens?: boolean
  hasSeveral?: boolean
}

/** @internal */
export interface HostFunction {
  id: number
  definition: string
}

/** @internal */
export interface NativeHosts {
  stt?: HostId[]
  llm?: HostId[]
  tts?: HostId[]
  turnDetector?: HostId
  store?: HostId
  tools?: HostFunction[]
  metrics?: number
}

/** @internal */
export interface NativeAgent {
  turn(port: NativePort, id: number, input: NativeInput, options: NativeOptions): void
  stream(port: NativePort, id: number, input: NativeInput, options: NativeOptions): void
  live(port: NativePort, id: number, options: string, tools: HostFunction[]): void
  warmUp(port: NativePort, id: number): void
  close(port: NativePort, id: number): void
  call(port: NativePort, id: number, room: string, method: string, args: string): void
  acting(principal: string): NativeAgent
  droppedReports(): number
}

/** @internal */
export interface NativeEvents {
  next(port: NativePort, id: number, most: number): void
  cancel(): void
}

/** @internal */
export interface NativeLive {
  sessionId(): string
  pushSamples(samples: Int16Array): void
  pushSamplesAt(seconds: number, samples: Int16Array): void
  pushFloats(samples: Float32Array): void
  pushText(text: string): void
  pushDtmf(keys: string): void
  commit(): void
  say(text: string, interruptible: boolean): void
  interrupt(): void
  pause(): void
  resume(): void
  setPlaybackPosition(seconds: number): void
  setLanguage(language?: string): void
  next(port: NativePort, id: number, most: number): void
  end(port: NativePort, id: number): void
  wire(): NativeConnection
  phone(protocol: string): NativeConnection
}

/** @internal A frame for the client of a live session: one of the two. */
export interface NativeFrame {
  text?: string
  bytes?: Buffer
}

/** @internal */
export interface NativeConnection {
  receiveText(text: string): void
  receiveBytes(bytes: Uint8Array): void
  call(): string | null
  press(keys: string): void
  next(port: NativePort, id: number, most: number): void
}

/** @internal */
export interface NativeReply {
  json(): string
  pcm(): Buffer
  encode(port: NativePort, id: number, format: string): void
  save(port: NativePort, id: number, path: string): void
}

/** @internal */
export interface NativeAnswer {
  transcript(text: string, isFinal: boolean, language?: string): boolean
  text(piece: string): boolean
  toolCall(id: string, name: string, args: string): boolean
  usage(input: number, cached: number, output: number): boolean
  finishReason(reason: string): boolean
  word(text: string, start: number, end: number): boolean
  audio(samples: Int16Array, sampleRate: number): boolean
  audioBytes(pcm: Uint8Array, sampleRate: number): boolean
  completeness(likely: number): boolean
  finish(): boolean
  fail(detail: string, code?: string, retryable?: boolean, retryAfterMs?: number): boolean
}

/** @internal The sound of an utterance that is being spoken. */
export interface NativeSound {
  next(port: NativePort, id: number): void
}

/** @internal */
export interface Native {
  Port: new (deliver: (message: Message) => void) => NativePort
  Agent: {
    build(port: NativePort, id: number, config: string, hosts: NativeHosts): void
  }
  version(): string
  configSchema(): string
  configuredLogLevel(config: string): string | null
}

/** @internal What a host object can stand in for. */
export type Role = 'stt' | 'llm' | 'tts' | 'turn_detector' | 'store' | 'tool' | 'metrics'

/** The addon with the stores of servers, where the package that brings it is installed. */
function withServers(name: string): Native | undefined {
  let servers: string
  try {
    servers = require.resolve('voice-core-servers')
  } catch {
    return undefined
  }
  return (require(servers) as (platform: string) => Native)(name)
}

function load(): Native {
  const name = platform()
  // A build of one's own lies beside the package; a published addon comes in a package per platform.
  const own = join(__dirname, '..', `voice-core.${name}.node`)
  try {
    return (existsSync(own) ? require(own) : (withServers(name) ?? require(`voice-core-${name}`))) as Native
  } catch (cause) {
    throw new VoiceError(
      `cannot load the native addon for ${name}; reinstall voice-core without --omit=optional, or build it from the ` +
        `repository with bindings-node/build.sh`,
      { code: 'INTERNAL_ERROR', kind: 'internal', retryable: false, httpStatus: 500, cause },
    )
  }
}

/** @internal The addon. */
export const native: Native = load()
