import type { Page } from './host.js'
import type { KnowledgeDocument, Source } from './people.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'
import type { JsonObject } from './words.js'

/** What a text is. A page is kept as the Markdown that is made of it. */
export type DocumentFormat = 'text' | 'markdown' | 'html'

/** What is said of a document; what is left out of a change stays as it is. */
export interface DocumentOptions extends CallOptions {
  /** What the text is. Default: plain text. */
  format?: DocumentFormat
  /** Where it is from: an address, the name of a file. */
  source?: string
  /** Your own data. */
  metadata?: JsonObject
}

/** What is looked for, and how much of it. */
export interface KnowledgeSearchOptions extends CallOptions {
  /** In which documents, by their ids. Default: in all of the owner's. */
  documents?: string[]
  /** At most this many passages (1–100). Default: `knowledge.top_k` of the config. */
  topK?: number
  /** Only passages with this score, 0–1. Default: `knowledge.min_score` of the config. */
  minScore?: number
}

/**
 * Documents that answers are drawn from; made by `agent.knowledge`: those of no organization, of one (`of`), or of whom the agent acts
 * for. Assistants name them in `knowledge`, the config in `knowledge.documents`. A change is followed at the next turn.
 */
export class Knowledge extends Room {
  /** @internal */
  protected readonly room = 'knowledge'

  /** The documents of one organization. */
  of(organization: string): Knowledge {
    return new Knowledge(this.agent, { organization })
  }

  /** Adds a document. One with this content that is there already is given back as it is. */
  add(title: string, text: string, options: DocumentOptions = {}): Promise<KnowledgeDocument> {
    return this.ask('add', options, { title, text })
  }

  /** A document. */
  get(id: string, options: CallOptions = {}): Promise<KnowledgeDocument> {
    return this.ask('get', options, { id })
  }

  /** The text of a document, as it is searched: of a page, the Markdown that was made of it. */
  text(id: string, options: CallOptions = {}): Promise<string> {
    return this.ask('text', options, { id })
  }

  /** Documents, newest first. */
  list(options: PageOptions = {}): Promise<Page<KnowledgeDocument>> {
    return this.ask('list', options)
  }

  /** Changes what is given; an empty `source` takes it away. */
  update(id: string, options: DocumentOptions & { title?: string; text?: string } = {}): Promise<KnowledgeDocument> {
    return this.ask('update', options, { id })
  }

  /** Deletes a document. Assistants that name it do without it from their next turn on. */
  delete(id: string, options: CallOptions = {}): Promise<void> {
    return this.ask('delete', options, { id })
  }

  /** The passages that a turn would find, the best first. */
  search(text: string, options: KnowledgeSearchOptions = {}): Promise<Source[]> {
    return this.ask('search', options, { text })
  }
}
