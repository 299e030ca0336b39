import { type FileHandle, open } from 'node:fs/promises'
import { extname } from 'node:path'
import type { Readable } from 'node:stream'
import {
  ConnectionError,
  Headers,
  InvalidURL,
  type PreparedRequest,
  redactUrl,
  Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'

const TYPES: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html'],
  ['.txt', 'text/plain'],
  ['.md', 'text/markdown'],
  ['.json', 'application/json'],
  ['.png', 'image/png'],
])
const STATUSES: ReadonlyMap<string, [status: number, reason: string]> = new Map([
  ['ENOENT', [404, 'Not Found']],
  ['ENOTDIR', [404, 'Not Found']],
  ['EISDIR', [404, 'Not Found']],
  ['EACCES', [403, 'Forbidden']],
])

/**
 * GET and HEAD of `file:` URLs on this machine. What is not there is a 404, another method a 405.
 *
 * Nothing travels, so timeouts, proxies and TLS settings have nothing to hold for.
 */
export class FileAdapter extends TransportAdapter {
  readonly #open = new Set<Readable>()

  async send(request: PreparedRequest, { signal }: TransportOptions): Promise<Response> {
    signal?.throwIfAborted()
    const path = filePath(request)
    if (request.method !== 'GET' && request.method !== 'HEAD')
      return new Response({ request, statusCode: 405, reason: 'Method Not Allowed', headers: { Allow: 'GET, HEAD' } })
    let file: FileHandle | undefined
    try {
      file = await open(path)
      const response = await this.#answer(request, path, file, signal)
      signal?.throwIfAborted()
      return response
    } catch (error) {
      await file?.close()
      return refusal(request, error, signal)
    }
  }

  async #answer(
    request: PreparedRequest,
    path: string,
    file: FileHandle,
    signal: AbortSignal | undefined,
  ): Promise<Response> {
    const stat = await file.stat()
    if (!stat.isFile()) throw Object.assign(new Error('not a file'), { code: 'EISDIR' })
    const headers = new Headers({
      'Content-Type': TYPES.get(extname(path).toLowerCase()) ?? 'application/octet-stream',
      'Content-Length': stat.size,
      'Last-Modified': stat.mtime.toUTCString(),
    })
    if (request.method === 'GET' && stat.size > 0)
      return new Response({ request, statusCode: 200, reason: 'OK', headers, body: this.#stream(file, signal) })
    await file.close()
    return new Response({ request, statusCode: 200, reason: 'OK', headers })
  }

  /** Reads as it is asked, and closes the file at the end, on abort, and with the adapter. */
  #stream(file: FileHandle, signal: AbortSignal | undefined): Readable {
    const stream = file.createReadStream({ highWaterMark: 64 * 1024 })
    const onAbort = (): void => void stream.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    this.#open.add(stream)
    stream.on('error', () => {})
    stream.once('close', () => {
      this.#open.delete(stream)
      signal?.removeEventListener('abort', onAbort)
    })
    return stream
  }

  async close(): Promise<void> {
    const closed = [...this.#open].map((stream) => new Promise((resolve) => stream.once('close', resolve)))
    for (const stream of this.#open)
      stream.destroy(new ConnectionError('the adapter was closed', { code: 'ERR_CLOSED' }))
    await Promise.all(closed)
  }
}

/** The path that a URL names: percent-decoded, without query and fragment. */
function filePath(request: PreparedRequest): string {
  const match = /^file:(?:\/\/(?:localhost)?)?(\/(?!\/)[^?#]*)/i.exec(request.url)
  if (match === null) throw new InvalidURL(`${redactUrl(request.url)} names no file of this machine`, { request })
  let path: string
  try {
    path = decodeURIComponent(match[1] ?? '')
  } catch (cause) {
    throw new InvalidURL(`${redactUrl(request.url)} is badly percent-encoded`, { request, cause })
  }
  if (path.includes('\0')) throw new InvalidURL('A file name cannot have a NUL byte', { request })
  return path
}

/** A status where HTTP has one for the system's error, and an exception where it has none. */
function refusal(request: PreparedRequest, cause: unknown, signal: AbortSignal | undefined): Response {
  if (signal?.aborted === true && cause === signal.reason) throw cause as Error
  const [statusCode, reason] = STATUSES.get((cause as NodeJS.ErrnoException).code ?? '') ?? []
  if (statusCode !== undefined) return new Response({ request, statusCode, reason: reason ?? '' })
  const facts = { connectionReused: false, requestBytesSent: 0, responseStarted: false }
  throw new ConnectionError(`${request.method} ${redactUrl(request.url)}: cannot be read`, { request, cause, ...facts })
}
