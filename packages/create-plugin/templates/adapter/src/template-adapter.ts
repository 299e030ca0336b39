import {
  ConnectionError,
  type PreparedRequest,
  readOptions,
  redactUrl,
  Response,
  TransportAdapter,
  type TransportOptions,
  UsageError,
} from '@entreat/core'

/** What {@link TemplateAdapter} takes. */
export interface TemplateAdapterOptions {
  /** Gives the content of a URL, or `null` for what is not there. Rejects where it cannot say. */
  readonly source: (url: URL, signal?: AbortSignal) => Promise<Uint8Array | null>
}

const OPTIONS: ReadonlySet<string> = new Set<keyof TemplateAdapterOptions>(['source'])

/** GET and HEAD of `template-scheme:` URLs. What is not there is a 404, another method a 405. */
export class TemplateAdapter extends TransportAdapter {
  readonly #source: TemplateAdapterOptions['source']

  /** @throws UsageError for an unknown option, and without a source. */
  constructor(options: TemplateAdapterOptions) {
    super()
    const own = readOptions(options, OPTIONS, 'TemplateAdapter')
    if (own.source === undefined) throw new UsageError('TemplateAdapter needs the option source')
    this.#source = own.source
  }

  /** @throws ConnectionError, with the original as its cause, where the content cannot be had. */
  async send(request: PreparedRequest, { signal }: TransportOptions): Promise<Response> {
    signal?.throwIfAborted()
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return new Response({ request, statusCode: 405, reason: 'Method Not Allowed', headers: { Allow: 'GET, HEAD' } })
    const content = await this.#content(request, signal)
    if (content === null) return new Response({ request, statusCode: 404, reason: 'Not Found' })
    const head = { request, statusCode: 200, reason: 'OK', headers: { 'Content-Length': content.byteLength } }
    return new Response({ ...head, body: request.method === 'HEAD' ? null : content })
  }

  /** Nothing is open between requests: connections, files or timers would be ended here. */
  async close(): Promise<void> {}

  async #content(request: PreparedRequest, signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    try {
      const content = await this.#read(new URL(request.url), signal)
      signal?.throwIfAborted()
      return content
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason
      // These three facts decide whether the request may be sent again.
      const facts = { connectionReused: false, requestBytesSent: 0, responseStarted: false }
      throw new ConnectionError(`${request.method} ${redactUrl(request.url)}: cannot be read`, {
        request,
        cause,
        ...facts,
      })
    }
  }

  /** Where the content comes from. Replace this, the option above, and the world in test/template-target.ts. */
  async #read(url: URL, signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    return this.#source(url, signal)
  }
}
