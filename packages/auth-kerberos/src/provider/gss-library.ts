import type { LibraryHandle } from 'koffi'
import {
  type Bindings,
  bindFunctions,
  type Cell,
  type GssBuffer,
  type GssFunctions,
  type Handle,
  type KeyValues,
  type Koffi,
  type Oid,
  type OidSet,
} from './gss-functions.ts'
import { GssFailure } from './gss-status.ts'

/** Where credentials are looked for, by the names that MIT gives them. */
export interface CredentialStore {
  readonly ccache: string
  readonly client_keytab?: string
}

/** What `gss_init_sec_context` is asked for. */
export interface InitiateOptions {
  readonly credential: Handle
  readonly target: Handle
  readonly flags: number
  readonly channelBindings: Uint8Array | null
  /** What the other side sent; `null` in the first step. */
  readonly token: Uint8Array | null
}

/** What one call of `gss_init_sec_context` gave. */
export interface Initiated {
  readonly token: Uint8Array | null
  readonly complete: boolean
  readonly flags: number
}

/** 1.3.6.1.5.5.2 (RFC 4178 section 3). */
export const SPNEGO: Oid = oid('2b0601050502')
/** 1.2.840.113554.1.2.2 (RFC 4121 section 1). */
export const KRB5: Oid = oid('2a864886f712010202')
/** 1.2.840.113554.1.2.1.4 and 1.2.840.113554.1.2.1.1 (RFC 2743 sections 4.1 and 4.2). */
const NAME_TYPES = { service: oid('2a864886f71201020104'), user: oid('2a864886f71201020101') }

const INDEFINITE = 0xffff_ffff
const INITIATE = 1
const CONTINUE_NEEDED = 1
/** The upper half of a major status is errors, the lower half information (RFC 2744 section 3.9.1). */
const ERRORS = 0xffff_0000
const GSS_CODE = 1
const MECH_CODE = 2
const MOST_STATUS_TEXTS = 8

function oid(hex: string): Oid {
  return { length: hex.length / 2, elements: Buffer.from(hex, 'hex') }
}

/**
 * GSSAPI in C, as RFC 2744 has it, with MIT's extensions. What may reach a KDC or a file runs on another thread. What the functions make belongs to the
 * caller, who frees it.
 */
export class GssLibrary {
  readonly #functions: GssFunctions

  /**
   * @param packed - whether its structures are aligned to two bytes.
   * @throws Error if a function is missing.
   */
  constructor(koffi: Koffi, library: LibraryHandle, packed: boolean) {
    this.#functions = bindFunctions(koffi, library, packed)
  }

  /** Whether credentials can be had from a store that is named, not from the default one alone. */
  get readsStores(): boolean {
    const { acquireFrom, storeInto } = this.#functions
    return acquireFrom !== null && storeInto !== null
  }

  /** Whether a password can get credentials, into a store that is named. */
  get takesPasswords(): boolean {
    return this.readsStores && this.#functions.acquireWithPassword !== null
  }

  /** A host-based service or a user as a name. No I/O: a name is resolved where it is used. */
  importName(text: string, kind: 'service' | 'user'): Handle {
    const minor: Cell<number> = [0]
    const name: Cell<Handle> = [null]
    this.#check(this.#functions.importName(minor, bufferOf(Buffer.from(text)), NAME_TYPES[kind], name), minor)
    return name[0]
  }

