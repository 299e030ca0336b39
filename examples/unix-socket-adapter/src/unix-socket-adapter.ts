import {
  HTTPAdapter,
  InvalidURL,
  type Limits,
  type PreparedRequest,
  readOptions,
  redactUrl,
  RequestException,
  Response,
  TransportAdapter,
  type TransportOptions,
  UsageError,
} from '@entreat/core'

/** What {@link UnixSocketAdapter} takes. */
export interface UnixSocketAdapterOptions {
  /** Limits that hold whatever the Session says, for each socket path. */
  readonly limits?: Limits | undefined
}

const OPTIONS: ReadonlySet<string> = new Set<keyof UnixSocketAdapterOptions>(['limits'])

/**
 * HTTP over Unix sockets: `http+unix://` and the socket's path, percent-encoded, where a URL has its host.
 *
 * Everything that travels is HTTPAdapter's work, of which there is one for each path. Nothing here leaves the machine, so there is no TLS, and a proxy is
 * refused.
 */
export class UnixSocketAdapter extends TransportAdapter {
  readonly #limits: Limits | undefined
  readonly #adapters = new Map<string, HTTPAdapter>()

  /** @throws UsageError for an unknown option. */
  constructor(options: UnixSocketAdapterOptions = {}) {
    super()
    this.#limits = readOptions(options, OPTIONS, 'UnixSocketAdapter').limits
  }

  /** @throws InvalidURL for a URL that names no socket; UsageError for a proxy; what HTTPAdapter throws. */
  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const path = socketPath(request)
    if (options.proxy !== null) throw proxyRefused(request)
    const forwarded = request.copy()
    // RFC 9112 section 3.2: Host says which site of the server is meant, and a socket has one.
    forwarded.url = `http://localhost${request.pathUrl}`
    try {
      return inTermsOf(request, await this.#adapterFor(path).send(forwarded, options))
    } catch (error) {
      // Facts and cause stay; what the caller knows the request by is put back.
      if (error instanceof RequestException) error.request = request
      throw error
    }
  }

  async close(): Promise<void> {
    const adapters = [...this.#adapters.values()]
    this.#adapters.clear()
    await Promise.all(adapters.map((adapter) => adapter.close()))
  }

  #adapterFor(path: string): HTTPAdapter {
    const known = this.#adapters.get(path)
    if (known !== undefined) return known
    const adapter = new HTTPAdapter({ socketPath: path, ...(this.#limits && { limits: this.#limits }) })
    this.#adapters.set(path, adapter)
    return adapter
  }
}

/**
 * The URL of a resource behind a socket.
 *
 * @param path - of the socket, absolute.
 * @param pathUrl - path and query of the resource. Default `/`.
 */
export function unixUrl(path: string, pathUrl: string = '/'): string {
  return `http+unix://${encodeURIComponent(path)}${pathUrl.startsWith('/') ? '' : '/'}${pathUrl}`
}

/** The socket that a URL names. */
function socketPath(request: PreparedRequest): string {
  const [, name = ''] = /^http\+unix:\/\/([^/?#]*)/.exec(request.url) ?? []
  let path: string
  try {
    path = decodeURIComponent(name)
  } catch (cause) {
    throw new InvalidURL(`${redactUrl(request.url)} is badly percent-encoded`, { request, cause })
  }
  if (path.startsWith('/') && !path.includes('\0')) return path
  throw new InvalidURL(
    `${redactUrl(request.url)} names no socket: give its absolute path percent-encoded, such as ${unixUrl('/run/docker.sock', '/version')}`,
    { request },
  )
}

function proxyRefused(request: PreparedRequest): UsageError {
  return new UsageError(
    `${request.method} ${redactUrl(request.url)}: a proxy does not lead to a socket of this machine. Say proxies: { 'http+unix': null }, or trustEnv: false`,
    { request },
  )
}

function inTermsOf(request: PreparedRequest, { statusCode, reason, headers, raw }: Response): Response {
  return new Response({ request, statusCode, reason, headers, body: raw })
}
