import { InvalidProxyURL, InvalidSchema, type ProxiesInit, Session } from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { failure } from '../support/failure.ts'

let server: TestServer
let other: TestServer
let proxy: TestProxy
let second: TestProxy

beforeAll(async () => {
  server = await TestServer.start()
  other = await TestServer.start({ tls: false })
  proxy = await TestProxy.start()
  second = await TestProxy.start()
})

afterAll(async () => {
  await Promise.all([server, other, proxy, second].map((each) => each.close()))
})

beforeEach(() => {
  for (const each of [server, other, proxy, second]) each.reset()
})

describe('proxies', () => {
  async function countsFor(url: string, proxies: ProxiesInit, sessionProxies: ProxiesInit = {}): Promise<number[]> {
    await using session = new Session({ trustEnv: false, verify: server.ca, proxies: sessionProxies })
    await session.get(url, { proxies })
    return [proxy.requests.length, second.requests.length]
  }

  it('by scheme serve that scheme alone', async () => {
    expect(await countsFor(`${server.url}/get`, { https: proxy.url })).toEqual([0, 0])
    expect(await countsFor(`${server.httpsUrl}/get`, { https: proxy.url })).toEqual([1, 0])
  })

  it('by scheme and host are stronger than by scheme', async () => {
    expect(await countsFor(`${server.url}/get`, { http: proxy.url, 'http://127.0.0.1': second.url })).toEqual([0, 1])
  })

  it('by scheme are stronger than all', async () => {
    expect(await countsFor(`${server.url}/get`, { all: proxy.url, http: second.url })).toEqual([0, 1])
  })

  it('of the request are stronger than those of the Session', async () => {
    expect(await countsFor(`${server.url}/get`, { http: second.url }, { http: proxy.url })).toEqual([0, 1])
  })

  it('given as null connect directly', async () => {
    expect(await countsFor(`${server.url}/get`, { http: null }, { http: proxy.url })).toEqual([0, 0])
  })

  it('without a scheme are http', async () => {
    expect(await countsFor(`${server.url}/get`, { http: proxy.url.replace('http://', '') })).toEqual([1, 0])
  })

  it('are chosen anew for each hop of a redirect', async () => {
    await using session = new Session({
      trustEnv: false,
      proxies: { [`http://127.0.0.1`]: proxy.url, 'http://localhost': second.url },
    })
    const target = `${other.url.replace('127.0.0.1', 'localhost')}/get`
    const response = await session.get(`${server.url}/redirect-to?url=${encodeURIComponent(target)}`)
    expect(response.url).toBe(target)
    expect([proxy.requests.length, second.requests.length]).toEqual([1, 1])
  })

  it('serve a redirect from http to https through a tunnel', async () => {
    await using session = new Session({ trustEnv: false, verify: server.ca, proxies: { all: proxy.url } })
    await session.get(`${server.url}/redirect-to?url=${encodeURIComponent(`${server.httpsUrl}/get`)}`)
    expect(proxy.requests.map(({ method }) => method)).toEqual(['GET', 'CONNECT'])
  })

  it('send their credentials to their own hop only', async () => {
    await using session = new Session({
      trustEnv: false,
      proxies: { 'http://127.0.0.1': proxy.url.replace('//', '//a:b@'), 'http://localhost': second.url },
    })
    const target = `${other.url.replace('127.0.0.1', 'localhost')}/get`
    await session.get(`${server.url}/redirect-to?url=${encodeURIComponent(target)}`)
    expect(JSON.stringify(proxy.requests[0]?.headers).toLowerCase()).toContain('proxy-authorization')
    expect(JSON.stringify(second.requests[0]?.headers).toLowerCase()).not.toContain('proxy-authorization')
  })

  it.each([
    ['http:///', InvalidProxyURL],
    ['http://', InvalidProxyURL],
    ['https://', InvalidProxyURL],
    ['http:/badproxyurl:3128', InvalidProxyURL],
    ['http://:8080', InvalidProxyURL],
    ['http:///example.com:8080', InvalidProxyURL],
    ['socks9://127.0.0.1:1080', InvalidSchema],
  ])('of the form %s are refused before a connection', async (url, type) => {
    await using session = new Session({ trustEnv: false, proxies: { all: url } })
    expect(await failure(session.get(`${server.url}/get`))).toBeInstanceOf(type)
    expect(server.connectionCount).toBe(0)
  })
})

interface Case {
  /** What the process finds in its environment, given the URL of a proxy. */
  readonly env: (proxy: string) => Readonly<Record<string, string>>
  readonly scheme?: 'http' | 'https'
  readonly session?: object
  readonly request?: (proxy: string) => object
  /** Methods that the proxy sees. */
  readonly seen: readonly string[]
}

