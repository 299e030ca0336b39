import type { GssContext, GssContextOptions, GssProvider, GssStep } from './gss-provider.ts'

/** What is used of the package `kerberos`. Its own types name the option `flags` otherwise than its code reads it. */
export interface KerberosModule {
  initializeClient(
    service: string,
    options: { readonly principal?: string; readonly flags: number; readonly mechOID: number },
  ): Promise<KerberosClient>
}

interface KerberosClient {
  readonly contextComplete: boolean
  step(challenge: string): Promise<string | null>
}

const GSS_C_DELEG_FLAG = 1
const GSS_C_MUTUAL_FLAG = 2
/** What the package calls SPNEGO. */
const GSS_MECH_OID_SPNEGO = 6
/** How every message of NTLM begins (MS-NLMP section 2.2.1). */
const NTLM_SIGNATURE = 'NTLMSSP\0'

/**
 * GSSAPI of the system, by the native package `kerberos`: the process's default credentials only, and no channel bindings.
 *
 * @throws Error if it is not installed, was not built, or runs on Windows.
 */
export async function kerberosProvider(): Promise<GssProvider> {
  if (process.platform === 'win32') throw new Error('kerberos is not supported on Windows')
  let module: { default?: KerberosModule } & Partial<KerberosModule>
  try {
    module = await import('kerberos')
  } catch (error) {
    throw new Error('the npm package kerberos is not installed, or its native part was not built', { cause: error })
  }
  return providerOf((module.default ?? module) as KerberosModule)
}

/** A provider that uses a module which is loaded already. */
export function providerOf(module: KerberosModule): GssProvider {
  return {
    name: 'kerberos',
    capabilities: { channelBindings: false, password: false, ccache: false, keytab: false, grantedFlags: false },
    createContext: (options) => new ClientContext(module, options),
  }
}

/** One client of the package, which is not safe for use by two requests. */
class ClientContext implements GssContext {
  readonly flags = null
  readonly #module: KerberosModule
  readonly #options: GssContextOptions
  #client: KerberosClient | null = null

  constructor(module: KerberosModule, options: GssContextOptions) {
    const { credentials, channelBindings } = options
    // It would ignore them, and sign in as somebody else.
    if (credentials !== undefined) throw new Error('the provider kerberos knows only the default credentials')
    if (channelBindings !== undefined) throw new Error('the provider kerberos cannot make channel bindings')
    this.#module = module
    this.#options = options
  }

  async step(token: Uint8Array | null): Promise<GssStep> {
    this.#client ??= await this.#initialize()
    const answer = await this.#client.step(token === null ? '' : Buffer.from(token).toString('base64'))
    const output = answer === null || answer === '' ? null : Buffer.from(answer, 'base64')
    // Where gss-ntlmssp is installed and there is no ticket, SPNEGO turns to NTLM.
    if (output?.includes(NTLM_SIGNATURE, 0, 'latin1') === true) {
      throw new Error('No credentials: without a Kerberos ticket the library wants to sign in by NTLM')
    }
    return { token: output, complete: this.#client.contextComplete }
  }

  #initialize(): Promise<KerberosClient> {
    const { service, principal, mutual, delegate } = this.#options
    const flags = (mutual ? GSS_C_MUTUAL_FLAG : 0) | (delegate ? GSS_C_DELEG_FLAG : 0)
    const mechOID = GSS_MECH_OID_SPNEGO
    return this.#module.initializeClient(service, { flags, mechOID, ...(principal === undefined ? {} : { principal }) })
  }

  /** The package frees its client when it is collected. */
  dispose(): void {
    this.#client = null
  }
}
