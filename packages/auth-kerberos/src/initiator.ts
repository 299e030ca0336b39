import {
  AuthenticationError,
  type AuthContext,
  type Connection,
  type PreparedRequest,
  type Response,
  UsageError,
} from '@entreat/core'
import { describeRequest, KerberosError } from './errors.ts'
import { TicketFlights } from './ticket-flights.ts'
import { adviceFor, describeFailure, type KerberosReason, reasonOf } from './gss-failure.ts'
import { Handshake, type HandshakeSetting } from './handshake.ts'
import type { ResolvedKerberosOptions } from './kerberos-options.ts'
import { sharedNativeCalls } from './native-calls.ts'
import { OutOfPatience } from './patience.ts'
import { RecentOrigins } from './recent-origins.ts'
import type { GssProvider } from './provider/gss-provider.ts'
import { checkCapabilities, loadProvider, type NeededCapability } from './provider/load-provider.ts'

/** What the exchanges of one scheme share: its options, the provider, and which origins have asked for tokens. */
export class Initiator {
  readonly options: ResolvedKerberosOptions
  /** Who has asked for Negotiate, and is not waited for any more. */
  readonly asking: RecentOrigins<true> = new RecentOrigins()
  /** Connections that have carried a token. */
  readonly signedIn: WeakSet<Connection> = new WeakSet()
  readonly #flights = new TicketFlights()
  readonly #scheme: string
  #setting: Promise<HandshakeSetting> | null = null

  /** @param scheme - as errors name it. */
  constructor(options: ResolvedKerberosOptions, scheme: string) {
    this.options = options
    this.#scheme = scheme
    if (options.provider !== null) this.#check(options.provider)
  }

  /** Whom a token is for: `HTTP@web.example.com`. */
  serviceOf(context: AuthContext): string {
    return `${this.options.service}@${this.options.hostname ?? hostOf(context.recipientOrigin)}`
  }

  /**
   * A handshake, not begun yet.
   *
   * @param channelBindings - what ties it to the connection, or `null`.
   * @throws UsageError if no provider can do what the options ask for.
   */
  async prepare(context: AuthContext, channelBindings: Uint8Array | null): Promise<Handshake> {
    const setting = await (this.#setting ??= this.#load())
    const { principal, credentials } = this.options
    const options = {
      service: this.serviceOf(context),
      mutual: this.mutualFor(context) !== 'off',
      delegate: this.options.delegate && context.recipient === 'origin',
      ...(principal === null ? {} : { principal }),
      ...(credentials === null ? {} : { credentials }),
      ...(channelBindings === null || !setting.provider.capabilities.channelBindings ? {} : { channelBindings }),
    }
    return new Handshake(setting, options, context.signal)
  }

  /** What is asked of this recipient. Few proxies prove who they are: they must only if the user says so. */
  mutualFor({ recipient }: AuthContext): 'required' | 'optional' | 'off' {
    return this.options.mutual ?? (recipient === 'proxy' ? 'optional' : 'required')
  }

  /** What the caller is told about a step that failed. */
  explain(error: unknown, request: PreparedRequest, context: AuthContext, response?: Response): unknown {
    if (error instanceof AuthenticationError || error instanceof UsageError) return error
    const { signal } = context
    if (signal?.aborted === true && error === signal.reason) return error
    const text =
      error instanceof OutOfPatience ? `no answer within ${this.options.timeoutMs} ms` : describeFailure(error)
    const reason: KerberosReason = error instanceof OutOfPatience ? 'timeout' : reasonOf(text)
    return this.failure(text, reason, { request, context, response, cause: error })
  }

  /** An error that says what failed, for whom, and what to do. */
  failure(text: string, reason: KerberosReason, where: FailurePlace): KerberosError {
    const { request, context, response, cause } = where
    const service = this.serviceOf(context)
    const message = `${describeRequest(request)}: no Kerberos token for ${service}: ${text}. ${adviceFor(reason, service)}`
    return new KerberosError(message, { request, service, reason, response, cause })
  }

  async #load(): Promise<HandshakeSetting> {
    try {
      const provider = this.options.provider ?? (await loadProvider(this.#needs()))
      return { provider, calls: sharedNativeCalls(), flights: this.#flights, timeoutMs: this.options.timeoutMs }
    } catch (error) {
      // It may have been installed by the next request.
      this.#setting = null
      throw error
    }
  }

  #check(provider: GssProvider): void {
    try {
      checkCapabilities(provider, this.#needs())
    } catch (error) {
      throw new UsageError(`${this.#scheme}: ${(error as Error).message}`)
    }
  }

  #needs(): NeededCapability[] {
    const { credentials, channelBindings } = this.options
    const needs = Object.keys(credentials ?? {}) as NeededCapability[]
    if (channelBindings === 'require') needs.push('channelBindings')
    return needs
  }
}

/** Where a failure happened. */
export interface FailurePlace {
  readonly request: PreparedRequest
  readonly context: AuthContext
  readonly response?: Response | undefined
  readonly cause?: unknown
}

/** The host of an origin: without port, brackets and the dot of an absolute name. */
function hostOf(origin: string): string {
  const { hostname } = new URL(origin)
  return hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

/** Whether an origin's host is an address: Kerberos knows no such principals. */
export function isAddress(origin: string): boolean {
  return /^\[|^\d+(?:\.\d+){3}$/.test(new URL(origin).hostname)
}
