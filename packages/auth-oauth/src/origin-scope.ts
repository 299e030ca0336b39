import { UsageError } from '@entreat/core'

/**
 * The origins that a credential may be sent to.
 *
 * A list is what it says. Without one, the first origin that is asked for is the only one: a Session that also visits other hosts shows them nothing.
 * Going from http to https on the default ports of one host stays inside, as it does for redirects.
 */
export class OriginScope {
  readonly #origins: Set<string>
  readonly #isOpen: boolean

  /**
   * @param origins - such as `https://api.example.com`; paths are not looked at.
   * @throws UsageError for what is no origin.
   */
  constructor(origins?: readonly string[]) {
    this.#isOpen = origins === undefined
    this.#origins = new Set(origins?.map(readOrigin))
  }

  /** Whether a credential may go there. @param origin - `scheme://host[:port]`, or a URL. */
  allows(origin: string): boolean {
    const wanted = normalise(origin)
    if (this.#isOpen && this.#origins.size === 0) this.#origins.add(wanted)
    return this.#origins.has(wanted) || this.#origins.has(beforeUpgrade(wanted))
  }
}

function readOrigin(origin: unknown): string {
  if (typeof origin === 'string' && /^https?:\/\/[^/?#]/i.test(origin) && URL.canParse(origin)) return normalise(origin)
  throw new UsageError('origins must be a list of origins, such as https://api.example.com')
}

function normalise(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).origin : origin
}

/** The http origin whose redirect to https leads here; only default ports have one. */
function beforeUpgrade(origin: string): string {
  return /^https:\/\/(?:\[[^\]]*\]|[^:]*)$/.test(origin) ? origin.replace('https:', 'http:') : origin
}
