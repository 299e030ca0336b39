import assert from 'node:assert/strict'
import { DigestAuth, type RequestOptions, Session, type SessionOptions } from '@entreat/core'
import { asRequestException, within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

/** Family T8: options are own properties; what a prototype says counts for nothing. */
export function prototypeCases(): readonly Case<SecurityBench>[] {
  const rule = 'T8'
  return [
    { rule, sentence: 'nothing is read from the prototype of options, however deep', needs: [], check: readsOwn },
    {
      rule,
      sentence: 'a key __proto__, constructor or prototype in options is refused or means nothing',
      needs: [],
      check: specialKeys,
    },
    { rule, sentence: 'a __proto__ in JSON, headers, cookies and forms pollutes nothing', needs: [], check: received },
  ]
}

/** Plain objects, in any depth, on a prototype that remembers what is asked of it. */
function watched<T>(value: T, asked: Set<string>): T {
  if (Array.isArray(value)) return value.map((item: unknown) => watched(item, asked)) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  const note = (name: string | symbol): void => {
    // What every object has, and what it is asked for to be shown as text, is no option.
    if (typeof name === 'string' && !(name in Object.prototype) && name !== 'then' && name !== 'toJSON') asked.add(name)
  }
  const prototype = new Proxy(Object.prototype, {
    get: (target, name) => {
      note(name)
      return Reflect.get(target, name) as unknown
    },
    has: (target, name) => {
      note(name)
      return Reflect.has(target, name)
    },
    // Object.prototype must stay what the value is recognised by.
    getPrototypeOf: () => null,
  })
  const copy = Object.create(prototype) as Record<string, unknown>
  for (const [key, item] of Object.entries(value)) copy[key] = watched(item, asked)
  return copy as T
}

async function readsOwn(bench: SecurityBench): Promise<void> {
  const asked = new Set<string>()
  const settings: SessionOptions = watched(
    {
      verify: bench.server.ca,
      trustEnv: false,
      timeout: { read: 5000 },
      limits: { codings: 5 },
      hooks: { request: () => {} },
      proxies: { ftp: null },
    },
    asked,
  )
  await using session = new Session(settings)
  session.mount('http://', bench.adapter, { owned: false }).mount('https://', bench.adapter, { owned: false })
  const options: RequestOptions = watched(
    {
      timeout: { connect: 5000 },
      limits: { decodedBytes: 100_000 },
      hooks: { response: () => {} },
      proxies: {},
      stream: true,
      allowRedirects: true,
    },
    asked,
  )
  for (const method of ['get', 'head', 'post'] as const) {
    const response = await within(session[method](`${bench.origin}/anything`, options), 'answer')
    await response.read()
  }
  const response = await session.get(`${bench.origin}/lines/3`, { stream: true })
  for await (const _line of response.iterLines(watched({ decodeUnicode: true }, asked))) continue
  session.cookies.set('own', 'x', watched({ path: '/' }, asked))
  assert.deepEqual([...asked], [], `it asked the prototype of options for ${[...asked].join(', ')}`)
}

async function specialKeys(bench: SecurityBench): Promise<void> {
  const url = `${bench.origin}/anything`
  const session = bench.session()
  for (const key of ['__proto__', 'constructor', 'prototype']) {
    const poison = JSON.parse(`{${JSON.stringify(key)}: {"polluted": "yes"}}`) as object
    for (const name of ['', 'timeout', 'limits', 'hooks', 'proxies']) {
      const options = name === '' ? poison : { [name]: poison }
      const sent = Promise.resolve().then(() => session.get(url, options as RequestOptions))
      const error = await sent.then(
        () => null,
        (reason: unknown) => reason,
      )
      if (error !== null) asRequestException(error)
      else assert.equal(name, 'proxies', `${name || 'a request'} took an option called ${key}`)
      assert.equal(({} as Record<string, unknown>)['polluted'], undefined, `${key} in ${name} polluted every object`)
    }
  }
}

async function received(bench: SecurityBench): Promise<void> {
  const text = '{"__proto__": {"polluted": "yes"}, "constructor": {"prototype": {"polluted": "yes"}}}'
  const path = bench.serve(
    {
      'Content-Type': 'application/json',
      ['__proto__']: 'polluted',
      'Set-Cookie': ['__proto__=polluted; Path=/', 'a=polluted; Domain=__proto__', 'constructor=1; Path=/__proto__'],
      Link: '</>; rel="__proto__"; __proto__="polluted"',
    },
    Buffer.from(text),
  )
  const session = bench.session()
  const response = await session.get(bench.origin + path, {
    params: JSON.parse('{"__proto__": "a", "constructor": "b"}') as Record<string, string>,
  })
  const links = response.links as Record<string, unknown>
  const parsed = response.json<Record<string, unknown>>()
  await session.post(`${bench.origin}/anything`, { data: JSON.parse('{"__proto__": "a"}') as Record<string, string> })
  const bare = {} as Record<string, unknown>
  assert.equal(bare['polluted'], undefined, 'a response polluted every object')
  assert.equal(Object.getPrototypeOf(parsed), Object.prototype, 'json() gave an object on another prototype')
  assert.equal(links['polluted'], undefined, 'a Link header changed the prototype of links')
}

/** Family T9: what must not be guessed is not made by Math.random. */
export function randomnessCases(): readonly Case<SecurityBench>[] {
  return [{ rule: 'T9', sentence: 'boundaries and nonces do not come from Math.random', needs: [], check: unguessable }]
}

async function unguessable(bench: SecurityBench): Promise<void> {
  const { random } = Math
  const seen = new Set<string>()
  try {
    Math.random = () => 0.5
    const session = bench.session()
    for (let sent = 0; sent < 3; sent++) {
      const auth = new DigestAuth('user', 'password')
      await session.post(`${bench.origin}/digest-auth/auth/user/password`, { auth, files: { own: 'content' } })
      const request = bench.server.requests.at(-1)
      const boundary = /boundary=(\S+)/.exec(request?.header('content-type') ?? '')?.[1]
      const cnonce = /cnonce="([^"]+)"/.exec(request?.header('authorization') ?? '')?.[1]
      assert.ok(boundary !== undefined && cnonce !== undefined, 'a form or an answer to Digest was not sent')
      seen.add(boundary).add(cnonce)
    }
  } finally {
    Math.random = random
  }
  assert.equal(seen.size, 6, 'a boundary or a nonce came again while Math.random gave the same number')
  for (const text of seen) assert.ok(text.length >= 16, `${text} is too short to be unguessable`)
}

