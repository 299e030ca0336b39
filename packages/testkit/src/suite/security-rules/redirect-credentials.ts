import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { RequestOptions, SessionOptions } from '@entreat/core'
import { within } from '../checks.ts'
import { withEnvironment } from '../environment.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

const STATUSES = [301, 302, 303, 307, 308]
const METHODS = ['GET', 'POST', 'DELETE']
const SECRET = 's3cret'
/** In clear, and as Basic carries it. */
const SHOWN = new RegExp(`${SECRET}|${Buffer.from(SECRET).toString('base64').slice(0, 6)}|Basic`, 'i')

/** A credential: how it is given, and which header carries it. */
interface Credential {
  readonly session?: SessionOptions
  readonly request?: RequestOptions
  readonly userinfo?: string
  readonly header: string
  /** Bound to a host, whatever its port and scheme: leaves it for another host alone. */
  readonly isOfHost?: boolean
}

const CREDENTIALS: Readonly<Record<string, Credential>> = {
  'the Authorization header': { request: { headers: { authorization: `Token ${SECRET}` } }, header: 'authorization' },
  'the Authorization header of the Session': {
    session: { headers: { Authorization: SECRET } },
    header: 'authorization',
  },
  'auth of the request': { request: { auth: [SECRET, SECRET] }, header: 'authorization' },
  'auth of the Session': { session: { auth: [SECRET, SECRET] }, header: 'authorization' },
  'a header that a scheme sets': {
    session: { auth: (request) => request.headers.set('X-Signature', SECRET) },
    header: 'x-signature',
  },
  'userinfo of the URL': { userinfo: `user:${SECRET}@`, header: 'authorization' },
  'the Cookie header': { request: { headers: { Cookie: `a=${SECRET}` } }, header: 'cookie' },
  'the Cookie header of the Session': { session: { headers: { Cookie: `a=${SECRET}` } }, header: 'cookie' },
  'a cookie of the jar': { session: { cookies: { a: SECRET } }, header: 'cookie', isOfHost: true },
  'a cookie of the request': { request: { cookies: { a: SECRET } }, header: 'cookie', isOfHost: true },
  'the Proxy-Authorization header': {
    request: { headers: { 'Proxy-Authorization': SECRET } },
    header: 'proxy-authorization',
  },
  'a Host of its own': { request: { headers: { Host: `${SECRET}.example` } }, header: 'host' },
  'X-Api-Key': { request: { headers: { 'X-Api-Key': SECRET } }, header: 'x-api-key' },
  'X-Auth-Token of the Session': { session: { headers: { 'X-Auth-Token': SECRET } }, header: 'x-auth-token' },
  'a header that the Session calls sensitive': {
    session: { sensitiveHeaders: ['X-Own'], headers: { 'x-own': SECRET } },
    header: 'x-own',
  },
  'a header that the request calls sensitive': {
    request: { headers: { 'x-own': SECRET }, sensitiveHeaders: ['X-Own'] },
    header: 'x-own',
  },
}

/** Family T2: what is given for one origin reaches no other by a redirect, and does not come back with it. */
export function redirectCredentialCases(): readonly Case<SecurityBench>[] {
  const rule = 'T2'
  return [
    ...Object.entries(CREDENTIALS).map(([name, credential]) => ({
      rule,
      sentence: `a redirect gives ${name} to no other origin`,
      needs: [],
      check: (bench: SecurityBench) => staysAtHome(bench, name, credential),
    })),
    { rule, sentence: 'a redirect gives credentials of netrc to no other host', needs: [], check: netrc },
    { rule, sentence: 'what a Session has for its baseUrl goes to no other origin', needs: [], check: baseUrl },
    { rule, sentence: 'userinfo in a Location is ignored', needs: [], check: userinfoOfLocation },
    { rule, sentence: 'a hook that leads a redirect elsewhere takes no credential along', needs: [], check: ledAstray },
  ]
}

