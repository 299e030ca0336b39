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
    ['socks9://127.0.0.1:1080', InvalidSchema],
  ])('of the form %s are refused before a connection', async (url, type) => {
    await using session = new Session({ trustEnv: false, proxies: { all: url } })
    expect(await failure(session.get(`${server.url}/get`))).toBeInstanceOf(type)
    expect(server.connectionCount).toBe(0)
  })
})

describe('the environment', () => {
  const script = `
    const session = new core.Session({ verify: input.ca, ...input.session })
    const statuses = []
    for (const url of input.urls) statuses.push((await session.get(url, input.request)).statusCode)
    report(statuses)
    await session.close()`

  /** What a process with these variables sends through the proxy. */
  async function proxied(
    env: Record<string, string>,
    given: { urls?: string[]; session?: object; request?: object } = {},
  ): Promise<string[]> {
    const urls = given.urls ?? [`${server.url}/get`]
    const { code, stderr } = await runChild(script, { env, input: { ca: server.ca, ...given, urls } })
    expect([code, stderr]).toEqual([0, ''])
    return proxy.requests.map(({ method }) => method)
  }

  it.each(['http_proxy', 'HTTP_PROXY', 'ALL_PROXY', 'all_proxy'])('names a proxy for http by %s', async (name) => {
    expect(await proxied({ [name]: proxy.url })).toEqual(['GET'])
  })

  it('names a proxy for https by HTTPS_PROXY, and none by HTTP_PROXY', async () => {
    const urls = [`${server.httpsUrl}/get`]
    expect(await proxied({ HTTP_PROXY: proxy.url }, { urls })).toEqual([])
    expect(await proxied({ HTTPS_PROXY: proxy.url }, { urls })).toEqual(['CONNECT'])
  })

  it('prefers the lower-case name', async () => {
    expect(await proxied({ http_proxy: proxy.url, HTTP_PROXY: 'http://127.0.0.1:1' })).toEqual(['GET'])
  })

  it('names no proxy to a CGI script by HTTP_PROXY', async () => {
    expect(await proxied({ HTTP_PROXY: proxy.url, REQUEST_METHOD: 'GET' })).toEqual([])
  })

  it.each(['127.0.0.1', '*', '127.0.0.0/8', '.other.test, 127.0.0.1'])('exempts hosts by NO_PROXY=%s', async (value) => {
    expect(await proxied({ HTTP_PROXY: proxy.url, NO_PROXY: value })).toEqual([])
  })

  it('exempts no other hosts', async () => {
    expect(await proxied({ HTTP_PROXY: proxy.url, no_proxy: 'example.com,10.0.0.0/8' })).toEqual(['GET'])
  })

  it('is not read with trustEnv: false', async () => {
    expect(await proxied({ HTTP_PROXY: proxy.url }, { session: { trustEnv: false } })).toEqual([])
  })

  it('is weaker than proxies of the Session', async () => {
    const env = { HTTP_PROXY: 'http://127.0.0.1:1' }
    expect(await proxied(env, { session: { proxies: { http: proxy.url } } })).toEqual(['GET'])
  })

  it('is weaker than proxies: { http: null } of a request', async () => {
    expect(await proxied({ HTTP_PROXY: proxy.url }, { request: { proxies: { http: null } } })).toEqual([])
  })

  it('gives the proxy credentials in its URL', async () => {
    await proxied({ HTTP_PROXY: proxy.url.replace('//', '//bob:secret@') })
    expect(JSON.stringify(proxy.requests[0]?.headers)).toContain(`Basic ${Buffer.from('bob:secret').toString('base64')}`)
  })
})
