import { UsageError } from '@entreat/core'
import {
  InvalidGrantError,
  LockLostError,
  ReauthorizationRequiredError,
  TokenRequestError,
  TokenStoreError,
} from '../errors.ts'
import { Token, type TokenData } from '../token.ts'
import type { TokenLock, TokenStore } from '../token-store/token-store.ts'
import type { CallOptions } from './authorization-server.ts'
import type { OAuth2Client } from './oauth2-client.ts'
import { HeldToken } from './held-token.ts'
import { untilAborted } from './until-aborted.ts'

/** Why there is a new token: there was none, the old one was about to end, or an API refused it. */
export type TokenReason = 'initial' | 'refresh' | '401'

/** Makes a token when there is none, or none that can be refreshed. It must pass `call` on. */
export type ObtainToken = (client: OAuth2Client, old: Token | undefined, call: CallOptions) => Promise<Token>

/** How a token is renewed; the one who starts a renewal says. */
export interface Renewal {
  readonly client: OAuth2Client
  readonly obtain: 'refresh' | 'client_credentials' | ObtainToken
  readonly leewayMs: number
  /** Where to begin if the store is empty. */
  readonly seed: TokenData | undefined
  readonly background: boolean
  readonly send: CallOptions['send']
  readonly onToken: ((token: Token, reason: TokenReason) => void | Promise<void>) | undefined
}

/** Which token is wanted. */
export interface Wanted {
  /** An access token that an API has refused. */
  readonly rejected?: string | undefined
  readonly signal?: AbortSignal | undefined
}

/** Share of a token's life after which the background renews it. */
const BACKGROUND_SHARE = 0.8
/** Milliseconds before a refused or failed renewal is tried again while the old token still lives. */
const RENEWAL_PAUSE_MS = 30_000
const MOST_ROUNDS = 3
const LONGEST_TIMER = 2 ** 31 - 1

/** Every token of this process, by store and key; those that nobody holds any more are forgotten. */
const registry = new WeakMap<object, Map<string, WeakRef<SharedToken>>>()
const forgotten = new FinalizationRegistry<{
  readonly tokens: Map<string, WeakRef<SharedToken>>
  readonly key: string
}>(({ tokens, key }) => {
  if (tokens.get(key)?.deref() === undefined) tokens.delete(key)
})

/**
 * The token under one key of one store, shared by all who use it in this process.
 *
 * One renewal runs at a time, whoever waits for it, and no caller's abort ends it. Across processes the store's lock does the same.
 */
export class SharedToken {
  readonly #store: TokenStore
  readonly #key: string
  #held: HeldToken | null = null
  /** What the store gave or took last: a save must find it unchanged. */
  #stored: TokenData | undefined
  #flight: Promise<Token> | null = null
  /** An access token that an API has refused. */
  #rejected: string | null = null
  /** Whether the next token that the store gives is refused, whichever it is. */
  #rejectsStored = false
  /** A refresh token that the server has refused: it is not sent again. */
  #dead: { readonly refreshToken: string; readonly error: InvalidGrantError } | null = null
  /** A new token that the store did not take: it must not be lost, for the old refresh token is used up. */
  #unsaved: { readonly data: TokenData; readonly previous: TokenData | null } | null = null
  /** Until then, on the monotonic clock, the old token is used to its very end instead of being renewed. */
  #pausedUntil = 0
  /** How long the server wants to be left alone, and what it said. */
  #busy: { readonly until: number; readonly error: TokenRequestError } | null = null

  private constructor(store: TokenStore, key: string) {
    this.#store = store
    this.#key = key
  }

  /** The one token of this process for a store and key. */
  static of(store: TokenStore, key: string): SharedToken {
    let tokens = registry.get(store)
    if (tokens === undefined) registry.set(store, (tokens = new Map()))
    const known = tokens.get(key)?.deref()
    if (known !== undefined) return known
    const shared = new SharedToken(store, key)
    tokens.set(key, new WeakRef(shared))
    forgotten.register(shared, { tokens, key })
    return shared
  }

