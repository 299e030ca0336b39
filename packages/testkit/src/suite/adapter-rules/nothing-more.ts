import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { BasicAuth, type Response } from '@entreat/core'
import type { AdapterBench, Sending } from '../adapter-bench.ts'
import type { HttpPlaces, Place, SeenRequest } from '../adapter-target.ts'
import { assertSameBytes, contentOf, rawBytes, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.2.4. */
export function nothingMoreCases(): readonly Case<AdapterBench>[] {
  const rule = '4.2.4'
  const needs = ['http']
  return [
    { rule, sentence: 'follows no redirects', needs, check: noRedirects },
    { rule, sentence: 'does no authentication', needs, check: noAuthentication },
    { rule, sentence: 'keeps and sends no cookies', needs, check: noCookies },
    { rule, sentence: 'repeats nothing', needs, check: noRetries },
    { rule, sentence: 'leaves content codings on', needs, check: noDecoding },
    { rule, sentence: 'selects no proxy and reads no environment', needs: [], check: noEnvironment },
  ]
}

function httpOf({ target }: AdapterBench): HttpPlaces {
  assert.ok(target.http !== undefined, "the suite's target has no http, which a declared capability needs")
  return target.http
}

/** Sends to a place and tells what arrived at the target meanwhile. */
async function observe(
  bench: AdapterBench,
  place: Place,
  sending: Sending = {},
): Promise<{ response: Response; seen: readonly SeenRequest[] }> {
  const before = httpOf(bench).requests().length
  const response = await within(bench.send(place, sending), 'answer')
  return { response, seen: httpOf(bench).requests().slice(before) }
}

async function noRedirects(bench: AdapterBench): Promise<void> {
  const { response, seen } = await observe(bench, httpOf(bench).redirect())
  const { statusCode } = response
  assert.ok(statusCode >= 300 && statusCode < 400, `it followed a redirect: the answer is ${statusCode}`)
  assert.ok(response.headers.has('location'), 'it lost the Location of a redirect')
  assert.equal(seen.length, 1, `it sent ${seen.length} requests for one that is redirected`)
}

async function noAuthentication(bench: AdapterBench): Promise<void> {
  const place = httpOf(bench).challenge()
  const { response, seen } = await observe(bench, place, { auth: new BasicAuth('suite', 'secret') })
  assert.equal(response.statusCode, 401, `it gave ${response.statusCode} where the answer is 401`)
  assert.equal(seen.length, 1, `it sent ${seen.length} requests for one that is challenged`)
  assert.equal(seen[0]?.header('authorization'), null, 'it signed a request: `request.auth` is not for adapters')
}

async function noCookies(bench: AdapterBench): Promise<void> {
  const first = await observe(bench, httpOf(bench).setsCookie())
  assert.ok(first.response.headers.getSetCookie().length > 0, 'it took Set-Cookie out of a response')
  await first.response.read()
  const second = await observe(bench, httpOf(bench).unavailable())
  assert.equal(second.seen[0]?.header('cookie'), null, 'it sent a cookie that an earlier response had set')
}

async function noRetries(bench: AdapterBench): Promise<void> {
  const { response, seen } = await observe(bench, httpOf(bench).unavailable())
  assert.equal(response.statusCode, 503, `it gave ${response.statusCode} where the answer is 503`)
  assert.equal(seen.length, 1, `it sent a request ${seen.length} times to get over a 503`)
}

async function noDecoding(bench: AdapterBench): Promise<void> {
  const place = httpOf(bench).gzipped()
  const { response } = await observe(bench, place)
  assert.equal(response.headers.get('content-encoding'), 'gzip', 'it took Content-Encoding out of a response')
  const raw = await within(rawBytes(response), 'end the body')
  assert.ok(Buffer.compare(raw, place.plain) !== 0, 'it took a content coding off')
  assertSameBytes(gunzipSync(raw), place.plain, 'it changed a coded body')
}

const NOWHERE = 'http://127.0.0.1:1'
const ENVIRONMENT: Readonly<Record<string, string>> = {
  http_proxy: NOWHERE,
  https_proxy: NOWHERE,
  all_proxy: NOWHERE,
  HTTP_PROXY: NOWHERE,
  HTTPS_PROXY: NOWHERE,
  ALL_PROXY: NOWHERE,
  NODE_USE_ENV_PROXY: '1',
  SSL_CERT_FILE: '/nonexistent',
  REQUESTS_CA_BUNDLE: '/nonexistent',
  CURL_CA_BUNDLE: '/nonexistent',
}

async function noEnvironment(bench: AdapterBench): Promise<void> {
  const names = [...Object.keys(ENVIRONMENT), 'no_proxy', 'NO_PROXY']
  const before = names.map((name) => [name, process.env[name]] as const)
  try {
    for (const name of names) setVariable(name, ENVIRONMENT[name])
    const response = await bench.fetch(await bench.resource(500, 3))
    assertSameBytes(response.content, contentOf(500, 3), 'it reads the environment')
  } finally {
    for (const [name, value] of before) setVariable(name, value)
  }
}

function setVariable(name: string, value: string | undefined): void {
  if (value === undefined) Reflect.deleteProperty(process.env, name)
  else process.env[name] = value
}
