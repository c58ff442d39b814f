import type { Page } from './host.js'
import type { Voice } from './people.js'
import type { CallOptions, Cost, SoundFormat, Usage } from './reply.js'
import { Room } from './room.js'
import { camel, type JsonObject } from './words.js'

/** Whose voices. */
interface WhoseVoices extends CallOptions {
  /**
   * One of the agent's own list, by the name in its config or that of errors (`elevenlabs`), else any that an assistant may name.
   * Default: the first of the agent's own.
   */
  provider?: string
}

/** Which voices to list. */
export interface VoiceOptions extends WhoseVoices {
  /** Only those that can be asked to speak it (BCP 47). Voices of which no language is known are always there. */
  language?: string
  /** At most this many (1–10,000). Default 10,000. */
  limit?: number
}

/** What is to be heard of which voice. */
export interface PreviewOptions extends WhoseVoices {
  /** Which voice, by its id. Default: the provider's own. */
  voice?: string
  /**
   * How it is to speak, above what the config says: `stability`, `similarity`, `style`, `speed`, as far as the provider has them, and
   * what only it knows. Keys as in the config.
   */
  settings?: JsonObject
  /** What it says: 1–500 characters. Default: a short greeting in its language. */
  text?: string
  /** The language of the text (BCP 47). */
  language?: string
  /** Of the file. Default `wav`. */
  format?: SoundFormat
}

/** How a voice sounds. */
export interface VoicePreview {
  /** Who spoke: the provider and its model, for example `elevenlabs/eleven_flash_v2_5`. */
  provider: string
  /** The voice that was asked for; null: the provider's own. */
  voice: string | null
  /** What was said. */
  text: string
  /** In which language (BCP 47), if that was known. */
  language: string | null
  /** What kind of file it is, for example `audio/wav`. */
  mediaType: string
  /** How many samples a second the voice makes. */
  sampleRate: number
  /** How long it lasts. */
  audioSeconds: number
  /** What was used. */
  usage: Usage
  /** What that cost; null without a price. */
  cost: Cost | null
  /** The sound, as a file. */
  file: Buffer
}

/** The voices of the agent's text to speech, and of every other that its assistants may name; made by `agent.voices`. */
export class Voices extends Room {
  /** @internal */
  protected readonly room = 'voices'

  /** With the credentials of one organization. */
  of(organization: string): Voices {
    return new Voices(this.agent, { organization })
  }

  /**
   * The voices of a provider, in its order: all of its pages.
   *
   * @throws VoiceError with code `INVALID_REQUEST` when the provider does not say which voices it has.
   */
  list(options: VoiceOptions = {}): Promise<Page<Voice>> {
    return this.ask('list', options)
  }

  /** Has a voice speak a few words, at the price of speech. Nothing is stored. */
  preview(options: PreviewOptions = {}): Promise<VoicePreview> {
    return this.answer('preview', options, {}, (value, file) => ({
      ...camel<Omit<VoicePreview, 'file'>>(value),
      file: file ?? Buffer.alloc(0),
    }))
  }
}