/** Family T17: a switch that guards something is off for `false` alone. */
export function switchCases(): readonly Case<SecurityBench>[] {
  return [{ rule: 'T17', sentence: 'only `false` turns verification off', needs: ['tls'], check: onlyFalse }]
}

async function onlyFalse(bench: SecurityBench): Promise<void> {
  for (const verify of ['', 0, null, 'false', 'no', Number.NaN, undefined, true, [], {}]) {
    const session = bench.session()
    const options = { verify } as unknown as RequestOptions
    session.verify = true
    const sent = Promise.resolve().then(() => session.get(`${bench.server.httpsUrl}/get`, options))
    const outcome = await within(
      sent.catch((error: unknown) => error),
      'come to an end',
    )
    assert.ok(outcome instanceof Error, `verify: ${JSON.stringify(verify)} turned verification off`)
    asRequestException(outcome)
  }
  assert.equal(bench.server.requests.length, 0, 'a server that nobody vouches for was sent a request')
}

/** Family T18: what is encoded or decoded has a depth, and ends. */
export function depthCases(): readonly Case<SecurityBench>[] {
  return [
    { rule: 'T18', sentence: 'deep and circular values are refused as errors of the library', needs: [], check: deep },
  ]
}

async function deep(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  let nested: unknown = 'x'
  for (let level = 0; level < 100_000; level++) nested = level % 2 === 0 ? [nested] : { a: nested }
  const options: readonly RequestOptions[] = [circular, nested].flatMap((value) => [
    { json: value },
    { params: { a: value } as never },
    { params: value as never },
    { data: { a: value } as never },
    { data: value as never },
    { files: { a: value } as never },
    { headers: { a: value } as never },
    { cookies: { a: value } as never },
  ])
  for (const option of options) {
    const sent = Promise.resolve().then(() => session.post(`${bench.origin}/anything`, option))
    const outcome = await within(
      sent.catch((error: unknown) => error),
      'come to an end with a deep value',
    )
    if (outcome instanceof Error) asRequestException(outcome)
  }
  const path = bench.serve({}, Buffer.from('['.repeat(200_000)))
  const response = await session.get(bench.origin + path)
  asRequestException(
    await Promise.resolve()
      .then(() => response.json())
      .catch((error: unknown) => error),
  )
}
