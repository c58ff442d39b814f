import type { Page } from './host.js'
import type { AuditEntry } from './people.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'

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