async function staysAtHome(bench: SecurityBench, name: string, credential: Credential): Promise<void> {
  const session = bench.session(credential.session)
  const elsewhere = { 'another host': bench.otherHost, ...placesOfOrigins(bench, credential) }
  for (const statusCode of STATUSES) {
    for (const method of METHODS) {
      for (const [place, origin] of Object.entries(elsewhere)) {
        const path = `/anything/${randomUUID()}`
        const back = `/anything/${randomUUID()}`
        const target = bench.redirect(bench.origin + back, statusCode, origin)
        for (const [url, asked] of [
          [bench.redirect(origin + path, statusCode), path],
          [bench.redirect(target, statusCode), back],
        ] as const) {
          const first = credential.userinfo === undefined ? url : url.replace('//', `//${credential.userinfo}`)
          const data = method === 'POST' ? { data: 'content' } : {}
          await within(session.request(method, first, { ...data, ...credential.request }), 'follow a redirect')
          const [seen] = bench.received(asked)
          assert.ok(seen !== undefined, `a ${statusCode} to ${place} was not followed`)
          const isHome = asked === back && credential.isOfHost === true
          const value = seen.header(credential.header) ?? ''
          const way = asked === back ? `back from ${place}` : `to ${place}`
          assert.ok(isHome || !SHOWN.test(value), `a ${statusCode} of ${method} took ${name} along ${way}`)
        }
      }
    }
  }
  const first = bench.server.requests.find(({ url }) => url.startsWith('/redirect-to'))
  assert.match(first?.header(credential.header) ?? '', SHOWN, `${name} did not reach its own origin either`)
}

function placesOfOrigins(bench: SecurityBench, { isOfHost }: Credential): Readonly<Record<string, string>> {
  return isOfHost === true ? {} : { 'another port': bench.otherPort, 'another scheme': bench.otherScheme }
}

async function netrc(bench: SecurityBench): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'entreat-netrc-'))
  try {
    const file = join(folder, 'netrc')
    const { hostname } = new URL(bench.origin)
    await writeFile(file, `machine ${hostname} login user password ${SECRET}\n`, { mode: 0o600 })
    await withEnvironment({ NETRC: file }, async () => {
      const session = bench.session({ trustEnv: true })
      for (const statusCode of STATUSES) {
        const path = `/anything/${randomUUID()}`
        await within(session.get(bench.redirect(bench.otherHost + path, statusCode)), 'follow a redirect')
        const [seen] = bench.received(path)
        assert.equal(seen?.header('authorization'), null, `a ${statusCode} took credentials of netrc to another host`)
      }
    })
    const [first] = bench.server.requests
    assert.match(first?.header('authorization') ?? '', /^Basic /, 'netrc was not read')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function baseUrl(bench: SecurityBench): Promise<void> {
  const headers = { 'X-Api-Key': SECRET, Cookie: `a=${SECRET}`, 'Proxy-Authorization': SECRET }
  const session = bench.session({ baseUrl: bench.origin, auth: [SECRET, SECRET], headers })
  for (const origin of [bench.otherHost, bench.otherPort, bench.otherScheme]) {
    const path = `/anything/${randomUUID()}`
    await within(session.get(origin + path), 'answer')
    const shown = JSON.stringify(bench.received(path)[0]?.headers)
    assert.ok(!SHOWN.test(shown), `${origin} was given what is for ${bench.origin}`)
  }
  await session.get('/anything/at-home')
  assert.match(JSON.stringify(bench.received('/anything/at-home')[0]?.headers), SHOWN, 'the baseUrl got nothing either')
}

async function userinfoOfLocation(bench: SecurityBench): Promise<void> {
  const session = bench.session({ auth: ['own', 'own'] })
  for (const [origin, expected] of [
    [bench.origin, `Basic ${Buffer.from('own:own').toString('base64')}`],
    [bench.otherPort, null],
  ] as const) {
    const path = `/anything/${randomUUID()}`
    await session.get(bench.redirect(origin.replace('//', `//evil:${SECRET}@`) + path, 302))
    assert.equal(
      bench.received(path)[0]?.header('authorization'),
      expected,
      'userinfo of a Location became credentials',
    )
  }
}

async function ledAstray(bench: SecurityBench): Promise<void> {
  const path = `/anything/${randomUUID()}`
  const redirect = ({ next }: { readonly next: { url: string } }): void => void (next.url = bench.otherPort + path)
  const session = bench.session({ auth: [SECRET, SECRET], headers: { 'X-Api-Key': SECRET }, hooks: { redirect } })
  await session.get(bench.redirect(`${bench.origin}/get`, 302))
  assert.ok(!SHOWN.test(JSON.stringify(bench.received(path)[0]?.headers)), 'a hook took credentials to another origin')
}
