import {
  HTTPAdapter,
  type PreparedRequest,
  type Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'

/** Sends every request to one server, whatever host it is for; the server reads from Host and X-Scheme what was meant. */
export class RedirectedWire extends TransportAdapter {
  readonly #http = new HTTPAdapter()
  readonly #server: string

  /** @param server - `http://host:port`. */
  constructor(server: string) {
    super()
    this.#server = server
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const redirected = request.copy()
    const [, scheme = '', authority = ''] = /^([a-z]+):\/\/([^/]*)/.exec(request.url) ?? []
    if (!redirected.headers.has('host')) redirected.headers.set('Host', authority)
    redirected.headers.set('X-Scheme', scheme)
    redirected.url = this.#server + request.pathUrl
    return this.#http.send(redirected, { ...options, proxy: null })
  }

  close(): Promise<void> {
    return this.#http.close()
  }
}
