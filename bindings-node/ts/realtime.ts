import type { CallAnswer, ClientSecret } from './people.js'
import type { CallOptions } from './reply.js'
import { Room } from './room.js'

/** How a browser's session is set up; what is left out is as in a live session of the agent. */
export interface RealtimeOptions extends CallOptions {
  /** In which organization. */
  organization?: string
  /** Who talks: this assistant, in its current version. */
  assistant?: string
  /** The instructions of the model. Default: the system prompt. */
  instructions?: string
  /** The voice, by the provider's own name or id. */
  voice?: string
  /** The language that is spoken (BCP 47). */
  language?: string
}

/** The same with the life of a secret. */
export interface ClientSecretOptions extends RealtimeOptions {
  /** For how many seconds a session may be begun with it, 10 to 7,200. Default 60. */
  validSeconds?: number
}

/**
 * A browser's own way to the speech-to-speech model of the config's `realtime`; made by `agent.realtime`. The key stays here.
 *
 * A session that is begun so is held between the browser and the provider: nothing of it is heard or stored here.
 */
export class Realtime extends Room {
  /** @internal */
  protected readonly room = 'realtime'

  /** What opens a session without the key. One of the same settings is given out again until 10 s before its end. */
  clientSecret(options: ClientSecretOptions = {}): Promise<ClientSecret> {
    return this.ask('client_secret', options)
  }

  /** Answers a browser's offer of a WebRTC connection to the provider, so that it needs no secret at all. */
  answerCall(offer: string, options: RealtimeOptions = {}): Promise<CallAnswer> {
    return this.ask('answer_call', options, { offer })
  }
}
