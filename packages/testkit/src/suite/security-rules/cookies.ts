import assert from 'node:assert/strict'
import { within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

/** What must not be kept, or not be sent where it would be shown. */
const REFUSED: Readonly<Record<string, string>> = {
  'of another domain': 'stolen=1; Domain=example.com; Path=/',
  'of a public suffix': 'stolen=1; Domain=com; Path=/',
  'of a domain __proto__': 'stolen=1; Domain=__proto__; Path=/',
  'of a part of the host': 'stolen=1; Domain=.0.0.1; Path=/',
  'for another path': 'stolen=1; Path=/elsewhere',
  'of more than 4096 bytes': `stolen=${'x'.repeat(4096)}; Path=/`,
  'that has ended': 'stolen=1; Path=/; Max-Age=0',
  'that ended long ago': 'stolen=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
  '__Host- with a domain': '__Host-stolen=1; Secure; Path=/; Domain=localhost',
  '__Host- without Secure': '__Host-stolen=1; Path=/',
  '__Host- with a path': '__Host-stolen=1; Secure; Path=/cookies',
  '__Secure- without Secure': '__Secure-stolen=1; Path=/',
}

/** Family T15: cookies go where they belong. */
export function cookieCases(): readonly Case<SecurityBench>[] {
  const rule = 'T15'
  return [
    { rule, sentence: 'cookies that a server may not set are not sent', needs: [], check: refused },
    { rule, sentence: 'a Secure cookie is not sent by http', needs: ['tls'], check: secure },
    { rule, sentence: 'a cookie is sent to its host alone', needs: [], check: hosts },
    { rule, sentence: 'values are sent as they came, and inject nothing', needs: [], check: values },
  ]
}

async function sentTo(
  bench: SecurityBench,
  cookies: readonly string[],
  origin: string = bench.origin,
): Promise<string> {
  const session = bench.session()
  await within(session.get(bench.origin + bench.serve({ 'Set-Cookie': cookies })), 'answer')
  await within(session.get(`${origin}/anything`), 'answer')
  return bench.received('/anything').at(-1)?.header('cookie') ?? ''
}

async function refused(bench: SecurityBench): Promise<void> {
  for (const [what, cookie] of Object.entries(REFUSED)) {
    const sent = await sentTo(bench, [cookie, 'own=1; Path=/'])
    assert.ok(!sent.includes('stolen'), `a cookie ${what} was sent`)
    assert.equal(sent, 'own=1', `beside a cookie ${what} another one was lost`)
  }
}

async function secure(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  const host = bench.server.httpsUrl
  await session.get(host + bench.serve({ 'Set-Cookie': 'kept=1; Secure; Path=/' }))
  await session.get(`${bench.server.url.replace('127.0.0.1', 'localhost')}/anything`)
  assert.equal(bench.received('/anything').at(-1)?.header('cookie'), null, 'a Secure cookie was sent by http')
  await session.get(`${host}/anything`)
  assert.equal(bench.received('/anything').at(-1)?.header('cookie'), 'kept=1', 'a Secure cookie was not sent by https')
  await session.get(bench.server.url + bench.serve({ 'Set-Cookie': 'overwritten=1; Secure; Path=/' }))
  await session.get(`${bench.server.url}/anything`)
  assert.equal(bench.received('/anything').at(-1)?.header('cookie'), null, 'a Secure cookie was taken from http')
}

async function hosts(bench: SecurityBench): Promise<void> {
  assert.equal(await sentTo(bench, ['own=1; Path=/'], bench.otherHost), '', 'a cookie was sent to another host')
  const session = bench.session({ cookies: { given: '1' } })
  await session.get(`${bench.origin}/anything`)
  await session.get(`${bench.otherHost}/anything`)
  const sent = bench
    .received('/anything')
    .slice(-2)
    .map((request) => request.header('cookie'))
  assert.deepEqual(sent, ['given=1', null], `cookies of a Session went to ${sent.join(' and ')}`)
}

async function values(bench: SecurityBench): Promise<void> {
  const odd = ['a=%0D%0AX-Injected:%20yes', 'b="quoted"', 'c=%2520', 'd=a b', 'e==']
  const sent = await sentTo(
    bench,
    odd.map((pair) => `${pair}; Path=/`),
  )
  assert.equal(sent, odd.join('; '), `cookies were sent as ${sent}`)
  const names = bench
    .received('/anything')
    .at(-1)
    ?.headers.map(([name]) => name.toLowerCase())
  assert.ok(names?.includes('x-injected') === false, 'a cookie became a header')
}
