import { redactInvalidUrl, UsageError } from '../errors.ts'
import type { PreparedRequest } from '../message/prepared-request.ts'
import { type ParsedUrl, parseUrl, sameCredentialScope } from '../message/url.ts'
import type { AuthContext } from './auth-base.ts'

/** Which origins a scheme may answer. */
export interface OriginScopeOptions {
  /**
   * `https://intranet.example.com`, or `https://*.example.com` for every host below, each with its port where it is not the scheme's own. Naming an origin with
   * `http` allows it in plain text. Default: the origin of the first request, if it is https or this machine.
   */
  readonly origins?: readonly string[] | undefined
}

/** An origin, or all the hosts below one. */
interface Entry {
  /** What is compared; a host below stands here as `x.` and what follows the star. */
  readonly url: ParsedUrl
  /** `.example.com`, or `null` for one host. */
  readonly suffix: string | null
}

/**
 * The origins that a scheme's credentials are for. A scheme that answers challenges asks here first: whoever can make a client send a request could otherwise
 * collect what the scheme answers with.
 *
 * A proxy is always allowed: it is asked only where the user has named both it and the credentials for it.
 */
export class OriginScope {
  readonly #scheme: string
  readonly #entries: readonly Entry[] | null
  #first: ParsedUrl | null = null

  /**
   * @param scheme - the scheme's name, for errors.
   * @throws UsageError for an entry that is no origin.
   */
  constructor({ origins }: OriginScopeOptions, scheme: string) {
    this.#scheme = scheme
    this.#entries = origins === undefined ? null : readEntries(origins, scheme)
  }

  /**
   * Whether the recipient may be answered. Without a list, the first origin that is asked about is the one.
   *
   * @returns `null` if it may, else why not and what to do, as a sentence.
   */
  refusal(request: PreparedRequest, context: Pick<AuthContext, 'recipient'>): string | null {
    if (context.recipient === 'proxy') return null
    const { parsedUrl: url, origin } = request
    if (this.#entries !== null) {
      if (this.#entries.some((entry) => includes(entry, url))) return null
      return `${this.#scheme} does not answer ${origin}: it is not among its origins. Add it to them if it may have these credentials`
    }
    this.#first ??= url
    if (!sameCredentialScope(this.#first, url)) {
      return `${this.#scheme} answers only ${this.#first.origin}, where it was used first, not ${origin}. Name all that may have these credentials in its option origins`
    }
    if (url.scheme === 'https' || isLoopbackHost(url.host)) return null
    return `${this.#scheme} does not answer ${origin} in plain text. Use https, or allow it by naming it: origins: ['${origin}']`
  }
}

function readEntries(origins: readonly string[], scheme: string): Entry[] {
  if (!Array.isArray(origins)) throw new UsageError(`${scheme}: origins must be a list of origins`)
  return origins.map((text) => readEntry(text, scheme))
}

function readEntry(text: unknown, scheme: string): Entry {
  const [, head, star, tail] = (typeof text === 'string' && /^(https?:\/\/)(\*(?=\.[^.]))?([^*]+)$/i.exec(text)) || []
  const url = head === undefined ? null : tryParse(`${head}${star === undefined ? '' : 'x'}${tail}`)
  if (url === null || url.userinfo !== null || url.pathUrl !== '/' || url.fragment !== null) {
    throw new UsageError(
      `${scheme}: ${typeof text === 'string' ? JSON.stringify(redactInvalidUrl(text)) : typeof text} is no origin. An origin is a scheme and a host, such as https://example.com or https://*.example.com`,
    )
  }
  return { url, suffix: star === undefined ? null : url.host.slice(1) }
}

function tryParse(text: string): ParsedUrl | null {
  try {
    return parseUrl(text)
  } catch {
    return null
  }
}

function includes({ url, suffix }: Entry, asked: ParsedUrl): boolean {
  if (suffix === null) return sameCredentialScope(url, asked)
  return asked.host.endsWith(suffix) && sameCredentialScope({ ...url, host: asked.host }, asked)
}

/**
 * Whether a host is this machine: `localhost` and names below it (RFC 6761 section 6.3), 127.0.0.0/8, `::1`.
 *
 * @param host - in lower case, an IPv6 address in brackets: as in `new URL(…).hostname`.
 */
export function isLoopbackHost(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost') || host === '[::1]') return true
  return /^127(?:\.(?:0|[1-9]\d{0,2})){3}$/.test(host)
}