  /** Credentials of the default store, or of one that is named. */
  async acquire(mechanism: Oid, name: Handle, store: CredentialStore | null): Promise<Handle> {
    const { acquireFrom, acquire } = this.#functions
    const credential: Cell<Handle> = [null]
    const mechanisms = setOf(mechanism)
    if (acquireFrom === null || store === null) {
      await this.#call((minor, done) =>
        acquire.async(minor, name, INDEFINITE, mechanisms, INITIATE, credential, null, null, done),
      )
    } else {
      const pairs = pairsOf(store)
      await this.#call((minor, done) =>
        acquireFrom.async(minor, name, INDEFINITE, mechanisms, INITIATE, pairs, credential, null, null, done),
      )
    }
    return credential[0]
  }

  /** Writes the tickets of Kerberos credentials into a store. */
  async store(credential: Handle, store: CredentialStore): Promise<void> {
    const { storeInto } = this.#functions
    if (storeInto === null) throw new Error('the library cannot write credentials')
    const pairs = pairsOf(store)
    await this.#call((minor, done) => storeInto.async(minor, credential, INITIATE, KRB5, 1, 0, pairs, null, null, done))
  }

  /** Credentials that a password gets from the KDC. */
  async acquireWithPassword(mechanism: Oid, name: Handle, password: string): Promise<Handle> {
    const credential: Cell<Handle> = [null]
    const mechanisms = setOf(mechanism)
    const bytes = Buffer.from(password)
    const secret = bufferOf(bytes)
    const { acquireWithPassword } = this.#functions
    if (acquireWithPassword === null) throw new Error('the library takes no passwords')
    try {
      await this.#call((minor, done) =>
        acquireWithPassword.async(minor, name, secret, INDEFINITE, mechanisms, INITIATE, credential, null, null, done),
      )
    } finally {
      bytes.fill(0)
    }
    return credential[0]
  }

  /** Has SPNEGO offer Kerberos and nothing else: where gss-ntlmssp is installed, it would sign in by NTLM without saying so. */
  offerKerberosAlone(credential: Handle): void {
    const minor: Cell<number> = [0]
    this.#check(this.#functions.setNegotiable(minor, credential, setOf(KRB5)), minor)
  }

  /**
   * One step of a context by SPNEGO.
   *
   * @param context - where the context's address is kept.
   */
  async initiate(context: Cell<Handle>, options: InitiateOptions): Promise<Initiated> {
    const minor: Cell<number> = [0]
    const output: Partial<GssBuffer> = {}
    const granted: Cell<number> = [0]
    // Until the call is over, this function keeps what C reads.
    const bindings = options.channelBindings === null ? null : bindingsOf(options.channelBindings)
    const input = options.token === null ? null : bufferOf(options.token)
    const { credential, target, flags } = options
    const major = await this.#start((done) =>
      this.#functions.initiate.async(
        ...([minor, credential, context, target, SPNEGO, flags, 0, bindings, input] as const),
        ...([null, output, granted, null, done] as const),
      ),
    )
    const token = this.#takeBytes(output)
    this.#check(major, minor)
    return { token, complete: (major & CONTINUE_NEEDED) === 0, flags: granted[0] }
  }

  releaseName(name: Handle): void {
    if (name !== null) this.#functions.releaseName([0], [name])
  }

  /** Frees credentials, and the tickets that nothing else keeps. */
  releaseCredential(credential: Handle): void {
    if (credential !== null) this.#functions.releaseCredential([0], [credential])
  }

  deleteContext(context: Handle): void {
    if (context !== null) this.#functions.deleteContext([0], [context], null)
  }

  async #call(start: (minor: Cell<number>, done: Done) => void): Promise<void> {
    const minor: Cell<number> = [0]
    this.#check(await this.#start((done) => start(minor, done)), minor)
  }

  #start(start: (done: Done) => void): Promise<number> {
    return new Promise((resolve, reject) => {
      start((error, major) => (error ? reject(error) : resolve(major)))
    })
  }

  #check(major: number, [minor]: Cell<number>): void {
    if ((major & ERRORS) === 0) return
    const texts = [this.#describe(minor, MECH_CODE), this.#describe(major, GSS_CODE)]
    throw new GssFailure(texts.find((text) => isTelling(text)) ?? 'the call failed', major, minor)
  }

  #describe(status: number, type: number): string {
    const texts: string[] = []
    const more: Cell<number> = [0]
    do {
      const text: Partial<GssBuffer> = {}
      this.#functions.displayStatus([0], status, type, null, more, text)
      texts.push(
        Buffer.from(this.#takeBytes(text) ?? [])
          .toString()
          .replaceAll('\0', '')
          .trim(),
      )
    } while (more[0] !== 0 && texts.length < MOST_STATUS_TEXTS)
    return texts.join(', ')
  }

  /** Copies what a buffer of the library's holds, and frees it. */
  #takeBytes({ length, value }: Partial<GssBuffer>): Uint8Array | null {
    if (typeof value !== 'bigint' || value === 0n) return null
    const size = Number(length)
    const bytes = Buffer.alloc(size)
    // koffi's own decode() loses some bytes of memory each time.
    this.#functions.copyBytes(bytes, value, size)
    this.#functions.releaseBuffer([0], { length: size, value })
    return size === 0 ? null : bytes
  }
}

type Done = (error: Error | null, major: number) => void

function setOf(mechanism: Oid): OidSet {
  return { count: 1, elements: [mechanism] }
}

function pairsOf(store: CredentialStore): KeyValues {
  const elements = Object.entries(store).map(([key, value]) => ({ key, value: String(value) }))
  return { count: elements.length, elements }
}

function bufferOf(bytes: Uint8Array): GssBuffer {
  return { length: bytes.byteLength, value: bytes }
}

/** Without addresses: a client behind NAT has none to tell (RFC 4121 section 4.1.1.2). */
function bindingsOf(data: Uint8Array): Bindings {
  const none = bufferOf(new Uint8Array())
  const nothing: GssBuffer = { ...none, value: null }
  return { initiatorType: 0, initiator: nothing, acceptorType: 0, acceptor: nothing, data: bufferOf(data) }
}

/** A text that says something; else the other one is shown. */
function isTelling(text: string): boolean {
  return text !== '' && !/^(?:unknown error|success|unspecified gss failure)/i.test(text)
}
