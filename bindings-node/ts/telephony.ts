import type { PhoneCall } from './people.js'
import type { CallOptions } from './reply.js'
import { Room } from './room.js'

/** Whose media stream a telephone call comes over. */
export type PhoneProtocol = 'twilio' | 'plivo' | 'vobiz' | 'exotel' | 'telnyx' | 'vonage'

/** The fields of a form that was posted. */
export type FormFields = Record<string, string | readonly string[]>

/** What is to be known of a telephone call before it is answered; made by `agent.telephony`. */
export class Telephony extends Room {
  /** @internal */
  protected readonly room = 'telephony'

  /**
   * Reads a carrier's first messages: the call, or undefined for what comes before it. The message then goes to the session's wire as
   * well. Fails with `VALIDATION_ERROR` for any other message, and for a call whose encoding is not supported.
   */
  read(message: string, protocol: PhoneProtocol | 'auto' = 'auto', options: CallOptions = {}): Promise<PhoneCall | undefined> {
    return this.ask('read', options, { message, protocol })
  }

  /**
   * Whether Twilio signed a request: the header `X-Twilio-Signature`. `url` is the address as Twilio was given it (`wss://` for a media
   * stream), `params` the fields of a form that was posted.
   */
  verifyTwilio(
    request: { authToken: string; url: string; signature: string; params?: FormFields },
    options: CallOptions = {},
  ): Promise<boolean> {
    return this.ask('verify_twilio', options, request)
  }

  /**
   * Whether Plivo signed a request: the headers `X-Plivo-Signature-V3` and `X-Plivo-Signature-V3-Nonce`; Vobiz has its own, made
   * alike.
   */
  verifyPlivo(
    request: { authToken: string; url: string; signature: string; nonce: string; params?: FormFields },
    options: CallOptions = {},
  ): Promise<boolean> {
    return this.ask('verify_plivo', options, request)
  }

  /**
   * Whether Telnyx signed a webhook within the last five minutes: the headers `telnyx-signature-ed25519` and `telnyx-timestamp`, and
   * the body as it came.
   */
  verifyTelnyx(
    request: { publicKey: string; body: string; signature: string; timestamp: string },
    options: CallOptions = {},
  ): Promise<boolean> {
    return this.ask('verify_telnyx', options, request)
  }
}
