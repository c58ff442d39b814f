import { fromRecord, type VoiceError } from './error.js'
import { type Page, samplesOf, type Session, type StoredMessage } from './host.js'
import type { Action, CleanedUp, ConversationSummary, Erased } from './people.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'
import { camel, type JsonObject } from './words.js'

/** What opens a conversation. */
export interface Greeting {
  /** What was said. */
  text: string
  /** How it sounds: mono. Empty when speech failed or the agent answers in writing only. */
  samples: Int16Array
  /** Samples a second. */
  sampleRate: number
  /** Why sound is missing or incomplete. */
  audioError: VoiceError | undefined
  /** The session. */
  sessionId: string
  /** The stored message. */
  messageId: string
}

/** How a conversation is written out. */
export type ExportFormat = 'json' | 'text' | 'vtt' | 'srt'

/** Sessions and their history; made by `agent.sessions`. */
export class Sessions extends Room {
  /** @internal */
  protected readonly room = 'sessions'

  /** The same calls for one user: sessions of others do not exist for them. */
  forUser(user: string): Sessions {
    return new Sessions(this.agent, { ...this.also, user })
  }

  /** The same calls for one organization. */
  of(organization: string): Sessions {
    return new Sessions(this.agent, { ...this.also, organization })
  }

  /** Starts a session without a turn; `assistant`: who talks in it, by its id. */
  create(options: CallOptions & { metadata?: JsonObject; assistant?: string } = {}): Promise<Session> {
    return this.ask('create', options)
  }

  /** A session; `SESSION_NOT_FOUND` when there is none. */
  get(id: string, options: CallOptions = {}): Promise<Session> {
    return this.ask('get', options, { id })
  }

  /** Sessions, newest first. */
  list(options: PageOptions & { status?: Session['status']; assistant?: string } = {}): Promise<Page<Session>> {
    return this.ask('list', options)
  }

  /** A session's latest messages, in the order they were said. */
  history(id: string, options: PageOptions = {}): Promise<Page<StoredMessage>> {
    return this.ask('history', options, { id })
  }

  /** Messages with all the words of a text, newest first, in every session of this view or in one. */
  search(text: string, options: PageOptions & { session?: string } = {}): Promise<Page<StoredMessage>> {
    return this.ask('search', options, { text })
  }

  /** A whole conversation, written out. */
  export(id: string, format: ExportFormat = 'json', options: CallOptions = {}): Promise<string> {
    return this.ask('export', options, { id, format })
  }

  /** Speaks and stores the first message of a session's assistant. `undefined`: it has none, or the conversation has gone on. */
  greet(id: string, options: CallOptions = {}): Promise<Greeting | undefined> {
    return this.answer('greet', options, { id }, (value, sound) => {
      if (value === null) return undefined
      const { audioError, text, sessionId, messageId, sampleRate } = camel<Greeting>(value)
      const failed = audioError && fromRecord((value as JsonObject)['audio_error'] as never)
      return { text, samples: samplesOf(sound ?? Buffer.alloc(0)), sampleRate, audioError: failed || undefined, sessionId, messageId }
    })
  }

  /** What was found in a session that has to be acted on, newest first: see `actions` in the config. */
  actions(id: string, options: PageOptions & { type?: string } = {}): Promise<Page<Action>> {
    return this.ask('actions', options, { id })
  }

  /**
   * What a conversation came to, in the words of the language model, with everything that has to be acted on. It is kept, and written
   * anew only when more was said since. `undefined`: nobody has said anything.
   */
  summary(id: string, options: CallOptions = {}): Promise<ConversationSummary | undefined> {
    return this.answer('summary', options, { id }, (value) => (value === null ? undefined : camel<ConversationSummary>(value)))
  }

  /** The sound of a message as it is kept: a file. `undefined`: none was kept, or it was deleted. */
  recording(message: StoredMessage, options: CallOptions = {}): Promise<Buffer | undefined> {
    return this.answer('recording', options, { id: message.sessionId, message }, (_, sound) => sound)
  }

  /**
   * An address at which anybody who has it can hear a message for so many seconds (a week at most). `undefined`: none was kept,
   * or the store gives no addresses.
   */
  recordingUrl(message: StoredMessage, validSeconds: number, options: CallOptions = {}): Promise<string | undefined> {
    return this.ask('recording_url', options, { id: message.sessionId, message, validSeconds })
  }

  /** Replaces a session's metadata. */
  setMetadata(id: string, metadata: JsonObject, options: CallOptions = {}): Promise<void> {
    return this.ask('set_metadata', options, { id, metadata })
  }

  /** Ends a session: it takes no more turns. */
  end(id: string, options: CallOptions = {}): Promise<void> {
    return this.ask('end', options, { id })
  }

  /** Deletes a session with its messages. */
  delete(id: string, options: CallOptions = {}): Promise<void> {
    return this.ask('delete', options, { id })
  }

  /** Deletes every session of this view's user with everything said in them; says how much. */
  eraseUser(options: CallOptions = {}): Promise<Erased> {
    return this.ask('erase_user', options)
  }

  /** Expires sessions that were idle for longer than the config allows; says how many. */
  expireIdle(options: CallOptions = {}): Promise<number> {
    return this.ask('expire_idle', options)
  }

  /** Deletes sessions that have been over for this many seconds; says how many. */
  deleteOver(ageSeconds: number, options: CallOptions = {}): Promise<number> {
    return this.ask('delete_over', options, { ageSeconds })
  }

  /** Deletes messages that are older than this many seconds, whatever becomes of their sessions; says how many. */
  deleteMessagesOlderThan(ageSeconds: number, options: CallOptions = {}): Promise<number> {
    return this.ask('delete_messages_older_than', options, { ageSeconds })
  }

  /** Expires idle sessions, and deletes what `retention` in the config says is too old. */
  cleanUp(options: CallOptions = {}): Promise<CleanedUp> {
    return this.ask('clean_up', options)
  }
}
