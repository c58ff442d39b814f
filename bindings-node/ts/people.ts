// Written by `cargo xtask gen` from the library's own schema. Do not edit.

/** Something said that has to be acted on: a visit that was agreed on, a medicine that is to be refilled. */
export interface Action {
  /** Its id; later ones have later ids. */
  id: string
  /** The session in which it was said. */
  sessionId: string
  /** The turn in which it was said. */
  turnId: string
  /** The message that says it. */
  messageId: string
  /** What it is, as the config names it: `refill`, `follow_up_visit`, … */
  type: string
  /** What is known of it: a JSON object, as the type's schema says. */
  details: Record<string, unknown>
  /** How sure the language model was, 0–1. */
  confidence: number
  /** When it was found. */
  createdAt: string
}

/** An API key as it is kept: everything but the key. */
export interface ApiKey {
  /** Its id. */
  id: string
  /** The organization that it opens. */
  organization: string
  /** The user for whom it speaks; null: for the whole organization. */
  user: string | null
  /** What people call it; may be empty. */
  name: string
  /** Its last four characters, to tell keys apart. */
  hint: string
  /** A limit of its own; null: the agent's. */
  rateLimit: KeyLimit | null
  /** When it was made. */
  createdAt: string
  /** When it stops to be valid by itself. */
  expiresAt: string | null
  /** When it was revoked. It is kept, so that the audit log can be read. */
  revokedAt: string | null
}

/**
 * Who an assistant is and how it answers. Providers that are left out are the agent's own; whatever else is left out
 * has the default that is named beside it. The document is validated when it is written: unknown fields are refused,
 * and an error names the path of the fault.
 */
export interface Assistant {
  /** Its name, for people: 1–200 characters. */
  name: string
  /** What it says when a session starts. Default: nothing. */
  first_message?: string | null
  /** The instructions of the language model. Default: short ones, made for listening; not the agent's. */
  system_prompt?: string
  /** The language of the conversation (BCP 47), or `auto`. Default `auto`. */
  language?: string
  /** Whose speech to text: `openai`, `local`, … Default: the agent's. */
  stt_provider?: string | null
  /** Which of its models. */
  stt_model?: string | null
  /** Whose language model. Default: the agent's. */
  model_provider?: string | null
  /** Which of its models. */
  model_name?: string | null
  /** The sampling temperature, 0–2. Default 0.7. */
  temperature?: number
  /** The most tokens of one answer. Default 500. */
  max_tokens?: number
  /** How many messages of history the language model is shown (0–100). Default 10. */
  context_messages?: number
  /**
   * Whose model hears and speaks by itself in live sessions, in place of the three. Default: the agent's, if it has
   * one and `model_provider` names no other.
   */
  realtime_provider?: string | null
  /** Which of its models. */
  realtime_model?: string | null
  /**
   * Whose text to speech. Default: the agent's. Beside a `realtime_provider` of the same name, `voice_id` and
   * `voice_settings` are its.
   */
  voice_provider?: string | null
  /** Which of its models. */
  voice_model?: string | null
  /** Which voice, by the provider's own name or id. */
  voice_id?: string | null
  /**
   * How the voice speaks: `stability`, `similarity`, `style` (0–1 each) and `speed` (1 is normal), as far as its
   * provider has them, and what only this provider knows.
   */
  voice_settings?: Record<string, unknown>
  /** Whether the user's speech stops the reply, in live sessions. Default true. */
  interruptions_enabled?: boolean
  /** Whether noise is taken out of what is heard, in turns and in live sessions. Default false. */
  background_denoising?: boolean
  /**
   * When an answer has one of these phrases, a live session ends once it is spoken: at most 50. Default: the
   * agent's.
   */
  end_call_phrases?: string[]
  /**
   * The tools that the language model may call, by the names under which the host offers them: at most 64. Default:
   * all of them.
   */
  tools?: string[]
  /**
   * The documents of its organization that answers are drawn from, by their ids: at most 100. `*` stands for all of
   * them. Default: the agent's own.
   */
  knowledge?: string[]
  /**
   * It interprets between two languages instead of answering: a document as `assistant.interpreter` of the config.
   * Default: as the agent does.
   */
  interpreter?: Record<string, unknown> | null
  /**
   * What is found in its conversations that has to be acted on: a document as `actions` of the config. Default: what
   * the agent looks for.
   */
  actions?: Record<string, unknown> | null
}

/**
 * One change. It is written before the change is made, and confirmed after it, so that no change is ever missing.
 * Holds ids only, never a name, an address, a secret or anybody's words, so that it may outlive what it tells of.
 */
