import { once } from 'node:events'
import { type ClientRequest, type IncomingMessage, request as sendHttp } from 'node:http'
import type { Socket } from 'node:net'
import {
  Headers,
  openSocket,
  type PreparedRequest,
  ProxyError,
  type ProxyLeg,
  ReadTimeout,
  Response,
  tlsSettings,
  type TransportOptions,
} from '@entreat/core'
import { connectTimeout, failure } from './failures.ts'
import { Security } from './protocol/security.ts'
import { beginTask, describeTask, type Task, within } from './task.ts'
import { BodyFailure } from './upload.ts'

/** What HTTP knows and proxies translate into FTP. */
const TRANSLATED: ReadonlySet<string> = new Set(['GET', 'HEAD', 'PUT', 'DELETE'])

/** Requests that are under way, to be ended with the adapter. */
export type GatewayRequests = Set<ClientRequest>

/**
 * Lets an HTTP proxy fetch the URL: it is asked in absolute form (RFC 9112 section 3.2.2), speaks FTP itself, and its answer is the response.
 * Authorization goes along, for the proxy to sign in with. Each request has a connection of its own.
 */
export async function sendThroughGateway(
  request: PreparedRequest,
  options: TransportOptions,
  running: GatewayRequests,
): Promise<Response> {
  if (!TRANSLATED.has(request.method))
    throw new ProxyError(`A proxy does not translate ${request.method} into FTP: use proxyMode "tunnel"`, { request })
  const { proxyFlow } = options
  const send = (leg: PreparedRequest): Promise<Response> => exchange(leg, request, options, running)
  if (proxyFlow === undefined) return send(request)
  const leg: ProxyLeg = Object.assign(send, {
    bind: () => Promise.reject(new ProxyError('A proxy that fetches FTP URLs has no connection to bind', { request })),
  })
  // The flow signs a copy: an adapter never changes the request it is given.
  return proxyFlow(request.copy(), leg)
}

/** One request and its answer; `request` is the one that the caller knows. */
async function exchange(
  leg: PreparedRequest,
  request: PreparedRequest,
  options: TransportOptions,
  running: GatewayRequests,
): Promise<Response> {
  const task = beginTask(request, options)
  const { signal } = options
  try {
    const socket = await openGateway(task)
    const sent = sendHttp({ method: leg.method, path: targetOf(leg), createConnection: () => socket })
    running.add(sent)
    sent.once('close', () => running.delete(sent)).on('error', () => {})
    for (const [name, values] of linesOf(leg.headers)) sent.setHeader(name, values)
    const onAbort = (): void => void sent.destroy(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort, { once: true })
    sent.once('close', () => signal?.removeEventListener('abort', onAbort))
    if (signal?.aborted === true) onAbort()
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>
    answered.catch(() => {})
    await sendBody(sent, leg, task)
    const [answer] = await within(answered, options.timeout.read, () => silence(task, sent))
    return responseOf(answer, task, sent)
  } catch (error) {
    if (error instanceof BodyFailure) throw error.error
    if (signal?.aborted === true) throw signal.reason
    throw failure(error, task)
  }
}

async function openGateway(task: Task): Promise<Socket> {
  const { request, options } = task
  const proxy = options.proxy as NonNullable<TransportOptions['proxy']>
  const attempt = new AbortController()
  const onAbort = (): void => attempt.abort(options.signal?.reason)
  options.signal?.addEventListener('abort', onAbort, { once: true })
  try {
    const needs = { request, options: { ...options, proxy: null }, signal: attempt.signal }
    const opened = openSocket(proxy, needs).then((socket): Socket | Promise<Socket> =>
      proxy.scheme === 'https'
        ? new Security(proxy.host, tlsSettings(options.verify, options.cert), {}).secure(socket)
        : socket,
    )
    const { connect } = options.timeout
    return await within(opened, connect, () => {
      const error = connectTimeout(task, connect ?? 0)
      attempt.abort(error)
      return error
    })
  } finally {
    options.signal?.removeEventListener('abort', onAbort)
  }
}

/** The URL without fragment. */
function targetOf(leg: PreparedRequest): string {
  return leg.origin + leg.pathUrl.split('#', 1)[0]
}

function linesOf(headers: Headers): Map<string, string[]> {
  const lines = new Map<string, string[]>([['Connection', ['close']]])
  for (const [name, value] of headers.items()) lines.set(name, [...(lines.get(name) ?? []), value])
  return lines
}

async function sendBody(sent: ClientRequest, leg: PreparedRequest, task: Task): Promise<void> {
  const body = leg.body?.open()
  if (body === undefined) return void sent.end()
  task.requestBytesSent = 0
  try {
    for await (const piece of body instanceof Uint8Array ? [body] : body) {
      task.requestBytesSent += piece.byteLength
      if (!sent.write(piece) && !sent.destroyed) await drained(sent)
      if (sent.destroyed) return
    }
  } catch (error) {
    sent.destroy()
    throw new BodyFailure(error)
  }
  sent.end()
}

/** Resolves when more can be written, or nothing can. */
function drained(sent: ClientRequest): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      sent.off('drain', done).off('close', done)
      resolve()
    }
    sent.on('drain', done).on('close', done)
  })
}

function silence(task: Task, sent: ClientRequest): ReadTimeout {
  const message = `${describeTask(task)}: the proxy sent nothing for timeout.read = ${task.options.timeout.read} ms`
  const error = new ReadTimeout(message, { ...task })
  sent.destroy(error)
  return error
}

function responseOf(answer: IncomingMessage, task: Task, sent: ClientRequest): Response {
  task.responseStarted = true
  const headers = new Headers()
  for (let at = 0; at + 1 < answer.rawHeaders.length; at += 2) {
    const [name = '', value = ''] = answer.rawHeaders.slice(at, at + 2)
    if (!/^(?:transfer-encoding|connection|keep-alive)$/i.test(name)) headers.append(name, value)
  }
  return new Response({
    request: task.request,
    statusCode: answer.statusCode ?? 502,
    reason: answer.statusMessage ?? '',
    headers,
    body: piecesOf(answer, task, sent),
  })
}

async function* piecesOf(
  answer: IncomingMessage,
  task: Task,
  sent: ClientRequest,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal, timeout } = task.options
  const pieces = answer[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  try {
    for (;;) {
      const step = await within(pieces.next(), timeout.read, () => silence(task, sent))
      if (step.done === true) return
      yield step.value
    }
  } catch (error) {
    throw signal?.aborted === true ? signal.reason : failure(error, task, 'body')
  } finally {
    sent.destroy()
  }
}
