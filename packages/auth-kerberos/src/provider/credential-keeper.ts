import type { Handle } from './gss-functions.ts'
import { type CredentialStore, type GssLibrary, KRB5, SPNEGO } from './gss-library.ts'
import type { GssContextOptions, KerberosCredentials } from './gss-provider.ts'
import { TicketStore } from './ticket-store.ts'

/** Tickets live for hours; new ones are got long before they end. */
const KEPT_MS = 30 * 60_000

/** Credentials in use: they are freed when they are retired and nobody uses them. */
export class CredentialLease {
  readonly handle: Handle
  /** Whether they are kept for later contexts too. */
  readonly isKept: boolean
  readonly #until: number = performance.now() + KEPT_MS
  readonly #free: () => void
  #users = 0
  #isRetired: boolean

  constructor(handle: Handle, isKept: boolean, free: () => void) {
    this.handle = handle
    this.isKept = isKept
    this.#free = free
    this.#isRetired = !isKept
  }

  /** Whether they may be taken: retired ones may have been freed. */
  get isFresh(): boolean {
    return !this.#isRetired && performance.now() < this.#until
  }

  take(): this {
    this.#users++
    return this
  }

  giveBack(): void {
    this.#users--
    if (this.#isRetired && this.#users === 0) this.#free()
  }

  /** Has the next context get new ones. */
  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    if (this.#users === 0) this.#free()
  }
}

/**
 * Gets credentials for contexts, and frees them.
 *
 * Those of a ccache are read anew for each context, so that `kinit` has effect at once. Those of a password or keytab hold the tickets that they got, in
 * memory: they are kept for as long as the scheme's options live.
 */
export class CredentialKeeper {
  readonly #gss: GssLibrary
  readonly #tickets: TicketStore | null
  readonly #kept = new WeakMap<KerberosCredentials, Promise<CredentialLease>>()
  readonly #abandoned = new FinalizationRegistry<CredentialLease>((lease) => lease.retire())

  constructor(gss: GssLibrary, tickets: TicketStore | null) {
    this.#gss = gss
    this.#tickets = tickets
  }

  /**
   * Credentials that offer Kerberos alone. Give them back.
   *
   * @throws GssFailure
   */
  async take(options: GssContextOptions): Promise<CredentialLease> {
    const { credentials, principal } = options
    if (credentials === undefined || credentials.ccache !== undefined) {
      const store = storeOf(credentials)
      const handle = await this.#acquire(principal, (name) => this.#gss.acquire(SPNEGO, name, store))
      return new CredentialLease(handle, false, () => this.#gss.releaseCredential(handle)).take()
    }
    for (;;) {
      const kept = this.#kept.get(credentials) ?? this.#keep(credentials, principal)
      const lease = await kept
      if (lease.isFresh) return lease.take()
      // It has been retired, or its time is over; unless another context has seen to it by now.
      if (this.#kept.get(credentials) === kept) this.#kept.delete(credentials)
      lease.retire()
    }
  }

  /** What Kerberos says itself of a ccache. SPNEGO says only that it has found no mechanism. */
  async diagnose({ credentials, principal }: GssContextOptions, failure: unknown): Promise<unknown> {
    if (
      !/cannot find mechanisms/i.test(String(failure)) ||
      (credentials !== undefined && credentials.ccache === undefined)
    )
      return failure
    const name = this.#importUser(principal)
    try {
      this.#gss.releaseCredential(await this.#gss.acquire(KRB5, name, storeOf(credentials)))
      return failure
    } catch (telling) {
      return telling
    } finally {
      this.#gss.releaseName(name)
    }
  }

  #keep(credentials: KerberosCredentials, principal: string | undefined): Promise<CredentialLease> {
    const { password, keytab } = credentials
    const made = password !== undefined ? this.#signIn(password, principal) : this.#readKeytab(keytab ?? '', principal)
    const kept = made.then((lease) => {
      this.#abandoned.register(credentials, lease, credentials)
      return lease
    })
    this.#kept.set(credentials, kept)
    kept.catch(() => this.#kept.delete(credentials))
    return kept
  }

  #signIn(password: string, principal: string | undefined): Promise<CredentialLease> {
    const store = { ccache: TicketStore.newName() }
    return this.#fill(store, principal, async (name) => {
      const credential = await this.#gss.acquireWithPassword(KRB5, name, password)
      try {
        await this.#gss.store(credential, store)
      } finally {
        this.#gss.releaseCredential(credential)
      }
    })
  }

  #readKeytab(keytab: string, principal: string | undefined): Promise<CredentialLease> {
    const store = { ccache: TicketStore.newName(), client_keytab: withType(keytab) }
    return this.#fill(store, principal, async (name) => {
      this.#gss.releaseCredential(await this.#gss.acquire(KRB5, name, store))
    })
  }

  /**
   * Credentials of a store in memory that Kerberos fills, whose errors say what is wrong. SPNEGO takes them from there: of itself it would say that it has
   * found no mechanism, and where gss-ntlmssp is installed it takes any password and says nothing.
   */
  async #fill(
    store: CredentialStore,
    principal: string | undefined,
    fill: (name: Handle) => Promise<void>,
  ): Promise<CredentialLease> {
    const destroy = (): void => this.#tickets?.destroy(store.ccache)
    try {
      const handle = await this.#acquire(principal, async (name) => {
        await fill(name)
        return this.#gss.acquire(SPNEGO, name, store)
      })
      return new CredentialLease(handle, true, () => {
        this.#gss.releaseCredential(handle)
        destroy()
      })
    } catch (error) {
      destroy()
      throw error
    }
  }

  async #acquire(principal: string | undefined, acquire: (name: Handle) => Promise<Handle>): Promise<Handle> {
    const name = this.#importUser(principal)
    try {
      // Not with Kerberos' identifier: SPNEGO would not find such credentials, and take the default ones, somebody else's.
      const credential = await acquire(name)
      try {
        this.#gss.offerKerberosAlone(credential)
      } catch (error) {
        this.#gss.releaseCredential(credential)
        throw error
      }
      return credential
    } finally {
      this.#gss.releaseName(name)
    }
  }

  #importUser(principal: string | undefined): Handle {
    return principal === undefined ? null : this.#gss.importName(principal, 'user')
  }
}

function storeOf(credentials: KerberosCredentials | undefined): CredentialStore | null {
  return credentials?.ccache === undefined ? null : { ccache: withType(credentials.ccache) }
}

/** A path is a file; so that one with a colon in it is not taken for a type. */
function withType(name: string): string {
  return /^[A-Z][A-Z0-9]*:/.test(name) ? name : `FILE:${name}`
}
