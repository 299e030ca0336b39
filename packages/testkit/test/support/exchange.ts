import {
  Agent,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type RequestOptions,
  request as sendHttp,
} from 'node:http'
import { Agent as TlsAgent, request as sendHttps } from 'node:https'
import type { ConnectionOptions } from 'node:tls'
import { testCertificates } from '@entreat/testkit'

/** What a test wants to send: Node's own options and a body. */
export interface ExchangeOptions
  extends Omit<RequestOptions, 'headers'>, Pick<ConnectionOptions, 'cert' | 'key' | 'minVersion'> {
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Uint8Array
}

/** A whole response, as Node's own client saw it. */
export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly trailers: IncomingMessage['trailers']
  readonly body: Buffer
  readonly text: string
  json<T = Record<string, unknown>>(): T
}

/** Sends one request with node:http or node:https, trusting the test authority, and reads the whole response. */
export function exchange(url: string, options: ExchangeOptions = {}): Promise<Answer> {
  const { body, ...rest } = options
  const isSecure = url.startsWith('https:')
  return new Promise((resolve, reject) => {
    const settings = { agent: false as const, ...rest, ...(isSecure ? { ca: testCertificates().ca } : {}) }
    const request = (isSecure ? sendHttps : sendHttp)(url, settings)
    // Node frames a body by itself for some methods only.
    if (body !== undefined) request.setHeader('Content-Length', Buffer.byteLength(body))
    request.on('error', reject)
    request.on('response', (response) => void collect(response).then(resolve, reject))
    request.end(body)
  })
}

/** An agent that keeps one connection. */
export function oneConnection(url: string): Agent {
  const options = { keepAlive: true, maxSockets: 1 }
  return url.startsWith('https:') ? new TlsAgent({ ...options, ca: testCertificates().ca }) : new Agent(options)
}

async function collect(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const body = Buffer.concat(chunks)
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    trailers: response.trailers,
    body,
    text: body.toString(),
    json: <T>() => JSON.parse(body.toString()) as T,
  }
}
