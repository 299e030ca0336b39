import { Readable } from 'node:stream'
import { CookieJar as ToughJar } from 'tough-cookie'
import {
  AuthBase,
  type AuthContext,
  BearerAuth,
  CookieJar,
  get,
  Headers,
  type Hooks,
  type PreparedRequest,
  Request,
  type RequestOptions,
  type Response,
  Retry,
  type SendOptions,
  Session,
  type SessionOptions,
} from '@entreat/core'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function same<A, B>(..._equal: Same<A, B> extends true ? [] : [never]): void {}

const url = 'https://example.com/'

export function takesRequestOptions(): void {
  const all: readonly RequestOptions[] = [
    {},
    { params: 'a=1' },
    { params: { a: 1, b: ['x', null], c: true, d: undefined } },
    { params: [['a', 1]] },
    { params: new URLSearchParams() },
    { headers: { A: '1', B: null, C: 5, D: ['x', 'y'], E: new Uint8Array() } },
    { headers: [['A', '1']] },
    { headers: new Headers() },
    { headers: new globalThis.Headers() },
    { cookies: { a: '1' } },
    { cookies: new CookieJar() },
    { cookies: new ToughJar() },
    { data: 'x' },
    { data: new Uint8Array() },
    { data: new Blob([]) },
    { data: new FormData() },
    { data: new URLSearchParams() },
    { data: { a: 1 } },
    { data: [['a', 1]] },
    { data: Readable.from([]) },
    { data: new Blob([]).stream() },
    { data: () => Readable.from([]) },
    { data: async () => new Blob([]).stream() },
    { json: { any: ['thing', 1n] } },
    { files: { a: 'x', b: ['n', Buffer.from('x')], c: ['n', new Blob([]), 'x/y', { A: '1' }] } },
    {
      files: [
        ['a', 'x'],
        ['a', 'y'],
      ],
    },
    { files: new FormData() },
    { auth: ['user', 'password'] },
    { auth: new BearerAuth('x') },
    { auth: (request) => request.headers.set('A', '1') },
    { auth: async (request) => request },
    { auth: null },
    { timeout: 5 },
    { timeout: null },
    { timeout: [1, null] },
    { timeout: { connect: 1, read: null, write: 1, pool: 1, total: 1 } },
    { retry: 3 },
    { retry: new Retry({ total: 3 }) },
    { retry: null },
    { verify: false },
    { verify: '/ca.pem' },
    { verify: Buffer.from('') },
    { cert: '/c.pem' },
    { cert: ['/c.pem', '/k.pem'] },
    { cert: { cert: '/c.pem', key: Buffer.from(''), passphrase: 'x' } },
    { cert: { pfx: Buffer.from(''), passphrase: 'x' } },
    { proxies: { http: 'http://proxy', https: null } },
    { limits: { codings: 1 } },
    { signal: AbortSignal.timeout(1) },
    { stream: true, allowRedirects: false, maxRedirects: 1, sensitiveHeaders: ['A'] },
  ]
  void all
}

export function refusesWrongOptions(): void {
  // @ts-expect-error an option that there is none of
  void get(url, { header: {} })
  // @ts-expect-error a phase that there is none of
  void get(url, { timeout: { reed: 1 } })
  // @ts-expect-error three times
  void get(url, { timeout: [1, 2, 3] })
  // @ts-expect-error a limit that there is none of
  void get(url, { limits: { bytes: 1 } })
  // @ts-expect-error an event that there is none of
  void get(url, { hooks: { respond: () => {} } })
  // @ts-expect-error three members
  void get(url, { auth: ['a', 'b', 'c'] })
  // @ts-expect-error text is no auth
  void get(url, { auth: 'user' })
  // @ts-expect-error a number is no body
  void get(url, { data: 5 })
  // @ts-expect-error an object is no value of a parameter
  void get(url, { params: { a: { b: 1 } } })
  // @ts-expect-error params are no number
  void get(url, { params: 5 })
  // @ts-expect-error a value of a cookie is text
  void get(url, { cookies: { a: 1 } })
  // @ts-expect-error a URL is needed
  void get()
  // @ts-expect-error sending has no headers
  const send: SendOptions = { headers: {} }
  void send
  // @ts-expect-error a Retry that there is none of
  void new Retry({ statusForceList: [] })
}

export function takesSessionOptions(): void {
  const options: SessionOptions = {
    baseUrl: new URL(url),
    timeout: 5,
    hooks: {},
    trustEnv: false,
    detectEncoding: () => null,
    clock: { now: () => 0, setTimeout: (callback, ms) => setTimeout(callback, ms), clearTimeout: () => {} },
  }
  const session = new Session(options)
  same<typeof session.auth, AuthBase | null>()
  same<typeof session.cookies, CookieJar>()
  same<typeof session.headers, Headers>()
  same<typeof session.fetch, typeof globalThis.fetch>()
  session.auth = ['user', 'password']
  session.auth = null
  session.timeout = 5
  session.timeout = { read: 5 }
  session.retry = 3
  session.cookies = { a: '1' }
  session.headers = { A: '1' }
  session.limits = { codings: 1 }
  session.baseUrl = undefined
  // @ts-expect-error a session has no signal
  void new Session({ signal: AbortSignal.timeout(1) })
  // @ts-expect-error a phase is a number or null: leave it out for the default (exactOptionalPropertyTypes)
  void new Session({ timeout: { read: undefined } })
  // @ts-expect-error maxRedirects is a number
  session.maxRedirects = '5'
  // @ts-expect-error fetch is bound, and read only
  session.fetch = fetch
}

export function infersHooks(): Hooks {
  return {
    request(request, info) {
      same<typeof request, PreparedRequest>()
      same<typeof info.hop, number>()
      return request.copy()
    },
    response: [(response) => same<typeof response, Response>(), async (response) => response, () => undefined],
    redirect: ({ response, next }) => {
      same<typeof response, Response>()
      same<typeof next, PreparedRequest>()
      return false
    },
    retry: async ({ attempt, delayMs, error }) => {
      same<typeof attempt, number>()
      same<typeof delayMs, number>()
      same<typeof error, Error | undefined>()
      return true
    },
  }
}

export async function returnsPromises(session: Session): Promise<void> {
  const calls = [session.get(url), session.post(url), session.request('GET', new URL(url)), get(url)]
  same<(typeof calls)[number], Promise<Response>>()
  const prepared = session.prepareRequest(new Request('GET', url))
  same<typeof prepared, Promise<PreparedRequest>>()
  const sent = session.send(await prepared, { stream: true })
  same<typeof sent, Promise<Response>>()
  // @ts-expect-error only prepared requests are sent
  void session.send(new Request('GET', url))
  await using owned = session
  void owned
}

/** The nine lines of a scheme of one's own. */
export class TokenAuth extends AuthBase {
  override apply(request: PreparedRequest, context: AuthContext): void {
    same<typeof context.recipient, 'origin' | 'proxy'>()
    context.authorize(request, 'Token x')
  }
}