  /**
   * A token that can be used now.
   *
   * @throws ReauthorizationRequiredError, TokenRequestError, TokenStoreError; the signal's reason.
   */
  async get(renewal: Renewal, { rejected, signal }: Wanted = {}): Promise<Token> {
    signal?.throwIfAborted()
    if (rejected !== undefined) this.#rejected = rejected
    const reason = rejected === undefined ? 'refresh' : '401'
    for (let round = 1; ; round++) {
      const held = this.#usable(renewal)
      if (held !== null) {
        if (renewal.background) this.#renewEarly(renewal, held)
        return held.token
      }
      const isOurs = this.#flight === null
      const isLast = round === MOST_ROUNDS
      try {
        const token = await untilAborted(this.#join(renewal, reason), signal)
        // A renewal that began before this token was refused may have ended with it.
        if (token.accessToken !== this.#rejected || isLast) return token
      } catch (error) {
        // Another caller's Session was closed, or has no way to the server: ours may have one.
        const mayTry = !isOurs && error instanceof TokenRequestError && error.outcome === 'not-sent'
        if (!mayTry || isLast) throw error
      }
    }
  }

  /** Says that an API refuses a token, or that the present one must not be used. */
  reject(accessToken: string | undefined): void {
    const present = this.#held?.token.accessToken
    if (accessToken === undefined && present === undefined) this.#rejectsStored = true
    this.#rejected = accessToken ?? present ?? this.#rejected
  }

  /** Resolves when no renewal runs, however it ends. */
  async settled(): Promise<void> {
    while (this.#flight !== null) await this.#flight.catch(() => {})
  }

  /** Puts a token in the place of whatever is there: after a sign-in. */
  async replace(token: Token, client: OAuth2Client): Promise<void> {
    await this.#store.save(this.#key, token.toData())
    this.#unsaved = null
    this.#adopt(token, client)
  }

  #usable({ client, leewayMs }: Renewal): HeldToken | null {
    const held = this.#held
    if (held === null || held.token.accessToken === this.#rejected) return null
    const now = client.options.clock.monotonic()
    return held.isFresh(now, now < this.#pausedUntil ? 0 : leewayMs) ? held : null
  }

  #join(renewal: Renewal, reason: TokenReason): Promise<Token> {
    if (this.#flight !== null) return this.#flight
    const flight = this.#fly(renewal, reason).finally(() => {
      this.#flight = null
    })
    // Those who wait may all have left.
    flight.catch(() => {})
    this.#flight = flight
    return flight
  }

  /** If it fails, the old token is still good, and {@link SharedToken.#keepOld} sees to a pause. */
  #renewEarly(renewal: Renewal, held: HeldToken): void {
    const now = renewal.client.options.clock.monotonic()
    if (this.#flight !== null || now < this.#pausedUntil || held.shareOver(now) < BACKGROUND_SHARE) return
    // With this leeway a token of that age counts as ended.
    const leewayMs = Math.max((1 - BACKGROUND_SHARE) * (held.lifetimeMs ?? 0), renewal.leewayMs)
    void this.#join({ ...renewal, leewayMs }, 'refresh').catch(() => {})
  }

  /** Another process may have been faster: the store is asked first, and again once the lock is held. */
  async #fly(renewal: Renewal, reason: TokenReason): Promise<Token> {
    const { client } = renewal
    await this.#saveUnsaved()
    await this.#load(renewal)
    const held = this.#usable(renewal)
    if (held !== null) return held.token
    const lock = await this.#lock(client)
    try {
      if (lock !== undefined) await this.#load(renewal)
      return this.#usable(renewal)?.token ?? (await this.#renew(renewal, { lock, reason }))
    } finally {
      // A lock that cannot be released ends by itself; the token is good all the same.
      await lock?.release().catch(() => {})
    }
  }

  async #lock(client: OAuth2Client): Promise<TokenLock | undefined> {
    // Whoever holds it has a deadline for each of its calls; this one is for a holder that hangs.
    const signal = AbortSignal.timeout(Math.min(client.options.timeout * 4, LONGEST_TIMER))
    try {
      return await this.#store.lock?.(this.#key, { signal })
    } catch (error) {
      if (!signal.aborted) throw error
      throw new TokenStoreError('Another process holds the lock of the token and does not finish', { cause: error })
    }
  }

  /** If there is another token by now, somebody has signed in anew: that one counts. */
  async #saveUnsaved(): Promise<void> {
    if (this.#unsaved === null) return
    const { data, previous } = this.#unsaved
    await this.#store.save(this.#key, data, { previous })
    this.#unsaved = null
  }

  async #load({ client, seed }: Renewal): Promise<void> {
    let stored = await this.#store.load(this.#key)
    if (stored === undefined && seed !== undefined) {
      const isFirst = await this.#store.save(this.#key, seed, { previous: null })
      stored = isFirst ? seed : await this.#store.load(this.#key)
    }
    this.#stored = stored
    if (this.#rejectsStored && stored !== undefined) this.#rejected = stored.accessToken
    this.#rejectsStored = false
    if (stored === undefined) this.#held = null
    else this.#hold(Token.fromData(stored), client)
  }

