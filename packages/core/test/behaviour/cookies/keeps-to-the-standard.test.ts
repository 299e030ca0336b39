import { CookieJar, DigestAuth, Request, Response, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

// RFC 6265bis, section 5.7: what a server may set, and from where.

const request = await new Request('GET', 'http://example.com/').prepare()

const kept = (url: string, line: string): number =>
  new Response({ request, url, statusCode: 200, headers: [['Set-Cookie', line]] }).cookies.size

describe('a jar that receives', () => {
  it.each<[what: string, url: string, line: string, isKept: boolean]>([
    ['a cookie for a whole public suffix', 'https://a.co.uk/', 'a=1; Domain=co.uk', false],
    ['a cookie for a top-level domain', 'https://a.com/', 'a=1; Domain=com', false],
    ['a cookie for its own site', 'https://b.a.co.uk/', 'a=1; Domain=a.co.uk', true],
    ['a cookie for another site', 'https://a.com/', 'a=1; Domain=b.com', false],
    ['a cookie for a host below', 'https://a.com/', 'a=1; Domain=b.a.com', false],
    ['a cookie for a host that only ends alike', 'https://evila.com/', 'a=1; Domain=a.com', false],
    ['a domain with a dot before it', 'https://b.a.com/', 'a=1; Domain=.a.com', true],
    ['a domain that is an address', 'http://127.0.0.1/', 'a=1; Domain=0.0.1', false],
    ['__Secure- over https', 'https://a.com/', '__Secure-a=1; Secure', true],
    ['__Secure- without Secure', 'https://a.com/', '__Secure-a=1', false],
    ['__Secure- over http', 'http://a.com/', '__Secure-a=1; Secure', false],
    ['__Host- for the host', 'https://a.com/', '__Host-a=1; Secure; Path=/', true],
    ['__Host- with a domain', 'https://a.com/', '__Host-a=1; Secure; Path=/; Domain=a.com', false],
    ['__Host- with a path', 'https://a.com/', '__Host-a=1; Secure; Path=/x', false],
    ['__host- in lower case over http', 'http://a.com/', '__host-a=1; Path=/', false],
    ['Secure over http', 'http://a.com/', 'a=1; Secure', false],
    ['Secure over http on loopback', 'http://127.0.0.1/', 'a=1; Secure', false],
    ['__secure- in lower case without Secure', 'https://a.com/', '__secure-a=1', false],
    ['__HOST- that keeps its promise', 'https://a.com/', '__HOST-a=1; Secure; Path=/', true],
    ['a cookie that is over', 'https://a.com/', 'a=1; Max-Age=0', false],
    ['a date that is past', 'https://a.com/', 'a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT', false],
    ['a date that is none', 'https://a.com/', 'a=1; Expires=soon', true],
    ['SameSite of any kind', 'https://a.com/', 'a=1; SameSite=Strict; Partitioned', true],
  ])('%s', (_what, url, line, isKept) => {
    expect(kept(url, line)).toBe(isKept ? 1 : 0)
  })
})

describe('a jar that is asked', () => {
  let server: TestServer
  let other: TestServer

  beforeAll(async () => {
    server = await TestServer.start({ tls: false })
    other = await TestServer.start({ tls: false })
  })

  afterAll(async () => {
    await Promise.all([server.close(), other.close()])
  })

  it('gives cookies of a path to that path and those below it', () => {
    const jar = new CookieJar().set('a', '1', { url: 'https://a.com/', path: '/x' })
    const sent = (path: string): number => jar.tough.getCookiesSync(`https://a.com${path}`).length
    expect(['/', '/x', '/x/', '/x/y', '/xy', '/X'].map(sent)).toEqual([0, 1, 1, 1, 0, 0])
  })

  it('gives longer paths first, then older ones (section 5.8.3)', () => {
    const jar = new CookieJar()
    for (const [name, path] of [
      ['root', '/'],
      ['deep', '/x/y'],
      ['mid', '/x'],
      ['late', '/'],
    ] as const)
      jar.set(name, '1', { url: 'https://a.com/', path })
    const header = jar.tough.getCookieStringSync('https://a.com/x/y/z')
    expect(header).toBe('deep=1; mid=1; root=1; late=1')
  })

  it('keeps the jars of two Sessions apart, and that of a request from both', async () => {
    await using first = new Session({ trustEnv: false })
    await using second = new Session({ trustEnv: false })
    await first.get(`${server.url}/cookies/set/a/1`)
    const seen = async (session: Session, cookies: Record<string, string> = {}): Promise<unknown> =>
      (await session.get(`${server.url}/cookies`, { cookies })).json()
    expect([await seen(first), await seen(second)]).toEqual([{ cookies: { a: '1' } }, { cookies: {} }])
    expect(await seen(second, { b: '2' })).toEqual({ cookies: { b: '2' } })
    expect([first.cookies.size, second.cookies.size]).toEqual([1, 0])
  })

  it('takes a cookie of a refused leg to the answer of the challenge', async () => {
    await using session = new Session({ trustEnv: false })
    const asked = await TestServer.start({
      tls: false,
      handler: (request, response) => {
        if (request.headers.authorization === undefined) {
          response.writeHead(401, {
            'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth"',
            'Set-Cookie': 'leg=1; Path=/',
          })
        }
        response.end(request.headers.cookie ?? 'none')
        return true
      },
    })
    const response = await session.get(asked.url, { auth: new DigestAuth('u', 'p') })
    expect([response.statusCode, response.text, session.cookies.get('leg')]).toEqual([200, 'leg=1', '1'])
    await asked.close()
  })

  it('shares cookies between ports of one host, as the standard says', async () => {
    await using session = new Session({ trustEnv: false })
    await session.get(`${server.url}/cookies/set/a/1`)
    expect((await session.get(`${other.url}/cookies`)).json()).toEqual({ cookies: { a: '1' } })
  })
})
