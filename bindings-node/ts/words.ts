/** A JSON object. */
export type JsonObject = Record<string, unknown>

/** What keeps its keys: what the host or the model put there, and parts of the config document. */
const OWN = new Set(['metadata', 'assistant', 'data', 'fields', 'arguments', 'parameters', 'details', 'params', 'labels', 'settings'])

function renamed(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename))
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, item]) => {
    return [rename(key), OWN.has(key) ? item : renamed(item, rename)]
  })
  return Object.fromEntries(entries)
}

/** @internal A word as JavaScript writes it: `session_id` becomes `sessionId`. */
export function camelWord(word: string): string {
  return word.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** @internal Keys as JavaScript writes them. */
export function camel<T>(value: unknown): T {
  return renamed(value, camelWord) as T
}

/** @internal Keys as the library writes them: `sessionId` becomes `session_id`. */
export function snake(value: unknown): unknown {
  return renamed(value, (key) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
}