export interface AuditEntry {
  /** Its id; later entries have later ids. */
  id: string
  /** When. */
  at: string
  /** In which organization; null: outside of any. */
  organization: string | null
  /** Who: `host`, `key:ID`, `user:ID` or `organization:ID`. */
  actor: string
  /** What was done, as `user.register` or `key.revoke`. */
  action: string
  /** To what: its id, or a provider's name. */
  target: string
  /**
   * Whether the change is known to have been made. `false` while it is being made, and for ever when that was broken
   * off: the process ended, the caller went away, the store failed. Then it may have been made or not.
   */
  confirmed: boolean
}

/** The answer to a browser's offer of a WebRTC connection. */
export interface CallAnswer {
  /** The session description: give it to the browser. */
  sdp: string
  /** What the provider calls the call, where it says. */
  callId: string | null
}

/** What cleaning up came to. */
export interface CleanedUp {
  /** Idle sessions that were marked as expired. */
  expired: number
  /** Sessions that were deleted, with everything said in them. */
  sessions: number
  /** Messages that were deleted from sessions that stay. */
  messages: number
  /** Entries of the audit log that were deleted. */
  auditEntries: number
}

/** What opens a session of a browser's own with the speech-to-speech model, without the key. */
export interface ClientSecret {
  /** The secret: give it to the browser, and forget it. */
  value: string
  /** Until when a session may be begun with it; one that runs goes on. */
  expiresAt: string
}

/** What a conversation came to. */
export interface ConversationSummary {
  /** The session. */
  sessionId: string
  /** A few sentences. */
  text: string
  /** What matters, a line each. */
  points: string[]
  /** What has to be acted on, in the order in which it was found. */
  actions: Action[]
  /** The last message that it takes account of. */
  until: string
  /** When it was written. */
  createdAt: string
}

/** A provider's credential that is kept: that there is one, never what it is. */
export interface Credential {
  /** Which provider's. */
  provider: string
  /** When it was set. */
  updatedAt: string
}

/** One attempt to deliver. */
export interface DeliveryAttempt {
  /** When it was begun. */
  at: string
  /** The HTTP status of the answer; null: there was none. */
  status: number | null
  /** How long it took, in milliseconds. */
  durationMs: number
  /** What went wrong, if something did. */
  error: string | null
}

/** How much was erased. */
export interface Erased {
  /** Sessions. */
  sessions: number
  /** Messages in them. */
  messages: number
}

/** How often a key may be used. */
export interface KeyLimit {
  /** Calls a minute, on average. */
  perMinute: number
  /** How many may come at once after a quiet time. */
  burst: number
}

/** A document that answers are drawn from, but for its text. */
export interface KnowledgeDocument {
  /** Its id. */
  id: string
  /** Its organization; null in a host without organizations. */
  organization: string | null
  /** Which version this is, from 1: every change makes the next. */
  version: number
  /** Its title, which the model is told with every passage. */
  title: string
  /** How its text was given: `text`, `markdown` or `html`. */
  format: string
  /** Where it is from, in the owner's words: an address, the name of a file. */
  source: string | null
  /** The owner's own data. */
  metadata: Record<string, unknown>
  /** How many bytes its text has. */
  bytes: number
  /** Tells its content from any other: a SHA-256 in hexadecimal. */
  hash: string
  /** When it was added. */
  createdAt: string
  /** When this version was made. */
  updatedAt: string
}

/** Who logged in. */
export interface Login {
  /** Who it is: the agent acts for them. */
  principal: Principal
  /** The user; null for a key of a whole organization. */
  user: User | null
}

/** A key that was just made. */
export interface NewApiKey {
  /** What is kept of it. */
  key: ApiKey
  /** `sk_` and 64 hexadecimal digits. Give it to its owner and forget it: only its hash is kept. */
  secret: string
}

/** The owner of users, assistants and sessions. Nothing of one is reachable from another. */
export interface Organization {
  /** Its id. */
  id: string
  /** Its name, for people; not unique. */
  name: string
  /** When it was created. */
  createdAt: string
}

/**
 * A call whose media stream began: what the carrier says of it. Printed, it names nobody, nor what the host gave
 * along.
 */
export interface PhoneCall {
  /** Whose media stream it is. */
  protocol: string
  /** The carrier's name for the stream; none with Vonage, where a connection is one. */
  streamId: string | null
  /** The carrier's name for the call: `callSid`, `callId`, `call_control_id`. */
  callId: string | null
  /** The carrier's name for the host's account. */
  accountId: string | null
  /** Who calls, where the carrier says it here. */
  fromNumber: string | null
  /** Who is called, where the carrier says it here. */
  toNumber: string | null
  /** How samples are written, in both directions: `mu_law`, `a_law` or `l16`. */
  encoding: string
  /** Samples a second, in both directions. */
  sampleRate: number
  /** What the host gave the stream along: custom parameters, extra headers. */
  parameters: Record<string, unknown>
  /** Everything that the carrier said, as it said it. */
  details: Record<string, unknown>
}

