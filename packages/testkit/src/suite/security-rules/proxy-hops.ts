import assert from 'node:assert/strict'
import { ProxyError } from '@entreat/core'
import { describeError, rejectionOf, within } from '../checks.ts'
import { withEnvironment } from '../environment.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

const USER = { username: 'proxy-user', password: 's3cret' }
const BASIC = `Basic ${Buffer.from('proxy-user:s3cret').toString('base64')}`

/** Family T4: each hop asks anew which proxy it takes, and the proxy's credentials stay with it. */
export function proxyHopCases(): readonly Case<SecurityBench>[] {
  const rule = 'T4'
  const needs = ['proxies']
  return [
    { rule, sentence: 'each hop of a redirect takes the proxy that is for it', needs, check: eachHop },
    {
      rule,
      sentence: 'a redirect to a host of NO_PROXY leaves the proxy, and one away from it takes it',
      needs,
      check: noProxy,
    },
    { rule, sentence: 'https goes through a tunnel, never in absolute form', needs, check: tunnels },
    { rule, sentence: 'credentials of a proxy reach no origin, tunnelled or not', needs, check: staysWithProxy },
    { rule, sentence: 'a Proxy-Authorization header never enters a tunnel', needs, check: header },
    {
      rule,
      sentence: 'an answer to CONNECT that is not 2xx is a ProxyError',
      needs: ['proxies', 'wire'],
      check: refused,
    },
  ]
}

async function eachHop(bench: SecurityBench): Promise<void> {
  const [first, second] = [await bench.proxy(), await bench.proxy()]
  const key = (origin: string): string => origin.replace(/:\d+$/, '')
  const proxies = { [key(bench.origin)]: first.url, [key(bench.otherHost)]: second.url }
  const session = bench.session({ proxies })
  await within(session.get(bench.redirect(`${bench.otherHost}/get`, 302)), 'follow a redirect')
  const seen = [first, second].map(({ requests }) => requests.length)
  assert.deepEqual(seen, [1, 1], `the proxies of the two hops saw ${seen.join(' and ')} requests, not 1 and 1`)
  await session.get(bench.redirect(`${bench.otherHost}/get`, 302), {
    proxies: { ...proxies, [key(bench.otherHost)]: null },
  })
  assert.equal(second.requests.length, 1, 'a hop that is to go directly went through a proxy')
}

async function noProxy(bench: SecurityBench): Promise<void> {
  const proxy = await bench.proxy()
  const excluded = new URL(bench.otherPort).host
  const variables = { http_proxy: proxy.url, https_proxy: proxy.url, no_proxy: excluded }
  await withEnvironment(variables, async () => {
    const session = bench.session({ trustEnv: true })
    await within(session.get(bench.redirect(`${bench.otherPort}/get`, 302)), 'follow a redirect')
    const targets = proxy.requests.map(({ url }) => url).join(' ')
    assert.ok(targets.includes(new URL(bench.origin).host), 'the first hop went past the proxy that is for it')
    const toExcluded = targets.split('%')[0]?.includes(`${excluded}/get`) ?? false
    assert.ok(proxy.requests.length === 1 && !toExcluded, `the proxy saw ${targets}, not the first hop alone`)
    proxy.reset()
    await within(session.get(bench.redirect(`${bench.otherHost}/get`, 302, bench.otherPort)), 'follow a redirect')
    assert.equal(proxy.requests.length, 1, `the proxy saw ${proxy.requests.length} of two hops, not the second alone`)
  })
}

async function tunnels(bench: SecurityBench): Promise<void> {
  const proxy = await bench.proxy()
  const session = bench.session({ proxies: { all: proxy.url } })
  await within(session.get(`${bench.server.httpsUrl}/get`, { headers: { 'X-Own': 's3cret' } }), 'get through a tunnel')
  await within(
    session.get(bench.redirect(`${bench.stranger.httpsUrl}/get`, 302, bench.server.url)),
    'follow a redirect',
  )
  for (const request of proxy.requests) {
    assert.ok(!request.url.startsWith('https:'), 'an https request was sent to the proxy in absolute form')
    assert.ok(
      request.method !== 'CONNECT' || !JSON.stringify(request.headers).includes('s3cret'),
      'CONNECT tells headers',
    )
  }
  const connects = proxy.requests.filter(({ method }) => method === 'CONNECT').map(({ url }) => url)
  const expected = [bench.server.httpsUrl, bench.stranger.httpsUrl].map((url) => new URL(url).host)
  assert.deepEqual(connects, expected, `the tunnels lead to ${connects.join(' and ')}, not ${expected.join(' and ')}`)
}

async function staysWithProxy(bench: SecurityBench): Promise<void> {
  const proxy = await bench.proxy({ credentials: USER })
  const withUserinfo = proxy.url.replace('//', `//${USER.username}:${USER.password}@`)
  for (const session of [
    bench.session({ proxies: { all: withUserinfo } }),
    bench.session({ proxies: { all: proxy.url }, proxyAuth: [USER.username, USER.password] }),
  ]) {
    for (const origin of [bench.server.url, bench.server.httpsUrl]) {
      const target = bench.redirect(`${bench.stranger.httpsUrl}/get`, 307, origin)
      await within(session.get(target), 'get through a proxy')
      await within(session.get(bench.redirect(`${bench.stranger.url}/get`, 307, origin)), 'get through a proxy')
      // From here on there is no proxy: its credentials have nobody to go to.
      await within(session.get(target, { proxies: { all: null } }), 'get without the proxy')
    }
  }
  const asked = proxy.requests.filter((request) => request.header('proxy-authorization') === BASIC)
  assert.ok(asked.length > 0, 'the proxy was not given its credentials')
  for (const request of [...bench.server.requests, ...bench.stranger.requests]) {
    assert.equal(request.header('proxy-authorization'), null, `${request.url} was given the credentials of the proxy`)
  }
}

async function header(bench: SecurityBench): Promise<void> {
  const proxy = await bench.proxy()
  const session = bench.session({ proxies: { all: proxy.url }, headers: { 'Proxy-Authorization': BASIC } })
  await within(session.get(`${bench.server.httpsUrl}/get`), 'get through a tunnel')
  await within(session.get(`${bench.server.url}/get`), 'get through a proxy')
  for (const request of bench.server.requests) {
    assert.equal(request.header('proxy-authorization'), null, 'the header reached the origin through the proxy')
  }
}

async function refused(bench: SecurityBench): Promise<void> {
  for (const status of ['302 Found', '400 Bad Request', '403 Forbidden', '502 Bad Gateway', '999 Odd']) {
    const location = `Location: ${bench.stranger.url}/get\r\n`
    const proxy = await bench.wire(() => `HTTP/1.1 ${status}\r\n${location}Content-Length: 2\r\n\r\nno`)
    const session = bench.session({ proxies: { all: proxy.url }, auth: ['user', 's3cret'] })
    const error = await rejectionOf(session.get(`${bench.server.httpsUrl}/get`), `fail after ${status} to CONNECT`)
    assert.ok(error instanceof ProxyError, `it raised ${describeError(error)} instead of a ProxyError`)
    assert.equal(proxy.heads.length, 1, `it sent ${proxy.heads.length} requests to a proxy that refuses`)
    assert.ok(
      !proxy.heads.join().includes('uthorization: Basic dXNlc'),
      'the credentials of the origin went to the proxy',
    )
  }
  assert.equal(
    bench.server.requests.length + bench.stranger.requests.length,
    0,
    'a refused tunnel was used all the same',
  )
}
