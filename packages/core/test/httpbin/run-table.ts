// Runs the table of calls with Sessions; lab/httpbin/requests-peer.py runs the same one with Python Requests.
import {
  BasicAuth,
  BearerAuth,
  DigestAuth,
  RequestException,
  Session,
  type AuthBase,
  type RequestOptions,
  type Response,
} from '@entreat/core'
import type { Call, Content, FileContent, Outcome, Reading } from './call.ts'

function toAuth(auth: NonNullable<Call['auth']>): AuthBase {
  if (auth.type === 'bearer') return new BearerAuth(auth.token)
  return auth.type === 'digest' ? new DigestAuth(auth.user, auth.password) : new BasicAuth(auth.user, auth.password)
}

const toContent = (content: Content): string | Uint8Array =>
  typeof content === 'string' ? content : Buffer.from(content.base64, 'base64')

async function* oneShot(chunks: string[]): AsyncGenerator<string> {
  yield* chunks
}

function toOptions(call: Call, hops: number[]): RequestOptions {
  const options: RequestOptions = { hooks: { response: (response: Response) => void hops.push(response.statusCode) } }
  if (call.params) options.params = call.params
  if (call.headers) options.headers = call.headers
  if (call.cookies) options.cookies = call.cookies
  if (call.form) options.data = call.form
  if (call.body !== undefined) options.data = toContent(call.body)
  if (call.chunks) options.data = oneShot(call.chunks)
  if (call.json !== undefined) options.json = call.json
  if (call.files) options.files = call.files.map(([field, file]) => [field, toFile(file)])
  if (call.auth) options.auth = toAuth(call.auth)
  if (call.allowRedirects !== undefined) options.allowRedirects = call.allowRedirects
  if (call.maxRedirects !== undefined) options.maxRedirects = call.maxRedirects
  if (call.timeoutMs !== undefined) options.timeout = call.timeoutMs
  if (call.stream !== undefined) options.stream = call.stream
  return options
}

function toFile({ name, content, type }: FileContent): [string, string | Uint8Array, string?] {
  return type === undefined ? [name, toContent(content)] : [name, toContent(content), type]
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = []
  for await (const item of items) list.push(item)
  return list
}

const pieces = (response: Response, size = 64): Promise<Uint8Array[]> => all(response.iterContent(size))
const lines = (response: Response): Promise<string[]> => all(response.iterLines({ decodeUnicode: true }))

const readers: Record<Reading, (response: Response, call: Call) => unknown> = {
  none: () => null,
  json: (response) => response.json(),
  text: (response) => response.text,
  bytes: (response) => base64(response.content),
  lines,
  jsonLines: async (response) => (await lines(response)).map((line) => JSON.parse(line) as unknown),
  chunks: async (response, call) => (await pieces(response, call.chunkSize)).map(base64),
  joined: async (response, call) => base64(Buffer.concat(await pieces(response, call.chunkSize))),
  twice: async (response) => [(await pieces(response)).length > 0, await pieces(response)],
  raise: (response) => {
    response.raiseForStatus()
    return null
  },
}

function neutral(response: Response, call: Call, hops: number[]): Partial<Outcome> {
  return {
    status: response.statusCode,
    reason: response.reason,
    ok: response.ok,
    url: response.url,
    method: response.request.method,
    headers: Object.fromEntries((call.compareHeaders ?? []).map((name) => [name, response.headers.get(name)])),
    history: response.history.map((entry) => [entry.statusCode, entry.url]),
    cookies: [...response.cookies].map(({ key, value }) => [key, value]),
    links: response.links,
    isRedirect: response.isRedirect,
    next: response.next?.url ?? null,
    hops,
  }
}

function send(session: Session, call: Call, options: RequestOptions): Promise<Response> {
  if (!call.helper) return session.request(call.method, call.url, options)
  const verb = call.method.toLowerCase() as 'get' | 'head' | 'options' | 'post' | 'put' | 'patch' | 'delete'
  return session[verb](call.url, options)
}

async function run(session: Session, call: Call): Promise<Outcome> {
  const hops: number[] = []
  const outcome: Outcome = { name: call.name, jar: [] }
  try {
    const response = await send(session, call, toOptions(call, hops))
    Object.assign(outcome, neutral(response, call, hops))
    outcome.body = await readers[call.read ?? 'json'](response, call)
  } catch (error) {
    if (!(error instanceof RequestException)) throw error
    outcome.error = { type: error.name, response: error.response?.statusCode ?? null }
  }
  outcome.jar = [...session.cookies].map(({ key, value, path }) => [key, value, path ?? ''])
  return outcome
}

/** Fills in where the server is, in every string of a call. */
function locate(call: Call, base: string): Call {
  const text = JSON.stringify(call).replaceAll('{base}', base)
  return JSON.parse(text.replaceAll('{localhost}', base.replace('127.0.0.1', 'localhost'))) as Call
}

/**
 * Runs every call of the table, in order.
 *
 * @param base - origin of the server, without a slash at the end.
 */
export async function runTable(table: readonly Call[], base: string): Promise<Outcome[]> {
  const sessions = new Map<string, Session>()
  const outcomes: Outcome[] = []
  for (const call of table) {
    const key = call.session ?? call.name
    const session = sessions.get(key) ?? new Session({ trustEnv: false })
    sessions.set(key, session)
    outcomes.push(await run(session, locate(call, base)))
  }
  await Promise.all([...sessions.values()].map((session) => session.close()))
  return outcomes
}