/**
 * Somebody whose credential was checked: an organization, or one user of it. Given by `Accounts::authenticate` and
 * by verified access tokens; a host that knows its callers by means of its own makes one itself. `VoiceAgent::with`
 * opens what it reaches. As JSON it is `{organization, user, actor}`; read back, `user` may be missing for the whole
 * organization, and `actor` for whoever that names. It is no credential: whoever may write one reaches what it says.
 */
export interface Principal {
  /** The organization. */
  organization: string
  /** The user; null: the whole organization. */
  user?: string | null
  /** How the audit log names them, for example `key:ID`. */
  actor?: string | null
}

/** A user who was just registered. */
export interface Registered {
  /** The user. */
  user: User
  /** What is kept of their first key. */
  key: ApiKey
  /** The key itself. Give it to them and forget it: only its hash is kept. */
  secret: string
}

/** A webhook with a secret that was just made. */
export interface SignedWebhook {
  /** The webhook. */
  webhook: Webhook
  /**
   * `whsec_` and 32 bytes in base64. Give it to the receiver and forget it: it is kept encrypted, and never given
   * back.
   */
  secret: string
}

/** A passage of a document that the language model was given to answer from. */
export interface Source {
  /** The document. */
  documentId: string
  /** The title of the document. */
  title: string
  /** The headings under which the passage stands, with ` › ` between them; empty: none. */
  heading: string
  /** Which passage of the document it is, from 0. */
  passage: number
  /** What it says. */
  text: string
  /** How much of what was asked is in it, 0–1. */
  score: number
}

/** An assistant that is kept, in one version. */
export interface StoredAssistant {
  /** Its id. */
  id: string
  /** Its organization; null in a host without organizations. */
  organization: string | null
  /** Which version this is, from 1. */
  version: number
  /** When it was created. */
  createdAt: string
  /** When this version was made. */
  updatedAt: string
  /** Who it is and how it answers: every field. */
  assistant: Assistant
}

/** A user of an organization. */
export interface User {
  /** Their id. */
  id: string
  /** Their organization. */
  organization: string
  /** Their e-mail address in lower case: unique within the organization. */
  email: string
  /** When they registered. */
  createdAt: string
}

/** A voice that a provider has. As JSON an object with these fields; read back, all but `id` may be missing. */
export interface Voice {
  /** What names it in a config (`voice`), in an assistant (`voice_id`) and for a preview. */
  id: string
  /** What people call it. */
  name: string
  /**
   * The languages that it speaks (BCP 47), its own first. None: the provider does not say; usually those of its
   * model.
   */
  languages: string[]
  /** As what it is heard: `female`, `male` or `neutral`; null: the provider does not say. */
  gender: string | null
  /** What the provider says of it, in a sentence. */
  description: string | null
  /** An address at which anybody hears it, without a key. */
  previewUrl: string | null
  /** What else the provider says of it, by the provider's own names: `accent`, `age`, `use_case`, … */
  labels: Record<string, string>
}

/** A webhook, as its owner sees it. */
export interface Webhook {
  /** Its id. */
  id: string
  /** Its organization; null in a host without organizations. */
  organization: string | null
  /** Where events are sent. */
  url: string
  /** The names of the events that it wants; none: all. */
  events: string[]
  /** What it is for, in the owner's words. */
  description: string
  /** Whether anything is sent. */
  enabled: boolean
  /** Why the library disabled it, if it did: the receiver answered 410. */
  disabledBecause: string | null
  /** When it was created. */
  createdAt: string
  /** When it was last changed. */
  updatedAt: string
}

/** The telling of one event to one webhook. */
export interface WebhookDelivery {
  /** Its id, which the receiver sees as `webhook-id`: the same in every attempt. */
  id: string
  /** The webhook. */
  webhook: string
  /** The organization of the webhook. */
  organization: string | null
  /** The event. */
  event: string
  /** The name of the event. */
  name: string
  /** The session in which it happened. */
  session: string | null
  /** Where it stands: `pending`, `delivered` or `failed`. */
  status: string
  /** What is sent: JSON, the same bytes in every attempt. */
  body: string
  /** When the event was handed to this webhook. */
  createdAt: string
  /** When the next attempt is due; of one that is over, when the last was. */
  dueAt: string
  /** When it was delivered, or given up. */
  settledAt: string | null
  /** How many attempts have counted since it was last asked for. */
  tries: number
  /** The attempts, oldest first; of very many, the latest. */
  attempts: DeliveryAttempt[]
}
