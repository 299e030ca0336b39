import { AuthenticationError, type PreparedRequest, type Response } from '@entreat/core'
import type { KerberosReason } from './gss-failure.ts'

// The tree, as it is caught:
//
//   AuthenticationError              of @entreat/core
//   ├─ KerberosError                 no token could be had
//   └─ MutualAuthenticationError     the server did not prove who it is

/** What these errors carry beside their message. */
export interface KerberosErrorOptions {
  readonly request: PreparedRequest
  /** Whom the token was for: `HTTP@web.example.com`. */
  readonly service: string
  readonly reason: KerberosReason
  readonly response?: Response | undefined
  readonly cause?: unknown
}

/** Shared by all copies of core: `instanceof` looks for names in this list. */
const BRANDS = Symbol.for('@entreat/core/errors')

/** Gives a class its name, its code, and a brand beside its parent's. */
function identify(type: { prototype: AuthenticationError }, name: string, code: string): void {
  const parent = Object.getPrototypeOf(type.prototype) as { readonly [BRANDS]?: readonly string[] }
  Object.defineProperties(type.prototype, {
    name: { value: name, writable: true, configurable: true },
    code: { value: code, writable: true, configurable: true },
    [BRANDS]: { value: [...(parent[BRANDS] ?? []), name] },
  })
}

/**
 * No Kerberos token could be had for the server: `reason` says why, the message what to do.
 *
 * @remedy Look at `reason`: get a ticket (`kinit`), correct the service name or the clock, or install a provider.
 */
export class KerberosError extends AuthenticationError {
  static {
    identify(this, 'KerberosError', 'ERR_KERBEROS')
  }

  /** For programs; the message says it to people. */
  readonly reason: KerberosReason
  /** Whom the token was for: `HTTP@web.example.com`. */
  readonly service: string

  constructor(message: string, { request, service, reason, response, cause }: KerberosErrorOptions) {
    super(message, { request, response, cause })
    this.reason = reason
    this.service = service
  }
}

/**
 * The server did not prove who it is: its token is missing, wrong, or does not complete the context. Its body was given up unread; `response` has the head.
 *
 * @remedy Do not trust the answer. If the server cannot prove itself, say `mutual: 'optional'`.
 */
export class MutualAuthenticationError extends AuthenticationError {
  static {
    identify(this, 'MutualAuthenticationError', 'ERR_MUTUAL_AUTHENTICATION')
  }

  /** For programs; the message says it to people. */
  readonly reason: KerberosReason
  /** Who should have answered: `HTTP@web.example.com`. */
  readonly service: string

  constructor(message: string, { request, service, reason, response, cause }: KerberosErrorOptions) {
    super(message, { request, response, cause })
    this.reason = reason
    this.service = service
  }
}

/** Method and URL as they may be shown: a query may hold secrets. */
export function describeRequest({ method, origin, pathUrl }: PreparedRequest): string {
  return `${method} ${origin}${pathUrl.split('?', 1)[0]}`
}
