import type { Page } from './host.js'
import type { SignedWebhook, Webhook, WebhookDelivery } from './people.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'
import type { JsonObject } from './words.js'

/** What a webhook is; what is left out of a change stays as it is. */
export interface WebhookOptions extends CallOptions {
  /** The names of the events that it wants; `session.*` stands for all whose name begins with `session.`; none: all. */
  events?: string[]
  /** What it is for. */
  description?: string
  /** Whether anything is sent. */
  enabled?: boolean
}

/** Which deliveries. */
export interface DeliveryOptions extends PageOptions {
  /** Only those to this webhook. */
  webhook?: string
  /** Only those that stand there. */
  status?: 'pending' | 'delivered' | 'failed'
  /** Only of events of this name. */
  name?: string
}

/** A message as a receiver got it. */
export interface ReceivedWebhook {
  /** The header `webhook-id`. */
  id: string
  /** The header `webhook-timestamp`. */
  timestamp: string
  /** The header `webhook-signature`. */
  signature: string
  /** What came, byte for byte, before anything read it as JSON. */
  body: string | Uint8Array
  /** How far its time may be from the present, both ways. Default 300. */
  toleranceSeconds?: number
}

/**
 * Webhooks, and what was delivered to them; made by `agent.webhooks`: those of no organization, of one (`of`), or of whom the agent
 * acts for. What becomes of sessions and turns is told by itself: `session.started`, `session.ended`, `turn.completed`.
 */
export class Webhooks extends Room {
  /** @internal */
  protected readonly room = 'webhooks'

  /** The webhooks of one organization. */
  of(organization: string): Webhooks {
    return new Webhooks(this.agent, { organization })
  }

  /** Makes a webhook at an address that begins with `https://`. Its secret is shown this once. */
  create(url: string, options: WebhookOptions = {}): Promise<SignedWebhook> {
    return this.ask('create', options, { url })
  }

  /** A webhook. */
  get(id: string, options: CallOptions = {}): Promise<Webhook> {
    return this.ask('get', options, { id })
  }

  /** Webhooks, newest first. */
  list(options: PageOptions = {}): Promise<Page<Webhook>> {
    return this.ask('list', options)
  }

  /** Changes what is given. */
  update(id: string, options: WebhookOptions & { url?: string } = {}): Promise<Webhook> {
    return this.ask('update', options, { id })
  }

  /** Deletes a webhook with the log of its deliveries. */
  delete(id: string, options: CallOptions = {}): Promise<void> {
    return this.ask('delete', options, { id })
  }

  /** Makes a new secret, shown this once; the old one signs besides for `overlapSeconds` (24 hours by default). */
  rotateSecret(id: string, options: CallOptions & { overlapSeconds?: number } = {}): Promise<SignedWebhook> {
    return this.ask('rotate_secret', options, { id })
  }

  /** Sends an event `webhook.test`; ask for the `delivery` to see what became of it. */
  test(id: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    return this.ask('test', options, { id })
  }

  /** Deliveries with their attempts, newest first. */
  deliveries(options: DeliveryOptions = {}): Promise<Page<WebhookDelivery>> {
    return this.ask('deliveries', options)
  }

  /** A delivery with its attempts. */
  delivery(id: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    return this.ask('delivery', options, { id })
  }

  /** Delivers again what was delivered or has failed, with the same `webhook-id`. */
  redeliver(id: string, options: CallOptions = {}): Promise<WebhookDelivery> {
    return this.ask('redeliver', options, { id })
  }

  /** Tells the webhooks of an event of your own; its data is sent as it is. False: none is enabled. */
  send(name: string, data: JsonObject = {}, options: CallOptions & { session?: string } = {}): Promise<boolean> {
    return this.ask('send', options, { name, data })
  }

  /**
   * Checks, for a receiver, that a message was signed with one of these secrets, within the last five minutes by default. Leave out
   * messages whose id has come before.
   *
   * @throws VoiceError with code `UNAUTHORIZED` when it is not so.
   */
  verify(secrets: string[], message: ReceivedWebhook & CallOptions): Promise<void> {
    const { body, ...rest } = message
    return this.ask('verify', rest, { secrets, body: typeof body === 'string' ? body : new TextDecoder().decode(body) })
  }
}
