import assert from 'node:assert/strict'
import { InvalidSchema, LimitExceededError, TooManyRedirects } from '@entreat/core'
import { StubAdapter } from '../../adapters/stub-adapter.ts'
import { asRequestException, describeError, rejectionOf, within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

const SCHEMES = ['file', 'ftp', 'ftps', 'http+unix', 'unix', 'data', 'blob', 'gopher', 'javascript', 'ws', 'own']

/** Family T3: a redirect leads to http and https alone, and what holds for the first request holds for the next. */
export function redirectTargetCases(): readonly Case<SecurityBench>[] {
  const rule = 'T3'
  return [
    { rule, sentence: 'a redirect to another scheme is refused, be it mounted', needs: [], check: otherSchemes },
    { rule, sentence: 'a hook cannot lead a redirect to another scheme', needs: [], check: schemeOfHook },
    { rule, sentence: 'maxRedirects holds wherever it is said', needs: [], check: counted },
    { rule, sentence: 'limits hold behind a redirect', needs: [], check: limitsSurvive },
    { rule, sentence: 'a target that is no URL is refused', needs: [], check: noUrl },
  ]
}

async function otherSchemes(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  const stub = new StubAdapter().on('*', /./, { text: 'reached' })
  for (const scheme of SCHEMES) {
    session.mount(`${scheme}://`, stub)
    for (const target of [`${scheme}://127.0.0.1/etc/passwd`, `${scheme}:/etc/passwd`]) {
      const error = await rejectionOf(session.get(bench.redirect(target, 302)), `refuse a redirect to ${target}`)
      asRequestException(error)
    }
  }
  assert.equal(stub.requests.length, 0, 'a redirect reached an adapter of another scheme')
  const error = await rejectionOf(session.get(bench.redirect('ftp://127.0.0.1/', 302)), 'refuse a redirect to ftp:')
  assert.ok(error instanceof InvalidSchema, `it raised ${describeError(error)} instead of an InvalidSchema`)
}

async function schemeOfHook(bench: SecurityBench): Promise<void> {
  const redirect = ({ next }: { readonly next: { url: string } }): void => void (next.url = 'own://127.0.0.1/')
  const session = bench.session({ hooks: { redirect } })
  const stub = new StubAdapter().on('*', /./, { text: 'reached' })
  session.mount('own://', stub)
  asRequestException(await rejectionOf(session.get(bench.redirect('/get', 302)), 'refuse what the hook chose'))
  assert.equal(stub.requests.length, 0, 'a hook led a redirect to an adapter of another scheme')
}

async function counted(bench: SecurityBench): Promise<void> {
  const url = `${bench.origin}/redirect/4`
  for (const [said, send] of [
    ['the Session', () => bench.session({ maxRedirects: 2 }).get(url)],
    ['the request', () => bench.session().get(url, { maxRedirects: 2 })],
    ['a streamed request', () => bench.session().get(url, { maxRedirects: 2, stream: true })],
    ['a Session with a scheme', () => bench.session({ maxRedirects: 2, auth: ['user', 'password'] }).get(url)],
  ] as const) {
    const error = await rejectionOf(send(), `stop at the maxRedirects of ${said}`)
    assert.ok(error instanceof TooManyRedirects, `it raised ${describeError(error)} instead of TooManyRedirects`)
  }
  const none = bench.session({ maxRedirects: 0 }).get(url)
  assert.ok((await rejectionOf(none, 'follow none')) instanceof TooManyRedirects, 'maxRedirects 0 is not kept')
  assert.equal(bench.server.requests.length, 13, `${bench.server.requests.length} requests were sent, not 13`)
}

async function limitsSurvive(bench: SecurityBench): Promise<void> {
  const path = `${bench.otherPort}/bytes/10000`
  const session = bench.session()
  const sent = session.get(bench.redirect(path, 307), { limits: { decodedBytes: 9999 } })
  const error = await rejectionOf(sent, 'keep its limit behind a redirect')
  assert.ok(error instanceof LimitExceededError, `it raised ${describeError(error)} instead of a LimitExceededError`)
}

async function noUrl(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  for (const target of ['http://', 'http://[', 'http://a b/', 'http://a:99999/', 'https://%00/', 'http://a\\b@:x/']) {
    const sent = within(session.get(bench.redirect(target, 302)), 'come to an end')
    asRequestException(await rejectionOf(sent, `refuse a redirect to ${target}`))
  }
}