  #hold(token: Token, client: OAuth2Client): void {
    const known = this.#held?.token
    if (known?.accessToken === token.accessToken && known.expiresAt === token.expiresAt) {
      this.#held = this.#held?.with(token) ?? null
      return
    }
    this.#held = HeldToken.begin(token, client.options.clock)
    this.#pausedUntil = 0
  }

  /** Holds a token that the server has just given: even if it is the refused one, it counts as good again. */
  #adopt(token: Token, client: OAuth2Client): void {
    if (token.accessToken === this.#rejected) this.#rejected = null
    this.#held = HeldToken.begin(token, client.options.clock)
    this.#stored = token.toData()
    this.#pausedUntil = 0
  }

  async #renew(
    renewal: Renewal,
    known: { readonly lock: TokenLock | undefined; readonly reason: TokenReason },
  ): Promise<Token> {
    const reason = this.#stored === undefined ? 'initial' : known.reason
    const { clock } = renewal.client.options
    let fresh: Token
    try {
      if (this.#busy !== null && clock.monotonic() < this.#busy.until) throw this.#busy.error
      fresh = await this.#ask(renewal)
    } catch (error) {
      if (error instanceof TokenRequestError && error !== this.#busy?.error && error.retryAfterMs !== undefined) {
        this.#busy = { until: clock.monotonic() + error.retryAfterMs, error }
      }
      return this.#keepOld(renewal, error)
    }
    // Found in the store while asking: another process has it from the server.
    if (fresh.accessToken === this.#stored?.accessToken && fresh.accessToken !== this.#rejected) return fresh
    const token = await this.#save(renewal, fresh, known.lock)
    await renewal.onToken?.(token, reason)
    return token
  }

  /** Whatever went wrong: as long as the old token is good it is used, and the server is left alone. */
  #keepOld({ client }: Renewal, error: unknown): Token {
    const held = this.#held
    const now = client.options.clock.monotonic()
    if (held === null || held.token.accessToken === this.#rejected || !held.isFresh(now, 0)) throw error
    // If the server may have carried the request out, a second one would end the old token too: rotation takes it for theft.
    const isUnknown = error instanceof TokenRequestError && error.outcome === 'unknown'
    const pauseMs = (error instanceof TokenRequestError ? error.retryAfterMs : undefined) ?? RENEWAL_PAUSE_MS
    this.#pausedUntil = isUnknown ? held.deadline : now + pauseMs
    return held.token
  }

  async #ask(renewal: Renewal): Promise<Token> {
    const { client, obtain, send } = renewal
    const call: CallOptions = send === undefined ? {} : { send }
    if (obtain === 'client_credentials') return client.clientCredentials(call)
    const old = this.#held?.token
    const refreshed = await this.#refresh(renewal, call)
    if (refreshed instanceof Token) return refreshed
    if (obtain !== 'refresh') return requireToken(await obtain(client, old, call))
    const why = old === undefined ? 'There is no token yet' : 'The token cannot be renewed'
    throw new ReauthorizationRequiredError(`${why}: the user has to sign in`, { cause: refreshed })
  }

  /** @returns a token; or the server's refusal; or nothing if there is nothing to refresh. */
  async #refresh(renewal: Renewal, call: CallOptions): Promise<Token | InvalidGrantError | undefined> {
    let refusal: InvalidGrantError | undefined
    for (let attempt = 0; attempt < 2; attempt++) {
      const token = this.#held?.token
      const refreshToken = token?.refreshToken
      if (token === undefined || refreshToken === undefined) break
      if (this.#dead?.refreshToken === refreshToken) return this.#dead.error
      try {
        return await renewal.client.refresh(token, call)
      } catch (error) {
        if (!(error instanceof InvalidGrantError)) throw error
        refusal = error
        this.#dead = { refreshToken, error }
      }
      // Without a lock another process may have refreshed in between: then there is a newer one.
      await this.#load(renewal)
      const newer = this.#usable(renewal)
      if (newer !== null && newer.token.refreshToken !== refreshToken) return newer.token
    }
    return refusal
  }

  /** Saves before anyone uses it. If another process was faster, theirs is used. */
  async #save(renewal: Renewal, fresh: Token, lock: TokenLock | undefined): Promise<Token> {
    const unsaved = { data: fresh.toData(), previous: this.#stored ?? null }
    this.#unsaved = unsaved
    const isSaved = await this.#trySave(unsaved, lock)
    this.#unsaved = null
    if (!isSaved) {
      await this.#load(renewal)
      const theirs = this.#usable(renewal)
      if (theirs !== null) return theirs.token
    }
    this.#adopt(fresh, renewal.client)
    return fresh
  }

  async #trySave(
    { data, previous }: { readonly data: TokenData; readonly previous: TokenData | null },
    lock: TokenLock | undefined,
  ): Promise<boolean> {
    try {
      return await this.#store.save(this.#key, data, { previous, ...(lock === undefined ? {} : { lock }) })
    } catch (error) {
      if (error instanceof LockLostError) return false
      throw error
    }
  }
}

function requireToken(value: unknown): Token {
  if (value instanceof Token) return value
  throw new UsageError('obtain() must resolve with a Token, as the grants of OAuth2Client do')
}
