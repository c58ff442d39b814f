import type { Page } from './host.js'
import type { Assistant, StoredAssistant } from './people.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'

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
