import OAuth from 'oauth-1.0a'

/** Protocol parameters by name (RFC 5849 section 3.1): `oauth_…`, values as they are before encoding. */
export type ProtocolParameters = Readonly<Record<string, string>>

/** What of a request is signed. */
export interface SignedParts {
  readonly method: string
  /** Absolute, as it goes on the wire. */
  readonly url: string
  /** The Host header, where it is not the URL's own host. */
  readonly host?: string | null
  /** A form body's bytes; absent for any other body. */
  readonly form?: Uint8Array | null
}

/** Computes a signature from base string and key: `secret&tokenSecret`, both encoded. */
export type Sign = (baseString: string, signingKey: string) => string | Promise<string>

/** Who signs. */
export interface Signer {
  readonly clientKey: string
  readonly clientSecret: string
  readonly sign: Sign
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = { http: ':80', https: ':443' }
const URL_PARTS = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)([^?#]*)(?:\?([^#]*))?/i
const UNRESERVED = /[A-Za-z0-9\-._~]/
const ENCODED_OR_NOT_UNRESERVED = /%[0-9a-fA-F]{2}|[^A-Za-z0-9\-._~]/g

/**
 * The arithmetic of OAuth 1: encoding, keys, base strings, the header.
 *
 * `oauth-1.0a` has the first and the last right. What it does with requests is not RFC 5849: names are never decoded, `+` is no space, a name in query and form
 * is signed once, hosts keep their case and default ports. So those four methods are replaced, and `authorize()`, which builds on the rest, is never called.
 */
export class SignaturePrimitives extends OAuth {
  constructor({ clientKey, clientSecret, sign }: Signer) {
    const consumer = { key: clientKey, secret: clientSecret }
    // It passes on what the function gives, a promise too; only its types say otherwise. It reads more options than these, and would find inherited ones.
    const options = { consumer, signature_method: 'given', hash_function: sign as OAuth.HashFunction }
    super(Object.assign(Object.create(null), options) as OAuth.Options)
    // The secret stays out of what is printed.
    Object.defineProperty(this, 'consumer', { value: consumer, enumerable: false })
  }

  /** Signs what {@link baseString} gives. */
  async signature(parts: SignedParts, protocol: ProtocolParameters, tokenSecret: string): Promise<string> {
    return this.getSignature(libraryRequest(parts), tokenSecret, protocol as unknown as OAuth.Data)
  }

  /** RFC 5849 section 3.4.1. */
  baseString(parts: SignedParts, protocol: ProtocolParameters): string {
    return this.getBaseString(libraryRequest(parts), protocol as unknown as OAuth.Data)
  }

  /** RFC 5849 section 3.5.1: realm first, then the parameters by name. @param realm - `null`: none. */
  header(protocol: ProtocolParameters, realm: string | null): string {
    const { Authorization } = this.toHeader(protocol as unknown as OAuth.Authorization)
    // RFC 9110 section 5.6.4; the library writes a realm as it is, and cannot write an empty one.
    return realm === null ? Authorization : Authorization.replace('OAuth ', () => `OAuth realm="${quoted(realm)}", `)
  }

  /** RFC 5849 sections 3.5.2 and 3.5.3: the parameters by name, encoded, joined by `&`. */
  formText(protocol: ProtocolParameters): string {
    const names = Object.keys(protocol).sort()
    return names.map((name) => `${this.percentEncode(name)}=${this.percentEncode(protocol[name] as string)}`).join('&')
  }

  /** RFC 5849 section 3.6. Text that is no UTF-16 would raise URIError; it is encoded as Node encodes it. */
  override percentEncode(text: string): string {
    return super.percentEncode(text.toWellFormed())
  }

  override getBaseString(request: OAuth.RequestOptions, protocol: OAuth.Data): string {
    const parts = [
      request.method.toUpperCase(),
      this.getBaseUrl(request.url),
      this.getParameterString(request, protocol),
    ]
    return parts.map((part) => this.percentEncode(part)).join('&')
  }

  /** RFC 5849 section 3.4.1.2. The path is signed as it goes on the wire. */
  override getBaseUrl(url: string): string {
    const [, scheme = '', authority = '', path = ''] = URL_PARTS.exec(url) ?? []
    const lower = scheme.toLowerCase()
    const host = authority.slice(authority.lastIndexOf('@') + 1).toLowerCase()
    const port = DEFAULT_PORTS[lower]
    const shown = port !== undefined && host.endsWith(port) ? host.slice(0, -port.length) : host
    return `${lower}://${shown}${path || '/'}`
  }

  /** RFC 5849 section 3.4.1.3: query, form and protocol parameters, encoded, then sorted as they are encoded. */
  override getParameterString(request: OAuth.RequestOptions, protocol: OAuth.Data): string {
    const [, , , , query = ''] = URL_PARTS.exec(request.url) ?? []
    const pairs = [...encodedPairs(Buffer.from(query)), ...encodedPairs(request.data as Uint8Array | null)]
    for (const [name, value] of Object.entries(protocol)) {
      pairs.push([this.percentEncode(name), this.percentEncode(String(value))])
    }
    return pairs
      .filter(([name]) => name !== 'oauth_signature')
      .sort(([name, value], [otherName, otherValue]) => compare(name, otherName) || compare(value, otherValue))
      .map(([name, value]) => `${name}=${value}`)
      .join('&')
  }

  override getNonce(): string {
    throw new Error('Nonces are made elsewhere, from random bytes')
  }
}

function libraryRequest({ method, url, host, form }: SignedParts): OAuth.RequestOptions {
  // RFC 5849 section 3.4.1.2: the authority is that of the Host header.
  const named =
    typeof host === 'string' && host !== '' ? url.replace(/^([^:]*:\/\/)[^/?#]*/, (_, scheme) => scheme + host) : url
  return { method, url: named, data: form ?? null }
}

/**
 * The pairs of a query or form, encoded for signing: decoded and encoded again byte by byte, so that what is no UTF-8 stays what it is.
 *
 * @param text - `application/x-www-form-urlencoded`.
 */
export function encodedPairs(text: Uint8Array | null): [name: string, value: string][] {
  if (text === null) return []
  const pairs: [string, string][] = []
  for (const pair of Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1').split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const [name, value] = equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)]
    pairs.push([encodedAgain(name), encodedAgain(value)])
  }
  return pairs
}

function encodedAgain(text: string): string {
  return text.replace(ENCODED_OR_NOT_UNRESERVED, (found) => {
    if (found === '+') return '%20'
    const byte = found.length === 3 ? Number.parseInt(found.slice(1), 16) : found.charCodeAt(0)
    const character = String.fromCharCode(byte)
    return UNRESERVED.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  })
}

function quoted(text: string): string {
  return text.replace(/["\\]/g, '\\$&')
}

/** By code unit: encoded text is ASCII, where this is the byte order that RFC 5849 asks for. */
function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
