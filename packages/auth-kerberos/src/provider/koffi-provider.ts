import type { LibraryHandle } from 'koffi'
import { describeFailure, reasonOf } from '../gss-failure.ts'
import { CredentialKeeper, type CredentialLease } from './credential-keeper.ts'
import type { Cell, Handle, Koffi } from './gss-functions.ts'
import { GssLibrary } from './gss-library.ts'
import type { GssContext, GssContextOptions, GssFlags, GssProvider, GssStep } from './gss-provider.ts'
import { TicketStore } from './ticket-store.ts'

const GSS_C_DELEG_FLAG = 1
const GSS_C_MUTUAL_FLAG = 2

/**
 * GSSAPI of the system, by `koffi`: everything works. MIT Kerberos on Linux, the BSDs and macOS (Homebrew), else the GSS framework of macOS.
 *
 * @throws Error if koffi is not installed or the system has no GSSAPI.
 */
export function koffiProvider(): Promise<GssProvider> {
  loaded ??= loadKoffi().catch((error: unknown) => {
    loaded = null
    throw error
  })
  return loaded
}

/** Loaded once: a library that is unloaded under a context takes the process with it. */
let loaded: Promise<GssProvider> | null = null

async function loadKoffi(): Promise<GssProvider> {
  const koffi = await importKoffi()
  // gssapi.h packs its structures to two bytes for macOS on Intel, for the sake of old compilers.
  const packed = process.platform === 'darwin' && process.arch === 'x64'
  const gss = new GssLibrary(koffi, openLibrary(koffi), packed)
  return new KoffiProvider(gss, TicketStore.open(koffi))
}

class KoffiProvider implements GssProvider {
  readonly name = 'koffi'
  readonly capabilities: GssProvider['capabilities']
  readonly #gss: GssLibrary
  readonly #keeper: CredentialKeeper

  constructor(gss: GssLibrary, tickets: TicketStore | null) {
    this.#gss = gss
    this.#keeper = new CredentialKeeper(gss, tickets)
    const { readsStores, takesPasswords } = gss
    this.capabilities = {
      channelBindings: true,
      password: takesPasswords,
      ccache: readsStores,
      keytab: readsStores,
      grantedFlags: true,
    }
  }

  createContext(options: GssContextOptions): GssContext {
    return new KoffiContext(this.#gss, this.#keeper, options)
  }
}

class KoffiContext implements GssContext {
  readonly #gss: GssLibrary
  readonly #keeper: CredentialKeeper
  readonly #options: GssContextOptions
  readonly #context: Cell<Handle> = [null]
  #lease: CredentialLease | null = null
  #target: Handle = null
  #granted: number | null = null

  constructor(gss: GssLibrary, keeper: CredentialKeeper, options: GssContextOptions) {
    this.#gss = gss
    this.#keeper = keeper
    this.#options = options
  }

  get flags(): GssFlags | null {
    const granted = this.#granted
    if (granted === null) return null
    return { mutual: (granted & GSS_C_MUTUAL_FLAG) !== 0, delegated: (granted & GSS_C_DELEG_FLAG) !== 0 }
  }

  async step(token: Uint8Array | null): Promise<GssStep> {
    if (token !== null) return this.#advance(token)
    try {
      return await this.#begin()
    } catch (failure) {
      throw await this.#keeper.diagnose(this.#options, failure)
    }
  }

  /** Tickets that are kept may have ended early: once more with new ones. */
  async #begin(): Promise<GssStep> {
    this.#target = this.#gss.importName(this.#options.service, 'service')
    const lease = (this.#lease = await this.#keeper.take(this.#options))
    try {
      return await this.#advance(null)
    } catch (failure) {
      if (!lease.isKept || reasonOf(describeFailure(failure)) !== 'expired') throw failure
      lease.retire()
      this.#letGo()
      this.#lease = await this.#keeper.take(this.#options)
      return this.#advance(null)
    }
  }

  async #advance(token: Uint8Array | null): Promise<GssStep> {
    const { mutual, delegate, channelBindings = null } = this.#options
    const flags = (mutual ? GSS_C_MUTUAL_FLAG : 0) | (delegate ? GSS_C_DELEG_FLAG : 0)
    const credential = this.#lease?.handle ?? null
    const initiated = await this.#gss.initiate(this.#context, {
      credential,
      target: this.#target,
      flags,
      channelBindings,
      token,
    })
    this.#granted = initiated.flags
    return { token: initiated.token, complete: initiated.complete }
  }

  dispose(): void {
    this.#letGo()
    this.#gss.releaseName(this.#target)
    this.#target = null
  }

  #letGo(): void {
    this.#gss.deleteContext(this.#context[0])
    this.#context[0] = null
    this.#lease?.giveBack()
    this.#lease = null
  }
}

async function importKoffi(): Promise<Koffi> {
  try {
    const { default: koffi } = await import('koffi')
    return koffi
  } catch (error) {
    throw new Error('the npm package koffi is not installed or does not run here', { cause: error })
  }
}

/** Where the library may be, best first. */
function libraryPaths(): readonly string[] {
  if (process.platform === 'win32') return []
  if (process.platform !== 'darwin') {
    return ['libgssapi_krb5.so.2', 'libgssapi_krb5.so', 'libgssapi.so.3', 'libgssapi.so']
  }
  const folders = ['/opt/homebrew/opt/krb5/lib', '/usr/local/opt/krb5/lib', '/opt/local/lib']
  return [...folders.map((folder) => `${folder}/libgssapi_krb5.dylib`), '/System/Library/Frameworks/GSS.framework/GSS']
}

function openLibrary(koffi: Koffi): LibraryHandle {
  const failures: string[] = []
  for (const path of libraryPaths()) {
    try {
      // Deep: where Kerberos uses OpenSSL, it must find the system's and not the one inside Node.
      return koffi.load(path, { deep: true })
    } catch (error) {
      failures.push((error as Error).message)
    }
  }
  if (failures.length === 0) throw new Error('koffi reaches GSSAPI, which Windows does not have')
  throw new Error("the system's Kerberos library is missing", { cause: new Error(failures.join('; ')) })
}
