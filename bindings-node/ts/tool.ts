import { invalid } from './error.js'
import type { JsonObject } from './words.js'

/** Whose call a tool serves. */
export interface ToolContext {
  /** The session of the turn. */
  sessionId: string
  /** The turn. */
  turnId: string
  /** Whose session it is, as it was said when the turn was begun. */
  user: string | null
  /** How long the call may take, in milliseconds. */
  timeoutMs: number
  /** Aborted when nobody wants the result any more: the turn was cancelled or interrupted, or the call took too long. */
  signal: AbortSignal
}

/** A JSON schema, or what can make one: an object of a schema library with `toJSONSchema()`, or with Standard JSON Schema. */
export type ToolParameters =
  | JsonObject
  | { toJSONSchema(): unknown }
  | { '~standard': { jsonSchema: { input(options: { target: string }): unknown } } }

/** A function of yours that the language model may call while it answers. */
export interface Tool<Arguments = any> {
  /** The name under which the model knows it: 1–64 of `A–Z`, `a–z`, `0–9`, `_`, `-`. */
  name: string
  /** What it does and when to call it: all that the model knows of it. */
  description?: string | undefined
  /** What it takes: the schema of an object. Arguments that do not fit it never reach the tool. Default: it takes none. */
  parameters?: ToolParameters | undefined
  /** How long a call may take, in milliseconds; the model is then told so. Default 20,000. */
  timeoutMs?: number | undefined
  /** What becomes of a call whose turn is cancelled or interrupted: `run_on` is for what must not be left half done. Default `cancel`. */
  onInterruption?: 'cancel' | 'run_on' | undefined
  /** Whether it may run beside other calls. Default true. */
  parallel?: boolean | undefined
  /**
   * Whether its work outlasts the turn of a live session: the agent goes on without it and tells the result later, when nobody speaks or with
   * its next answer. Turns outside live sessions wait for it. Default false.
   */
  background?: boolean | undefined
  /**
   * Runs one call, now or later.
   *
   * What it gives is told to the model: a string as it is, anything else as JSON; `undefined` is told as "done". What it throws is told to the
   * model with its message, and the turn goes on.
   */
  execute(args: Arguments, context: ToolContext): unknown
}

const KEYS = ['name', 'description', 'parameters', 'timeoutMs', 'onInterruption', 'parallel', 'background', 'execute']

/**
 * Checks a tool where it is written, and gives it back.
 *
 * ```ts
 * const orderStatus = tool({
 *   name: 'order_status',
 *   description: 'Where an order is.',
 *   parameters: { type: 'object', properties: { orderId: { type: 'integer' } }, required: ['orderId'] },
 *   execute: async ({ orderId }: { orderId: number }) => `Order ${orderId} is on its way.`,
 * })
 * const agent = await VoiceAgent.create({ llm: 'openai/gpt-6-luna', tools: [orderStatus] })
 * ```
 *
 * Throws `VALIDATION_ERROR` naming the part that is wrong.
 */
export function tool<Arguments = any>(definition: Tool<Arguments>): Tool<Arguments> {
  definitionOf(definition, 'tool')
  return definition
}

/** @internal What the addon is told of a list of tools: JSON of each. */
export function definitionsOf(tools: readonly Tool[]): string[] {
  if (!Array.isArray(tools)) throw invalid(`tools: expected a list, got ${typeof tools}`)
  return tools.map((tool, i) => definitionOf(tool, `tools[${i}]`))
}

/** @internal What the addon is told of a tool: JSON. */
export function definitionOf(tool: Tool, path: string): string {
  if (typeof tool !== 'object' || tool === null || typeof tool.name !== 'string' || typeof tool.execute !== 'function') {
    throw invalid(`${path}: expected { name, description, parameters, execute }`)
  }
  const unknown = Object.keys(tool).find((key) => !KEYS.includes(key))
  if (unknown !== undefined) throw invalid(`${path}.${unknown}: there is no such part of a tool; known: ${KEYS.join(', ')}`)
  const { name, description, timeoutMs, onInterruption, parallel, background } = tool
  return JSON.stringify({
    name,
    description,
    parameters: schemaOf(tool.parameters, `${path}.parameters`),
    timeout_ms: timeoutMs,
    on_interruption: onInterruption,
    parallel,
    background,
  })
}

function schemaOf(parameters: unknown, path: string): unknown {
  if (parameters === undefined) return undefined
  // Schemas of some libraries are functions.
  if ((typeof parameters !== 'object' && typeof parameters !== 'function') || parameters === null) {
    throw invalid(`${path}: expected a JSON schema, got ${typeof parameters}`)
  }
  const made = parameters as { toJSONSchema?: unknown; '~standard'?: { jsonSchema?: { input?: unknown } } }
  if (typeof made.toJSONSchema === 'function') return made.toJSONSchema()
  const standard = made['~standard']?.jsonSchema
  if (typeof standard?.input === 'function') return standard.input({ target: 'draft-2020-12' })
  if ('~standard' in made) throw invalid(`${path}: this library makes no JSON schema of it; give the schema itself`)
  return parameters
}

/** @internal What the model is told; undefined: the tool only acts. */
export function resultText(name: string, result: unknown): string | undefined {
  if (result === undefined || typeof result === 'string') return result
  let text: string | undefined
  try {
    text = JSON.stringify(result)
  } catch {
    text = undefined
  }
  if (text === undefined) throw invalid(`${name} gave a ${typeof result}; a string, and what can be written as JSON, is accepted`)
  return text
}
