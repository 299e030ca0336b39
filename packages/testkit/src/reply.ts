import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { once } from 'node:events'

/**
 * Sends a value as JSON with a Content-Length.
 *
 * @param statusCode - default 200. Headers that were set on the response before are kept.
 */
export function sendJson(response: ServerResponse, value: unknown, statusCode = 200): void {
  const body = Buffer.from(`${JSON.stringify(value, null, 2)}\n`)
  sendBytes(response, body, { 'Content-Type': 'application/json' }, statusCode)
}

/** Sends text as UTF-8 with a Content-Length. */
export function sendText(response: ServerResponse, text: string, contentType: string): void {
  sendBytes(response, Buffer.from(text), { 'Content-Type': contentType })
}

/** Sends bytes with a Content-Length. `headers` do not replace those that were set before. */
export function sendBytes(
  response: ServerResponse,
  body: Uint8Array,
  headers: OutgoingHttpHeaders = {},
  statusCode = 200,
): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !response.hasHeader(name)) response.setHeader(name, value)
  }
  response.setHeader('Content-Length', body.length)
  response.statusCode = statusCode
  response.end(body)
}

/** Sends a head and an empty body. */
export function sendEmpty(response: ServerResponse, statusCode: number, headers: OutgoingHttpHeaders = {}): void {
  const hasBody = statusCode !== 204 && statusCode !== 304
  response.writeHead(statusCode, hasBody ? { 'Content-Length': 0, ...headers } : headers)
  response.end()
}

/**
 * Writes one piece of a body and waits until there is room for the next.
 *
 * @returns `false` if the client has gone: stop writing.
 */
export async function writeChunk(response: ServerResponse, chunk: Uint8Array): Promise<boolean> {
  if (response.destroyed) return false
  if (response.write(chunk)) return true
  const settled = new AbortController()
  const options = { signal: settled.signal }
  const outcomes = [once(response, 'drain', options), once(response, 'close', options)]
  await Promise.race(outcomes)
  settled.abort()
  await Promise.allSettled(outcomes)
  return !response.destroyed
}

/**
 * Waits, for as long as the client does.
 *
 * @returns `false` if the client has gone.
 */
export function pause(response: ServerResponse, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isOpen: boolean): void => {
      clearTimeout(timer)
      response.off('close', onClose)
      resolve(isOpen)
    }
    const onClose = (): void => finish(false)
    const timer = setTimeout(() => finish(true), ms)
    if (response.destroyed) onClose()
    else response.once('close', onClose)
  })
}
