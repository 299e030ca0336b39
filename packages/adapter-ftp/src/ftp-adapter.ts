import { createHash } from 'node:crypto'
import {
  ConnectionError,
  InvalidHeader,
  InvalidURL,
  type PreparedRequest,
  type ResolvedLimits,
  resolveLimits,
  type Response,
  tlsIdentity,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { ConnectionPool, type PoolKey } from './connection-pool.ts'
import { FTPExchange } from './exchange.ts'
import { failure } from './failures.ts'
import { FTPResponse, refusalResponse } from './ftp-response.ts'
import { type FTPUrl, parseFTPUrl } from './ftp-url.ts'
import { type GatewayRequests, sendThroughGateway } from './gateway.ts'
import { type FTPAdapterOptions, type FTPSettings, readFTPOptions } from './options.ts'
import { type Credentials, credentialsOf } from './protocol/credentials.ts'
import type { FTPConnection } from './protocol/ftp-connection.ts'
import { LoginRefusal, openConnection } from './protocol/login.ts'
import { Refusal } from './protocol/refusal.ts'
import { beginTask, type Task } from './task.ts'
import { BodyFailure } from './upload.ts'
import { listDirectory } from './verbs/list.ts'
import { describe, retrieve } from './verbs/retrieve.ts'
import { append, makeDirectory, move, remove, store } from './verbs/store.ts'
import type { Verb, VerbContext } from './verbs/verb.ts'

const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ['GET', retrieve],
  ['HEAD', describe],
  ['PUT', store],
  ['POST', append],
  ['DELETE', remove],
  ['MKCOL', makeDirectory],
  ['MOVE', (context) => move(context, destinationOf(context))],
  ['LIST', (context) => listDirectory(context, 'LIST')],
  ['NLST', (context) => listDirectory(context, 'NLST')],
  ['MLSD', (context) => listDirectory(context, 'MLSD')],
])

/**
 * `ftp:` and `ftps:` URLs: a Session's requests become FTP commands, the replies become responses.
 *
 * Control connections are pooled by server, user, TLS settings and proxy; each serves one request at a time, and several requests take several.
 */
export class FTPAdapter extends TransportAdapter {
  readonly #settings: FTPSettings
  readonly #pool = new ConnectionPool()
  readonly #gatewayRequests: GatewayRequests = new Set()

  /** @throws UsageError for an unknown option, or a value that cannot be meant. */
  constructor(options?: FTPAdapterOptions) {
    super()
    this.#settings = readFTPOptions(options)
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    options.signal?.throwIfAborted()
    const url = parseFTPUrl(request)
    const verb = VERBS.get(request.method)
    if (verb === undefined) return notAllowed(request)
    if (options.proxy?.scheme.startsWith('http') === true && this.#settings.proxyMode === 'gateway')
      return sendThroughGateway(request, options, this.#gatewayRequests)
    const credentials = credentialsOf(request)
    const task = beginTask(request, options)
    let connection: FTPConnection
    try {
      connection = await this.#acquire(url, credentials, task)
    } catch (error) {
      if (error instanceof LoginRefusal) return this.#refusedAtLogin(error, request, credentials)
      throw described(error, task, credentials)
    }
    return this.#perform(verb, {
      exchange: new FTPExchange(connection, task, this.#pool),
      url,
      settings: this.#settings,
    })
  }

  #acquire(url: FTPUrl, credentials: Credentials, task: Task): Promise<FTPConnection> {
    const limits = limitsOf(this.#settings, task.options)
    return this.#pool.acquire({
      key: keyOf(url, credentials, task.options),
      task,
      limits,
      noopIntervalMs: this.#settings.noopIntervalMs,
      open: (signal) => openConnection({ ...url, credentials }, task, this.#settings, limits.headerBytes, signal),
    })
  }

  async #perform(verb: Verb, context: VerbContext): Promise<Response> {
    const { exchange } = context
    try {
      return await verb(context)
    } catch (error) {
      if (error instanceof BodyFailure) {
        exchange.fail(error.error)
        throw error.error
      }
      const { transcript } = exchange.connection.channel
      const described = exchange.describe(error)
      if (!(described instanceof Refusal)) {
        exchange.fail(described)
        throw described
      }
      const lines = transcript.lines
      exchange.finish()
      const { request } = exchange.task
      return refusalResponse(request, described.verb, described.reply, lines, (text) => transcript.redact(text))
    }
  }

  #refusedAtLogin(
    { verb, reply, transcript }: LoginRefusal,
    request: PreparedRequest,
    { password }: Credentials,
  ): Response {
    const redact = (text: string): string => (password.length < 4 ? text : text.replaceAll(password, '***'))
    return refusalResponse(request, verb, reply, transcript, redact)
  }

  async close(): Promise<void> {
    const closed = new ConnectionError('the adapter was closed', { code: 'ERR_CLOSED' })
    for (const sent of this.#gatewayRequests) sent.destroy(closed)
    await this.#pool.close()
  }
}

function notAllowed(request: PreparedRequest): Response {
  const headers = { Allow: [...VERBS.keys()].join(', ') }
  return new FTPResponse({
    request,
    statusCode: 405,
    reason: 'Method Not Allowed',
    headers,
    reply: null,
    transcript: [],
  })
}

function described(error: unknown, task: Task, { password }: Credentials): unknown {
  const { signal } = task.options
  if (signal?.aborted === true) return signal.reason
  const exception = failure(error, task, 'connect')
  if (password.length >= 4) exception.message = exception.message.replaceAll(password, '***')
  return exception
}

function limitsOf({ limits }: FTPSettings, options: TransportOptions): ResolvedLimits {
  return resolveLimits(limits, options.limits)
}

/** The path that `Destination` names. @throws InvalidHeader without one, or for another server. */
function destinationOf({ exchange, url }: VerbContext): Buffer {
  const { request } = exchange.task
  const given = request.headers.get('destination')
  if (given === null)
    throw new InvalidHeader('MOVE needs a Destination header: the new path, or a URL of the same server')
  const target = request.copy()
  target.url = given.startsWith('/') ? request.origin + given : given
  const parsed = parseFTPUrl(target)
  if (parsed.scheme !== url.scheme || parsed.host !== url.host || parsed.port !== url.port)
    throw new InvalidHeader('Destination names another server: FTP cannot move a file there')
  if (parsed.name.length === 0) throw new InvalidURL('Destination names no file or directory', { request })
  return parsed.name
}

/** Which requests may share a connection: those to one server, as one user, with equal trust, over one proxy. */
function keyOf(url: FTPUrl, credentials: Credentials, options: TransportOptions): PoolKey {
  const { proxy, proxyFlow, verify, cert } = options
  const origin = `${url.scheme}://${url.host}:${url.port}`
  const user = createHash('sha256')
    .update(JSON.stringify([credentials.user, credentials.password]))
    .digest('base64')
  const route = proxy === null ? '' : `${proxy.url} ${identify(proxyFlow?.poolKey)}`
  return { origin, text: [origin, user, tlsIdentity(verify, cert), route].join('|') }
}

const objectIds = new WeakMap<object, number>()
let ids = 0

/** Equal text for equal keys: by value, for objects by identity. */
function identify(key: unknown): string {
  if ((typeof key !== 'object' || key === null) && typeof key !== 'function') return `${typeof key} ${String(key)}`
  let id = objectIds.get(key)
  if (id === undefined) objectIds.set(key, (id = ++ids))
  return `object ${id}`
}
