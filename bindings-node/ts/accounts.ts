import type { Page } from './host.js'
import type { ApiKey, Credential, Erased, KeyLimit, Login, NewApiKey, Organization, Principal, Registered, User } from './people.js'
import type { CallOptions } from './reply.js'
import { type PageOptions, Room } from './room.js'

/** What a new key is like. */
export interface KeyOptions extends CallOptions {
  /** For which user it speaks; missing: for the whole organization. */
  user?: string
  /** What people call it: at most 100 characters. */
  name?: string
  /** A limit of its own. */
  rateLimit?: KeyLimit
  /** How long it is valid; missing: until it is revoked. */
  validSeconds?: number
}

/** A key of access tokens: a shared secret of 32 bytes or more, or one half of an Ed25519 pair as PEM. */
export type TokenKey = { id: string } & ({ hs256: string } | { ed25519: string } | { ed25519Public: string })

/** The keys of access tokens. */
export interface TokenKeys {
  /** The first one signs, all verify. Two of one id are the halves of one. */
  keys: TokenKey[]
  /** Who issues the tokens; others are refused. Default `voice-core`. */
  issuer?: string
  /** For whom they are; others are refused. Default: anybody. */
  audience?: string
  /** By how much clocks may differ. Default 30. */
  leewaySeconds?: number
}

/**
 * Organizations, users and their API keys; made by `agent.accounts`.
 *
 * What concerns one organization needs `of`, except on an agent that acts for somebody (`agent.withPrincipal`).
 */
export class Accounts extends Room {
  /** @internal */
  protected readonly room = 'accounts'

  /** The users, keys and credentials of one organization. */
  of(organization: string): Accounts {
    return new Accounts(this.agent, { organization })
  }

  /** Creates an organization. */
  createOrganization(name: string, options: CallOptions = {}): Promise<Organization> {
    return this.ask('create_organization', options, { name })
  }

  /** An organization. */
  organization(id: string, options: CallOptions = {}): Promise<Organization> {
    return this.ask('organization', options, { id })
  }

  /** Organizations, newest first. */
  organizations(options: PageOptions = {}): Promise<Page<Organization>> {
    return this.ask('organizations', options)
  }

  /** Deletes an organization with all that belongs to it; says how much was said. */
  deleteOrganization(id: string, options: CallOptions = {}): Promise<Erased> {
    return this.ask('delete_organization', options, { id })
  }

  /** Whose key this is: `INVALID_API_KEY` for anything but a valid one. Counts against its rate limit. */
  authenticate(key: string, options: CallOptions = {}): Promise<Principal> {
    return this.ask('authenticate', options, { key })
  }

  /** Whose key this is, and the user with it. */
  logIn(key: string, options: CallOptions = {}): Promise<Login> {
    return this.ask('log_in', options, { key })
  }

  /** Counts one more call of somebody who was authenticated before, as on a connection that stays open. */
  admit(principal: Principal, options: CallOptions = {}): Promise<void> {
    return this.ask('admit', options, { principal })
  }

  /** An access token (JWT) for somebody, valid for so many seconds. */
  issueToken(keys: TokenKeys, principal: Principal, validSeconds: number, options: CallOptions = {}): Promise<string> {
    return this.ask('issue_token', options, { keys, principal, validSeconds })
  }

  /** Whose access token this is: `UNAUTHORIZED` for anything but a valid one. */
  authenticateToken(keys: TokenKeys, token: string, options: CallOptions = {}): Promise<Principal> {
    return this.ask('authenticate_token', options, { keys, token })
  }

  /** Registers a user by e-mail address, with a first key that is shown this once. */
  register(email: string, options: CallOptions = {}): Promise<Registered> {
    return this.ask('register', options, { email })
  }

  /** A user. */
  user(id: string, options: CallOptions = {}): Promise<User> {
    return this.ask('user', options, { id })
  }

  /** The user with an e-mail address. */
  userByEmail(email: string, options: CallOptions = {}): Promise<User> {
    return this.ask('user_by_email', options, { email })
  }

  /** Users, newest first. */
  users(options: PageOptions = {}): Promise<Page<User>> {
    return this.ask('users', options)
  }

  /** Deletes a user with their keys and everything they said; says how much that was. */
  deleteUser(id: string, options: CallOptions = {}): Promise<Erased> {
    return this.ask('delete_user', options, { id })
  }

  /** Makes a key, of the organization or of one of its users. Its secret is shown this once. */
  createKey(options: KeyOptions = {}): Promise<NewApiKey> {
    return this.ask('create_key', options)
  }

  /** Keys, newest first, revoked and expired ones too; never a secret. */
  keys(options: PageOptions & { user?: string } = {}): Promise<Page<ApiKey>> {
    return this.ask('keys', options)
  }

  /** Makes a key in place of another, which is revoked in the same moment. */
  rotateKey(id: string, options: CallOptions = {}): Promise<NewApiKey> {
    return this.ask('rotate_key', options, { id })
  }

  /** Revokes a key: from now on it opens nothing. */
  revokeKey(id: string, options: CallOptions = {}): Promise<void> {
    return this.ask('revoke_key', options, { id })
  }

  /** Keeps the organization's own credential for a provider, encrypted (`accounts.credentials_key` in the config). It is never given back. */
  setCredential(provider: string, secret: string, options: CallOptions = {}): Promise<void> {
    return this.ask('set_credential', options, { provider, secret })
  }

  /** For which providers there are credentials. */
  credentials(options: CallOptions = {}): Promise<Credential[]> {
    return this.ask('credentials', options)
  }

  /** Deletes the credential for a provider: the agent's own is used again. */
  deleteCredential(provider: string, options: CallOptions = {}): Promise<void> {
    return this.ask('delete_credential', options, { provider })
  }
}