const NOWHERE = 'http://127.0.0.1:1'

const cases: Record<string, Case> = {
  'names a proxy for http by http_proxy': { env: (url) => ({ http_proxy: url }), seen: ['GET'] },
  'names a proxy for http by HTTP_PROXY': { env: (url) => ({ HTTP_PROXY: url }), seen: ['GET'] },
  'names a proxy for http by all_proxy': { env: (url) => ({ all_proxy: url }), seen: ['GET'] },
  'names a proxy for http by ALL_PROXY': { env: (url) => ({ ALL_PROXY: url }), seen: ['GET'] },
  'names a proxy for https by HTTPS_PROXY': {
    env: (url) => ({ HTTPS_PROXY: url }),
    scheme: 'https',
    seen: ['CONNECT'],
  },
  'names a proxy for https by https_proxy': {
    env: (url) => ({ https_proxy: url }),
    scheme: 'https',
    seen: ['CONNECT'],
  },
  'names none for https by HTTP_PROXY': { env: (url) => ({ HTTP_PROXY: url }), scheme: 'https', seen: [] },
  'prefers the lower-case name': { env: (url) => ({ http_proxy: url, HTTP_PROXY: NOWHERE }), seen: ['GET'] },
  'names none to a CGI script by HTTP_PROXY': {
    env: (url) => ({ HTTP_PROXY: url, REQUEST_METHOD: 'GET' }),
    seen: [],
  },
  'exempts an address by NO_PROXY': { env: (url) => ({ HTTP_PROXY: url, NO_PROXY: '127.0.0.1' }), seen: [] },
  'exempts everything by NO_PROXY=*': { env: (url) => ({ HTTP_PROXY: url, NO_PROXY: '*' }), seen: [] },
  'exempts a network by NO_PROXY': { env: (url) => ({ HTTP_PROXY: url, NO_PROXY: '127.0.0.0/8' }), seen: [] },
  'exempts each of a list': { env: (url) => ({ HTTP_PROXY: url, NO_PROXY: '.other.test, 127.0.0.1' }), seen: [] },
  'exempts nobody else': { env: (url) => ({ HTTP_PROXY: url, no_proxy: 'example.com,10.0.0.0/8' }), seen: ['GET'] },
  'is not read with trustEnv: false': {
    env: (url) => ({ HTTP_PROXY: url }),
    session: { trustEnv: false },
    seen: [],
  },
  'is weaker than the proxies of a request': {
    env: () => ({ HTTP_PROXY: NOWHERE }),
    request: (url) => ({ proxies: { http: url } }),
    seen: ['GET'],
  },
  'is weaker than proxies: { http: null } of a request': {
    env: (url) => ({ HTTP_PROXY: url }),
    request: () => ({ proxies: { http: null } }),
    seen: [],
  },
  'gives the credentials in a proxy URL': {
    env: (url) => ({ HTTP_PROXY: url.replace('//', '//bob:secret@') }),
    seen: ['GET'],
  },
}

describe('the environment', () => {
  const proxies = new Map<string, TestProxy>()
  let reports: readonly unknown[]

  // One process goes through all cases; each has a proxy of its own.
  const script = `
    for (const { env, url, session, request } of input.cases) {
      Object.assign(process.env, env)
      const own = new core.Session({ verify: input.ca, ...session })
      report(await own.get(url, request).then(({ statusCode }) => statusCode, String))
      await own.close()
      for (const name of Object.keys(env)) delete process.env[name]
    }`

  beforeAll(async () => {
    for (const name of Object.keys(cases)) proxies.set(name, await TestProxy.start())
    const given = Object.entries(cases).map(([name, { env, scheme, session, request }]) => {
      const { url } = proxies.get(name) as TestProxy
      const target = `${scheme === 'https' ? server.httpsUrl : server.url}/get`
      return { env: env(url), url: target, session, request: request?.(url) }
    })
    ;({ reports } = await runChild(script, { input: { ca: server.ca, cases: given } }))
  })

  afterAll(async () => {
    await Promise.all([...proxies.values()].map((each) => each.close()))
  })

  it.each(Object.entries(cases))('%s', (name, { seen }) => {
    const { requests } = proxies.get(name) as TestProxy
    expect(requests.map(({ method }) => method)).toEqual(seen)
  })

  it('lets every one of these requests succeed', () => {
    expect(reports).toEqual(Object.keys(cases).map(() => 200))
  })

  it('gives its credentials to the proxy that it names', () => {
    const { requests } = proxies.get('gives the credentials in a proxy URL') as TestProxy
    const basic = `Basic ${Buffer.from('bob:secret').toString('base64')}`
    expect(requests[0]?.headers).toContainEqual(['Proxy-Authorization', basic])
  })
})
