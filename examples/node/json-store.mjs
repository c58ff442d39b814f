// Conversations in a JSON file: a store of your own, which a host would write for whatever it keeps its data in.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

import { VoiceAgent, VoiceError } from 'voice-core'

/** Times compare like text once the Z is gone: they are all in UTC, and a fraction of a second comes after none. */
const moment = (time) => time.replace('Z', '')

/**
 * Keeps everything in memory and writes the file anew with every change: fine for some thousand messages. No method waits for
 * anything, so that each runs as a whole.
 */
export class JsonStore {
  name = 'json-file'
  #path
  #kept
  #closed = false

  constructor(path) {
    this.#path = path
    this.#read()
  }

  createSession({ session }) {
    this.#sessions[session.id] ??= session
    this.#write()
  }

  session({ id }) {
    return this.#sessions[id] ?? null
  }

  listSessions({ user, status, limit, before }) {
    const found = Object.values(this.#sessions)
      .filter((session) => user === null || session.user === user)
      .filter((session) => status === null || session.status === status)
      .filter((session) => before === null || session.id < before)
      .sort((a, b) => (a.id < b.id ? 1 : -1))
    return { items: found.slice(0, limit), hasMore: found.length > limit }
  }

  setMetadata({ id, metadata }) {
    const session = this.#sessions[id]
    if (session === undefined) return false
    session.metadata = metadata
    this.#write()
    return true
  }

  endSession({ id, at }) {
    const session = this.#sessions[id]
    if (session?.status !== 'active') return false
    Object.assign(session, { status: 'ended', endedAt: at })
    this.#write()
    return true
  }

  deleteSession({ id }) {
    if (this.#sessions[id] === undefined) return false
    delete this.#kept.sessions[id]
    delete this.#kept.messages[id]
    this.#kept.turns = Object.fromEntries(Object.entries(this.#kept.turns).filter(([, session]) => session !== id))
    this.#write()
    return true
  }

  saveTurn({ turnId, session, messages, continues }) {
    if (this.#kept.turns[turnId] !== undefined) return false
    if (continues && this.#sessions[session.id] === undefined) return null
    const kept = (this.#sessions[session.id] ??= session)
    if (moment(session.lastActivityAt) > moment(kept.lastActivityAt)) kept.lastActivityAt = session.lastActivityAt
    this.#kept.turns[turnId] = session.id
    ;(this.#kept.messages[session.id] ??= []).push(...messages)
    this.#write()
    return true
  }

  messages({ sessionId, limit, before }) {
    let found = this.#sessions[sessionId] === undefined ? [] : (this.#kept.messages[sessionId] ?? [])
    // What is not there has nothing before it.
    if (before !== null) found = found.slice(0, Math.max(0, found.findIndex(({ id }) => id === before)))
    return { items: found.slice(-limit), hasMore: found.length > limit }
  }

  expireIdle({ idleSince, at }) {
    const idle = Object.values(this.#sessions).filter(
      (session) => session.status === 'active' && moment(session.lastActivityAt) < moment(idleSince),
    )
    for (const session of idle) Object.assign(session, { status: 'expired', endedAt: at })
    this.#write()
    return idle.length
  }

  deleteOver({ endedBefore }) {
    const over = Object.values(this.#sessions).filter(({ endedAt }) => endedAt !== null && moment(endedAt) < moment(endedBefore))
    for (const { id } of over) this.deleteSession({ id })
    return over.length
  }

  async close() {
    this.#closed = true
  }

  get #sessions() {
    if (this.#closed) throw new VoiceError('the store is closed', { code: 'STORAGE_ERROR' })
    return this.#kept.sessions
  }

  #read() {
    const empty = { sessions: {}, messages: {}, turns: {} }
    this.#kept = existsSync(this.#path) ? JSON.parse(readFileSync(this.#path, 'utf8')) : empty
  }

  /** All or nothing: the new file takes the place of the old one in one step. */
  #write() {
    try {
      const file = openSync(`${this.#path}.new`, 'w')
      try {
        writeSync(file, JSON.stringify(this.#kept))
        fsyncSync(file)
      } finally {
        closeSync(file)
      }
      renameSync(`${this.#path}.new`, this.#path)
    } catch (error) {
      this.#read()
      throw error
    }
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    const agent = await VoiceAgent.local({ storage: new JsonStore('conversations.json') })
    const { sessionId } = await agent.converse(process.argv[2] ?? 'question.wav')
    for (const { role, content } of (await agent.sessions.history(sessionId)).items) console.log(`${role}: ${content}`)
    await agent.close()
  } catch (error) {
    if (!(error instanceof VoiceError)) throw error
    console.error(`${error.code}: ${error.message}`)
    process.exitCode = 1
  }
}
