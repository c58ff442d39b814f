import type { Page } from './host.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'

/** One change. Names ids only, never people, secrets or words. */
export interface AuditEntry {
  /** Its id. */
  id: string
  /** When, RFC 3339. */
  at: string
  /** Where; null: outside of any organization. */
  organization: string | null
  /** Who: `host`, `key:ID`, `user:ID` or `organization:ID`. */
  actor: string
  /** What was done, for example `key.revoke`. */
  action: string
  /** To what: usually an id. */
  target: string
  /**
   * Whether the change is known to have been made. `false` while it is being made, and for ever when that was broken off: then it
   * may have been made or not.
   */
  confirmed: boolean
}

/** Which entries. */
export interface AuditOptions extends PageOptions {
  /** Only of this organization. */
  organization?: string
  /** Only by this one. */
  actor?: string
  /** Only this. */
  action?: string
  /** Only to this. */
  target?: string
}

/** The audit log: who changed what, and when; made by `agent.audit`. */
export class Audit extends Room {
  /** @internal */
  protected readonly room = 'audit'

  /** Entries, newest first. */
  entries(options: AuditOptions = {}): Promise<Page<AuditEntry>> {
    return this.ask('entries', options)
  }

  /** Deletes entries older than this many seconds; says how many. */
  deleteOlderThan(ageSeconds: number, options: CallOptions = {}): Promise<number> {
    return this.ask('delete_older_than', options, { ageSeconds })
  }
}
