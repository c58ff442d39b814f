import type { Page } from './host.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'
import type { JsonObject } from './words.js'

/**
 * Who an assistant that is kept is, and how it answers. What is left out has the agent's own setting. Keys are those of the document, as in
 * the config.
 */
export interface Assistant {
  /** Its name, for people: 1–200 characters. */
  name: string
  /** What it says when a session starts. */
  first_message?: string | null
  /** The instructions of the language model. */
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
  /** Whose text to speech. Default: the agent's. */
  voice_provider?: string | null
  /** Which of its models. */
  voice_model?: string | null
  /** Which voice, by the provider's own name or id. */
  voice_id?: string | null
  /** What only this provider knows: `stability`, `similarity`, `style`, `speed`, … */
  voice_settings?: JsonObject
  /** Whether the user's speech stops the reply, in live sessions. Default true. */
  interruptions_enabled?: boolean
  /** Whether noise is taken out of what is heard, in live sessions. Default false. */
  background_denoising?: boolean
  /** When an answer has one of these phrases, a live session ends once it is spoken: at most 50. Default: the agent's. */
  end_call_phrases?: string[]
  /** The tools that the language model may call, by the names under which the host offers them: at most 64. */
  tools?: string[]
  /** The documents that are searched for each answer, by the names under which the host keeps them: at most 100. */
  knowledge?: string[]
}

/** An assistant that is kept, in one version. */
export interface StoredAssistant {
  /** Its id. */
  id: string
  /** Its organization; null in a host without organizations. */
  organization: string | null
  /** Which version this is, from 1. */
  version: number
  /** Who it is and how it answers: every field. */
  assistant: Assistant
  /** When it was created, RFC 3339. */
  createdAt: string
  /** When this version was made. */
  updatedAt: string
}

/** One as the library writes it: its own fields beside those of the document. */
interface Stored extends Assistant {
  id: string
  organization: string | null
  version: number
  created_at: string
  updated_at: string
}

function stored(value: unknown): StoredAssistant {
  const { id, organization, version, created_at, updated_at, ...assistant } = value as Stored
  return { id, organization, version, assistant, createdAt: created_at, updatedAt: updated_at }
}

/**
 * Assistants that are kept, each in all its versions; made by `agent.assistants`: those of no organization, of one (`of`), or of
 * whom the agent acts for. A session keeps the version with which it began.
 */
export class Assistants extends Room {
  /** @internal */
  protected readonly room = 'assistants'

  /** The assistants of one organization. */
  of(organization: string): Assistants {
    return new Assistants(this.agent, { organization })
  }

  /** Keeps an assistant, in version 1. */
  create(assistant: Assistant, options: CallOptions = {}): Promise<StoredAssistant> {
    return this.answer('create', options, { assistant }, stored)
  }

  /** An assistant in its current version. */
  get(id: string, options: CallOptions = {}): Promise<StoredAssistant> {
    return this.answer('get', options, { id }, stored)
  }

  /** An assistant in one of its versions, also after it was deleted. */
  version(id: string, version: number, options: CallOptions = {}): Promise<StoredAssistant> {
    return this.answer('version', options, { id, version }, stored)
  }

  /** Assistants in their current version, newest first. */
  list(options: PageOptions = {}): Promise<Page<StoredAssistant>> {
    return this.answer('list', options, {}, (value) => {
      const { items, has_more } = value as { items: unknown[]; has_more: boolean }
      return { items: items.map(stored), hasMore: has_more }
    })
  }

  /** Replaces an assistant by the next version of it. */
  update(id: string, assistant: Assistant, options: CallOptions = {}): Promise<StoredAssistant> {
    return this.answer('update', options, { id, assistant }, stored)
  }

  /** Changes the fields that are named, in a next version. `null` brings back a default. */
  patch(id: string, fields: Partial<Record<keyof Assistant, unknown>>, options: CallOptions = {}): Promise<StoredAssistant> {
    return this.answer('patch', options, { id, fields }, stored)
  }

  /** Deletes an assistant: nobody can start with it any more. */
  delete(id: string, options: CallOptions = {}): Promise<void> {
    return this.ask('delete', options, { id })
  }
}
