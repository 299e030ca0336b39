import assert from 'node:assert/strict'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import {
  BearerAuth,
  DigestAuth,
  Request,
  RequestException,
  type RequestOptions,
  type Session,
  type SessionOptions,
} from '@entreat/core'
import { within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

const SECRET = 'c4nary-s3cret'
/** As it is, percent-encoded, and within base64 in any of its three alignments. */
const SHOWN = new RegExp(
  [
    SECRET,
    encodeURIComponent(SECRET),
    ...['', 'x', 'xx'].map((before) =>
      Buffer.from(before + SECRET)
        .toString('base64')
        .slice(4, 14),
    ),
  ].join('|'),
)

interface Canary {
  readonly session?: SessionOptions
  readonly request?: RequestOptions
  /** Turns the URL into one that holds the secret. */
  readonly url?: (url: string) => string
}

/** Every place in which a credential can be given. */
const CANARIES: Readonly<Record<string, Canary>> = {
  'auth of the Session': { session: { auth: ['user', SECRET] } },
  'auth of the request': { request: { auth: ['user', SECRET] } },
  'a Bearer token': { request: { auth: new BearerAuth(SECRET) } },
  'a Digest password': { request: { auth: new DigestAuth('user', SECRET) } },
  'a function as auth': { request: { auth: (request) => request.headers.set('Authorization', `Token ${SECRET}`) } },
  'the Authorization header': { request: { headers: { Authorization: `Token ${SECRET}` } } },
  'headers of the Session': {
    session: { headers: { Authorization: SECRET, 'X-Api-Key': SECRET, Cookie: `a=${SECRET}` } },
  },
  'the Proxy-Authorization header': { request: { headers: { 'Proxy-Authorization': SECRET } } },
  'the Cookie header': { request: { headers: { Cookie: `a=${SECRET}` } } },
  'X-Auth-Token': { request: { headers: { 'X-Auth-Token': SECRET } } },
  'a cookie of the Session': { session: { cookies: { a: SECRET } } },
  'a cookie of the request': { request: { cookies: { a: SECRET } } },
  proxyAuth: { session: { proxyAuth: ['user', SECRET] } },
  'proxyAuth of the request': { request: { proxyAuth: ['user', SECRET] } },
  'the URL of a proxy': { session: { proxies: { ftp: `http://user:${SECRET}@127.0.0.1:1` } } },
  'the URL of a proxy that is used': { request: { proxies: { all: `http://user:${SECRET}@127.0.0.1:1` } } },
  'the URL of a SOCKS proxy that is used': { request: { proxies: { all: `socks5://user:${SECRET}@127.0.0.1:1` } } },
  'userinfo of the URL': { url: (url) => url.replace('//', `//user:${SECRET}@`) },
  'a parameter of the URL': { url: (url) => `${url}?access_token=${SECRET}&api_key=${SECRET}` },
  params: { request: { params: { token: SECRET, client_secret: SECRET } } },
  'params of the Session': { session: { params: { api_key: SECRET } } },
  'the passphrase of a key': { request: { cert: { cert: 'x', key: 'y', passphrase: SECRET } } },
  'the key of a certificate': { request: { cert: { cert: 'x', key: `-----BEGIN PRIVATE KEY-----\n${SECRET}` } } },
  'a form field': { request: { data: { password: SECRET } } },
  JSON: { request: { json: { password: SECRET } } },
  'the userinfo of a baseUrl': { session: { baseUrl: `http://user:${SECRET}@127.0.0.1:1/` } },
  'a refused URL': { url: () => `http://user:${SECRET}@[bad/?token=${SECRET}` },
  'a URL without host': { url: () => `http://user:${SECRET}@/` },
}

/** How a request can come to its end; each from a path or URL of the bench. */
const ENDINGS: Readonly<Record<string, (bench: SecurityBench) => string>> = {
  success: (bench) => `${bench.origin}/get`,
  'a status': (bench) => `${bench.origin}/status/500`,
  'a refusal': (bench) => `${bench.origin}/digest-auth/auth/user/another`,
  'a redirect': (bench) => `${bench.origin}/relative-redirect/1`,
  'a redirect to another scheme': (bench) => redirectWithSecret(bench, `ftp://user:${SECRET}@host/?token=${SECRET}`),
  'a redirect to no URL': (bench) => redirectWithSecret(bench, `http://user:${SECRET}@[bad/?token=${SECRET}`),
  'a closed connection': (bench) => `${bench.origin}/close`,
  'a body cut short': (bench) => `${bench.origin}/truncated`,
  'a timeout': (bench) => `${bench.origin}/never`,
  'no connection': () => 'http://127.0.0.1:1/',
}

/** The URL that redirects does not hold the secret itself. */
function redirectWithSecret(bench: SecurityBench, location: string): string {
  return bench.origin + bench.on((_request, response) => void response.writeHead(302, { Location: location }).end())
}

const CHANNELS = ['start', 'leg', 'redirect', 'retry', 'end', 'error'].map((name) => `entreat:${name}`)

/** Family T19: nothing that is printed, raised or published holds a secret. */
export function secretCases(): readonly Case<SecurityBench>[] {
  return Object.keys(CANARIES).map((place) => ({
    rule: 'T19',
    sentence: `a secret in ${place} is shown nowhere`,
    needs: [],
    check: (bench) => shownNowhere(bench, place),
  }))
}

async function shownNowhere(bench: SecurityBench, place: string): Promise<void> {
  const canary = CANARIES[place] as Canary
  const published: unknown[] = []
  const listener = (message: unknown): void => void published.push(message)
  for (const channel of CHANNELS) subscribe(channel, listener)
  try {
    for (const [ending, make] of Object.entries(ENDINGS)) {
      const session = bench.session({ timeout: { connect: 2000, read: 100 }, ...canary.session })
      const url = make(bench)
      const given = canary.url?.(url.includes('?') ? `${bench.origin}/get` : url) ?? url
      assertSilent(session, `a Session with ${place}`)
      assertSilent(new Request('GET', given, canary.request), `a Request with ${place}`)
      const outcome = await within(outcomeOf(session, given, canary.request), `come to its end after ${ending}`)
      const what = `after ${ending}, with a secret in ${place}:`
      for (const [name, value] of parts(outcome)) assertSilent(value, `${what} ${name}`)
    }
    assert.ok(published.length > 0 || canary.url !== undefined, 'nothing was published')
    for (const message of published) assertSilent(message, `a diagnostics message, with a secret in ${place}`)
  } finally {
    for (const channel of CHANNELS) unsubscribe(channel, listener)
  }
}

/** The response, raised as an error where it is one; or what the call was rejected with. */
async function outcomeOf(session: Session, url: string, options: RequestOptions = {}): Promise<unknown> {
  try {
    const response = await session.request(
      options.data === undefined && options.json === undefined ? 'GET' : 'POST',
      url,
      options,
    )
    return response.statusCode < 400 ? response : response.raiseForStatus()
  } catch (error) {
    return error
  }
}

function parts(outcome: unknown): readonly (readonly [string, unknown])[] {
  if (!(outcome instanceof RequestException)) {
    const { request, headers, history } = outcome as { request: unknown; headers: unknown; history: unknown }
    return Object.entries({
      'a response': outcome,
      'its request': request,
      'its headers': headers,
      'its history': history,
    })
  }
  const { request, response, cause, stack } = outcome
  return Object.entries({
    'an error': outcome,
    'its message': outcome.message,
    'its stack': stack,
    'its cause': cause,
    'its request': request,
    'its response': response,
    'the headers of its request': request?.headers,
  })
}

function assertSilent(value: unknown, what: string): void {
  const texts = { inspect: inspect(value, { depth: 8 }), 'JSON.stringify': jsonOf(value), String: textOf(value) }
  for (const [how, text] of Object.entries(texts)) {
    assert.ok(!SHOWN.test(text), `${what} shows the secret to ${how}()`)
  }
}

/** A Session's JSON is its state, which is documented to hold its cookies. */
function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return (value as { cookies?: unknown } | null)?.cookies !== undefined && text.includes('"version":1') ? '' : text
}

function textOf(value: unknown): string {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === null ? '' : String(value)
}
