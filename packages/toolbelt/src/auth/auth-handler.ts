import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  type AuthInit,
  type Connection,
  type PreparedRequest,
  redactUrl,
  resolveAuth,
  type Response,
  UsageError,
} from '@entreat/core'

/** Where a strategy is used. */
interface Place {
  /** `https:` */
  readonly protocol: string
  /** The host, or what every host below ends in, with its dot. */
  readonly host: string
  readonly isWildcard: boolean
  /** Empty for the default port. */
  readonly port: string
  /** Ends in a slash. */
  readonly path: string
}

interface Strategy {
  readonly place: Place
  readonly auth: AuthBase
}

/**
 * Chooses a scheme for each request by its URL, and again for each redirect: credentials go where they belong, and nowhere else.
 *
 * A key is an origin, with a path if it is for that path and those below alone, and with `*.` for every host below: `https://api.example.com`,
 * `https://api.example.com/v2/`, `https://*.example.com`. Ports that a scheme implies make no difference. The closest key wins: a whole host before a
 * wildcard, a longer wildcard before a shorter, a longer path before a shorter.
 *
 * As `proxyAuth` it chooses by the proxy's URL.
 */
export class AuthHandler extends AuthBase {
  override readonly choosesByOrigin: boolean = true
  readonly #strategies = new Map<string, Strategy>()
  /** Whose connections those are that were bound, for each origin. */
  readonly #bound = new Map<string, unknown>()

  /**
   * @param strategies - schemes by key: an AuthBase, `[user, password]`, or a function that signs.
   * @throws UsageError for a key that is no such place, or a value that is no scheme.
   */
  constructor(strategies: Readonly<Record<string, AuthInit>> = {}) {
    super()
    for (const key of Object.keys(strategies)) this.addStrategy(key, strategies[key] as AuthInit)
  }

  /** Adds a scheme, in place of one with an equal key. `null` sends nothing there, where a wider key would. */
  addStrategy(key: string, auth: AuthInit): this {
    const place = readPlace(key)
    this.#strategies.set(nameOf(place), { place, auth: resolveAuth(auth) ?? new NoAuth() })
    return this
  }

  /** Removes a scheme, if there is one with an equal key. */
  removeStrategy(key: string): this {
    this.#strategies.delete(nameOf(readPlace(key)))
    return this
  }

  /** The scheme for a URL, or `null`. */
  getStrategyFor(url: string): AuthBase | null {
    let best: Strategy | null = null
    const target = parse(url)
    if (target === null) return null
    for (const strategy of this.#strategies.values()) {
      if (includes(strategy.place, target) && (best === null || isCloser(strategy.place, best.place))) best = strategy
    }
    return best === null || best.auth instanceof NoAuth ? null : best.auth
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    const auth = this.getStrategyFor(context.recipient === 'proxy' ? context.recipientOrigin : request.url)
    if (auth === null) {
      yield request
      return
    }
    const guarded = this.#guard(auth, request, context)
    if (auth.connectionBound) await guarded.bind()
    yield* auth.authFlow(request, guarded)
  }

  /** Connections that schemes bind themselves to are kept under our own key: at one origin they must all be of one credential. */
  #guard(auth: AuthBase, request: PreparedRequest, context: AuthContext): AuthContext {
    const place = `${context.recipient} ${context.recipientOrigin}`
    const bind = async (): Promise<Connection> => {
      if (!this.#bound.has(place)) this.#bound.set(place, auth.poolKey)
      if (this.#bound.get(place) === auth.poolKey) return context.bind()
      throw new AuthenticationError(
        `${auth.constructor.name} cannot bind connections to ${redactUrl(context.recipientOrigin)}: another scheme of this AuthHandler has bound some. Use an AuthHandler for each`,
        { request },
      )
    }
    return Object.create(context, { bind: { value: bind, enumerable: true } }) as AuthContext
  }
}

/** Nothing, on purpose. */
class NoAuth extends AuthBase {}

function readPlace(key: string): Place {
  const [, scheme, star = '', rest] = (typeof key === 'string' && /^(https?:\/\/)(\*\.)?([^*?#@\\]+)$/i.exec(key)) || []
  const url = scheme === undefined ? null : parse(`${scheme}${rest}`)
  if (url === null) {
    throw new UsageError(
      `AuthHandler: ${typeof key === 'string' ? JSON.stringify(redactUrl(key)) : typeof key} is no place for credentials. Give an origin, such as https://api.example.com, https://*.example.com or https://api.example.com/v2/`,
    )
  }
  const isWildcard = star !== ''
  return {
    protocol: url.protocol,
    host: isWildcard ? `.${url.hostname}` : url.hostname,
    isWildcard,
    port: url.port,
    path: url.pathname.endsWith('/') ? url.pathname : `${url.pathname}/`,
  }
}

function parse(text: string): URL | null {
  try {
    return new URL(text)
  } catch {
    return null
  }
}

function nameOf({ protocol, host, isWildcard, port, path }: Place): string {
  return `${protocol}//${isWildcard ? '*' : ''}${host}:${port}${path}`
}

function includes(place: Place, url: URL): boolean {
  if (place.protocol !== url.protocol || place.port !== url.port) return false
  if (place.isWildcard ? !url.hostname.endsWith(place.host) : url.hostname !== place.host) return false
  return `${url.pathname}/`.startsWith(place.path)
}

function isCloser(a: Place, b: Place): boolean {
  if (a.isWildcard !== b.isWildcard) return b.isWildcard
  if (a.host.length !== b.host.length) return a.host.length > b.host.length
  return a.path.length > b.path.length
}
