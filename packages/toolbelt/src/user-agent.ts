import { release, type } from 'node:os'
import { readOptions, UsageError } from '@entreat/core'

/** Options of {@link userAgent}. */
export interface UserAgentOptions {
  /** Further products, as names with versions. */
  readonly extras?: Readonly<Record<string, string>> | Iterable<readonly [name: string, version: string]>
  /** Whether to name the runtime: `Node.js/20.19.0`. Default `true`. */
  readonly includeImplementation?: boolean
  /** Whether to name the operating system: `Linux/6.8.0`. Default `true`. */
  readonly includeSystem?: boolean
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof UserAgentOptions>([
  'extras',
  'includeImplementation',
  'includeSystem',
])
/** RFC 9110 section 5.6.2. */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/**
 * The value of a User-Agent header: `app/1.0 extra/2 Node.js/20.19.0 Linux/6.8.0`.
 *
 * @throws UsageError for a name or version that is no token.
 * @see RFC 9110 section 10.1.5
 */
export function userAgent(name: string, version: string, options?: UserAgentOptions): string {
  const own = readOptions(options, OPTION_KEYS, 'userAgent()')
  const builder = new UserAgentBuilder(name, version).includeExtras(own.extras ?? [])
  if (own.includeImplementation ?? true) builder.includeImplementation()
  if (own.includeSystem ?? true) builder.includeSystem()
  return builder.build()
}

/** The same, piece by piece; in the order of the calls. */
export class UserAgentBuilder {
  readonly #products: string[]

  /** @throws UsageError for a name or version that is no token. */
  constructor(name: string, version: string) {
    this.#products = [product(name, version)]
  }

  includeExtras(extras: NonNullable<UserAgentOptions['extras']>): this {
    const pairs =
      Symbol.iterator in extras ? [...(extras as Iterable<readonly [string, string]>)] : Object.entries(extras)
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) throw new UsageError('Extras must be [name, version] pairs')
      this.#products.push(product(pair[0], pair[1]))
    }
    return this
  }

  includeImplementation(): this {
    const bun = process.versions['bun']
    const deno = process.versions['deno']
    const [name, version] =
      bun !== undefined ? ['Bun', bun] : deno !== undefined ? ['Deno', deno] : ['Node.js', process.versions.node]
    this.#products.push(product(name, version))
    return this
  }

  /** What the system does not tell is `Unknown`. */
  includeSystem(): this {
    const asToken = (text: string): string => text.replace(/[^!#$%&'*+\-.^_`|~0-9A-Za-z]+/g, '-') || 'Unknown'
    this.#products.push(product(asToken(type()), asToken(release())))
    return this
  }

  build(): string {
    return this.#products.join(' ')
  }
}

function product(name: string, version: string): string {
  for (const part of [name, version]) {
    if (typeof part === 'string' && TOKEN.test(part)) continue
    throw new UsageError(`${JSON.stringify(part)} cannot stand in User-Agent: it is no token (RFC 9110 section 10.1.5)`)
  }
  return `${name}/${version}`
}
