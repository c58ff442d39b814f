import { guarded } from './error.js'
import { line } from './line.js'
import { native } from './native.js'
import type { JsonObject } from './words.js'

/** How much a log record matters. */
export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace'

/** A log record. It holds ids, stages, codes and times; never what was said, and never a secret. */
export interface LogRecord {
  /** How much it matters. */
  level: LogLevel
  /** Where in the library it comes from. */
  target: string
  /** What happened. */
  message: string
  /** The particulars. */
  fields: JsonObject
}

/** Takes log records. */
export interface Logger {
  /** Takes one. What it throws is reported once as a process warning, and is otherwise ignored. */
  log(record: LogRecord): unknown
}

/** The level that the config of an agent named last, and whether the logger was set without one. */
let named: string | undefined
let follows = false

/**
 * Sends log records of `level` and above to `logger`, in place of an earlier one; `null` stops it. There is one logger for the
 * whole process, over all workers: the last one set.
 *
 * Default of `level`: what the agents' config says (`log_level`; `off`: none), else the environment's `LOG_LEVEL`, else `info`.
 */
export function setLogger(logger: Logger | null, level?: LogLevel): void {
  if (logger === null) {
    guarded(() => line.port.logOff())
    line.log = undefined
    return
  }
  guarded(() => line.port.log(level ?? named ?? native.configuredLogLevel('{}') ?? 'info'))
  follows = level === undefined
  let warned = false
  const complain = (reason: unknown) => {
    if (!warned) process.emitWarning(`the logger given to voice-core failed: ${String(reason)}`)
    warned = true
  }
  line.log = ({ name, text = '[{},{}]' }) => {
    const [head, fields] = JSON.parse(text) as [{ target: string; message: string }, JsonObject]
    try {
      void Promise.resolve(logger.log({ level: name as LogLevel, ...head, fields })).catch(complain)
    } catch (thrown) {
      complain(thrown)
    }
  }
}

/** @internal Takes note of the level that an agent's config names. */
export function configured(document: string): void {
  const level = guarded(() => native.configuredLogLevel(document))
  if (level === null) return
  named = level
  if (follows && guarded(() => line.port.logs())) guarded(() => line.port.log(level))
}
