import { redactUrl } from './errors.ts'
import { SENSITIVE_HEADERS } from './message/sensitive-headers.ts'
import { readOptions } from './options.ts'

/** What a {@link Redaction} masks beside what usually is a secret. */
export interface RedactionOptions {
  /** Further names of headers, URL parameters, form fields and JSON members whose values are masked. Case makes no difference. */
  readonly secretNames?: readonly string[]
  /** Texts that are masked wherever they stand, as they are and as URLs spell them: a password, an account's number. */
  readonly secretValues?: readonly string[]
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof RedactionOptions>(['secretNames', 'secretValues'])
/** What stands in place of a secret. */
const MASK = '***'
const CREDENTIALS = new Set(['authorization', 'proxy-authorization'])
const CHALLENGES = new Set(['www-authenticate', 'proxy-authenticate'])
/** Tokens of a handshake: they tell of the server's domain, and prove who it is. */
const HANDSHAKE_TOKEN = /\b(Negotiate|NTLM|Kerberos) +[A-Za-z0-9+/._~-]+=*/gi
const HOLD_URLS = new Set(['location', 'content-location', 'referer', 'link', 'refresh'])
const SECRET_HEADERS: readonly string[] = [
  ...SENSITIVE_HEADERS,
  'Authentication-Info',
  'Proxy-Authentication-Info',
  'X-CSRF-Token',
  'X-XSRF-Token',
  'X-Goog-Api-Key',
]
const SECRET_FIELDS: readonly string[] = [
  'access_token',
  'accessToken',
  'api_key',
  'apiKey',
  'assertion',
  'client_assertion',
  'client_secret',
  'clientSecret',
  'code_verifier',
  'id_token',
  'idToken',
  'passwd',
  'password',
  'private_key',
  'privateKey',
  'pwd',
  'refresh_token',
  'refreshToken',
  'secret',
  'signature',
  'token',
]

/**
 * Masks secrets in what is shown or kept of an exchange: values of the usual credential headers, of cookies, of URL parameters, form fields and
 * JSON members with the usual names. A secret without a name, such as one in a path or in plain text, is found by `secretValues` alone.
 */
export class Redaction {
  readonly #names: ReadonlySet<string>
  readonly #values: readonly string[]

  /** @throws UsageError for an unknown option. */
  constructor(options?: RedactionOptions) {
    const { secretNames = [], secretValues = [] } = readOptions(options, OPTION_KEYS, 'Redaction')
    this.#names = new Set([...SECRET_HEADERS, ...SECRET_FIELDS, ...secretNames].map((name) => name.toLowerCase()))
    const spelled = secretValues.flatMap((value) => [value, encodeURIComponent(value), formEncoded(value)])
    // Longest first, so that a value inside another leaves nothing of that one.
    this.#values = [...new Set(spelled)].filter((value) => value !== '').sort((a, b) => b.length - a.length)
  }

  /** Whether the value of this header, parameter, field or member is masked. */
  isSecret(name: string): boolean {
    return this.#names.has(name.toLowerCase())
  }

  /** Any text, with the secret values masked. */
  text(text: string): string {
    return this.#values.reduce((shown, value) => shown.replaceAll(value, MASK), text)
  }

  /** A URL, as `redactUrl` shows it, and less the values of secret names. */
  url(url: string): string {
    const [, before = '', query, fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(#.*)?$/s.exec(redactUrl(url)) ?? []
    return this.text(before + (query === undefined ? '' : `?${this.#pairs(query)}`) + fragment)
  }

  /** The value of one header line. Of credentials the scheme stays, of cookies the names and attributes. */
  header(name: string, value: string): string {
    const key = name.toLowerCase()
    if (CREDENTIALS.has(key)) return value.replace(/^([A-Za-z0-9!#$%&'*+.^_`|~-]+ +)?.+$/s, `$1${MASK}`)
    if (CHALLENGES.has(key)) return this.text(value.replace(HANDSHAKE_TOKEN, `$1 ${MASK}`))
    if (key === 'cookie') return this.text(value.split(';').map(maskCookie).join(';'))
    if (key === 'set-cookie') return this.text(value.replace(/^[^;]*/, maskCookie))
    if (this.isSecret(name)) return MASK
    return HOLD_URLS.has(key) ? this.url(value) : this.text(value)
  }

  /**
   * The text of a body: forms and JSON less the values of secret names. Other text, and JSON that is none, loses the secret values only.
   *
   * @param contentType - the body's Content-Type, or `null`.
   */
  body(text: string, contentType: string | null): string {
    const type = contentType?.toLowerCase() ?? ''
    if (type.includes('x-www-form-urlencoded')) return this.text(this.#pairs(text))
    return this.text(/[/+]json\b/.test(type) ? this.#json(text) : text)
  }

  /** `a=1&token=x`, the rest as it was spelled. */
  #pairs(text: string): string {
    const masked = text.split('&').map((pair) => {
      const [name = ''] = pair.split('=', 1)
      return pair.includes('=') && this.isSecret(decoded(name)) ? `${name}=${MASK}` : pair
    })
    return masked.join('&')
  }

  #json(text: string): string {
    try {
      let isMasked = false
      const value: unknown = JSON.parse(text, (name, member: unknown) => {
        if (name === '' || member === null || typeof member === 'object' || !this.isSecret(name)) return member
        isMasked = true
        return MASK
      })
      // Untouched text keeps its spelling: numbers past 2^53, white space, doubled names.
      return isMasked ? JSON.stringify(value) : text
    } catch {
      return text
    }
  }
}

/** `name=value` with its value masked; a cookie without a name is all value. */
function maskCookie(pair: string): string {
  return pair.slice(0, pair.indexOf('=') + 1) + MASK
}

function formEncoded(value: string): string {
  return new URLSearchParams([['', value]]).toString().slice(1)
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
