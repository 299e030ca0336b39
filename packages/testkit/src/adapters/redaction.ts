import { redactUrl } from '@entreat/core'
import type { RecordedBody, RecordedHeaders, RecordedInteraction } from './cassette.ts'

/** What is masked before an interaction is kept. */
export interface RedactionOptions {
  /** Further names of headers, query parameters, form fields and JSON members whose values are masked. Case makes no difference. */
  readonly secretNames?: readonly string[]
  /** Texts that are masked wherever they stand: a password, an account's number. */
  readonly secretValues?: readonly string[]
  /** Runs last, and may change anything: what it returns is kept. It sees requests at replay, too, and must not depend on the response then. */
  readonly redact?: (interaction: RecordedInteraction) => RecordedInteraction
}

/** What stands in place of a secret. */
export const MASK = '***'

const SECRET_HEADERS = [
  'authorization',
  'proxy-authorization',
  'authentication-info',
  'proxy-authentication-info',
  'cookie',
  'x-api-key',
  'api-key',
  'x-auth-token',
  'x-access-token',
  'x-amz-security-token',
  'x-csrf-token',
  'x-goog-api-key',
]
const SECRET_FIELDS = [
  'password',
  'passwd',
  'pwd',
  'secret',
  'token',
  'api_key',
  'apikey',
  'access_token',
  'refresh_token',
  'id_token',
  'client_secret',
  'client_assertion',
  'assertion',
  'code_verifier',
  'private_key',
  'signature',
]

/** Masks secrets: credentials in headers, cookies, URLs, forms and JSON, and whatever the options name. */
export class Redaction {
  readonly #names: ReadonlySet<string>
  readonly #values: readonly string[]
  readonly #redact: (interaction: RecordedInteraction) => RecordedInteraction

  constructor({ secretNames = [], secretValues = [], redact = (interaction) => interaction }: RedactionOptions = {}) {
    const extra = secretNames.map((name) => name.toLowerCase())
    this.#names = new Set([...SECRET_HEADERS, ...SECRET_FIELDS, ...extra])
    // Longest first, so that a value inside another leaves nothing of that one; and as URLs and forms spell them.
    const spelled = secretValues.flatMap((value) => [value, encodeURIComponent(value)])
    this.#values = [...new Set(spelled)].filter((value) => value !== '').sort((a, b) => b.length - a.length)
    this.#redact = redact
  }

  apply(interaction: RecordedInteraction): RecordedInteraction {
    const { request, response } = interaction
    return this.#redact({
      request: {
        method: request.method,
        url: this.#url(request.url),
        headers: this.#headers(request.headers),
        body: this.#body(request.body, request.headers),
      },
      response: {
        ...response,
        headers: this.#headers(response.headers),
        body: this.#body(response.body, response.headers),
      },
    })
  }

  #isSecret(name: string): boolean {
    return this.#names.has(name.toLowerCase())
  }

  #text(text: string): string {
    return this.#values.reduce((shown, value) => shown.replaceAll(value, MASK), text)
  }

  #url(url: string): string {
    const [before = '', query] = redactUrl(url).split(/\?(.*)/s)
    return this.#text(query === undefined ? before : `${before}?${this.#pairs(query)}`)
  }

  /** `a=1&token=x` with the values of secret names masked. The rest stays as it was spelled. */
  #pairs(text: string): string {
    const masked = text.split('&').map((pair) => {
      const [name = ''] = pair.split('=', 1)
      return pair.includes('=') && this.#isSecret(decoded(name)) ? `${name}=${MASK}` : pair
    })
    return masked.join('&')
  }

  #headers(headers: RecordedHeaders): RecordedHeaders {
    return headers.map(([name, value]) => [name, this.#header(name, value)] as const)
  }

  #header(name: string, value: string): string {
    const key = name.toLowerCase()
    // The scheme tells a test what was tried, and is no secret.
    if (key === 'authorization' || key === 'proxy-authorization') return value.replace(/^(\S+\s+)?.+$/s, `$1${MASK}`)
    if (key === 'set-cookie') return this.#text(value.replace(/^([^=;]*=)[^;]*/, `$1${MASK}`))
    if (key === 'location' || key === 'content-location' || key === 'referer') return this.#url(value)
    return this.#isSecret(name) ? MASK : this.#text(value)
  }

  #body(body: RecordedBody | null, headers: RecordedHeaders): RecordedBody | null {
    if (body === null || !('text' in body)) return body
    const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1].toLowerCase() ?? ''
    const { text, ...rest } = body
    if (type.includes('x-www-form-urlencoded')) return { ...rest, text: this.#text(this.#pairs(text)) }
    return { ...rest, text: this.#text(/[/+]json\b/.test(type) ? this.#json(text) : text) }
  }

  #json(text: string): string {
    try {
      let isMasked = false
      const value: unknown = JSON.parse(text, (name, member: unknown) => {
        if (name === '' || typeof member === 'object' || !this.#isSecret(name)) return member
        isMasked = true
        return MASK
      })
      // Untouched text keeps its spelling: numbers past 2^53, spaces, the order of doubled names.
      return isMasked ? JSON.stringify(value) : text
    } catch {
      return text
    }
  }
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name.replaceAll('+', ' '))
  } catch {
    return name
  }
}
