import { expect, test } from 'vitest'
import { InvalidSchema, InvalidURL, MissingSchema, type Params, Request, Session } from '@entreat/core'
import { failureOf, reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

async function prepared(url: string | URL, params: Params | null = null): Promise<string> {
  return (await new Request('GET', url, { params }).prepare()).url
}

test.each([
  ['http://example.com', 'http://example.com/'],
  ['http://example.com/path', 'http://example.com/path'],
  ['HTTP://example.com/', 'http://example.com/'],
  ['hTTp://EXAMPLE.com/Path', 'http://example.com/Path'],
  ['HttP://example.com:80/', 'http://example.com:80/'],
  [' \thttp://example.com/', 'http://example.com/'],
  ['http://example.com/test case', 'http://example.com/test%20case'],
  ['http://example.com/test%20case', 'http://example.com/test%20case'],
  ['http://example.com/50%', 'http://example.com/50%25'],
  ['http://example.com/fiz?buz=%ppicture', 'http://example.com/fiz?buz=%25ppicture'],
  ['http://example.com/fiz?buz=%25ppicture', 'http://example.com/fiz?buz=%25ppicture'],
  ['http://example.com/%7Ea%41%2f?x=%7E', 'http://example.com/~aA%2F?x=~'],
  ['http://example.com/"<>[]{}|^`é', 'http://example.com/%22%3C%3E%5B%5D%7B%7D%7C%5E%60%C3%A9'],
  ['http://example.com//v:h//x', 'http://example.com//v:h//x'],
  ['http://example.com/a/../b/./c', 'http://example.com/b/c'],
  ['http://example.com/?', 'http://example.com/'],
  ['http://example.com/?a=b+c&d=é#é', 'http://example.com/?a=b+c&d=%C3%A9#%C3%A9'],
  ['http://example.com:0/', 'http://example.com/'],
  ['http://ジェーピーニック.jp', 'http://xn--hckqz9bzb1cyrb.jp/'],
  ['http://xn--n3h.net/', 'http://xn--n3h.net/'],
  ['http://straße.de/straße', 'http://xn--strae-oqa.de/stra%C3%9Fe'],
  ['http://Königsgäßchen.de/', 'http://xn--knigsgchen-b4a3dun.de/'],
  [
    'http://[1200:0000:ab00:1234:0000:2552:7777:1313]:12345/',
    'http://[1200:0000:ab00:1234:0000:2552:7777:1313]:12345/',
  ],
  ['http://[FE80::1%25eth0]/', 'http://[fe80::1%25eth0]/'],
  ['http+unix://%2Fvar%2frun%2Fsocket/path%7E', 'http+unix://%2Fvar%2frun%2Fsocket/path~'],
  ['mailto:user@example.org', 'mailto:user@example.org'],
  ['data:SSDimaUgUHl0aG9uIQ==', 'data:SSDimaUgUHl0aG9uIQ=='],
  ['data:text/plain;charset=utf-8,a b#c', 'data:text/plain;charset=utf-8,a b#c'],
  ['file:///etc/passwd', 'file:///etc/passwd'],
  [
    'magnet:?xt=urn:btih:be08f00302bc2d1d3cfa3af02024fa647a271431',
    'magnet:?xt=urn:btih:be08f00302bc2d1d3cfa3af02024fa647a271431',
  ],
])('prepares %j as %j', async (given, url) => {
  expect(await prepared(given)).toBe(url)
})

test('takes a URL object, and gives path and query as they are sent', async () => {
  const request = await new Request('GET', new URL('http://example.com/a?b=c#d')).prepare()
  expect([request.url, request.pathUrl]).toEqual(['http://example.com/a?b=c#d', '/a?b=c'])
})

test.each([
  ['hiwpefhipowhefopw', MissingSchema],
  ['//example.com/', MissingSchema],
  ['', MissingSchema],
  ['http://', InvalidURL],
  ['http:///path', InvalidURL],
  ['http://*example.com', InvalidURL],
  ['http://*', InvalidURL],
  ['http://.example.com', InvalidURL],
  ['http://☃.net/', InvalidURL],
  ['http://ｅｘａｍｐｌｅ.com/', InvalidURL],
  ['http://１２７.0.0.1/', InvalidURL],
  ['http://a b/', InvalidURL],
  ['http://fe80::5054:ff:fe5a:fc0', InvalidURL],
  ['http://example.com:abc/', InvalidURL],
  ['http://example.com:65536/', InvalidURL],
  ['http://[::1/', InvalidURL],
])('refuses %j before anything is sent', async (url, type) => {
  await using session = new Session({ trustEnv: false })
  expect(await failureOf(prepared(url))).toBeInstanceOf(type)
  expect(await failureOf(session.get(url))).toBeInstanceOf(type)
})

test.each(['localhost:3128', 'localhost.localdomain:3128/', '10.122.1.1:3128/', 'foo://example.com/'])(
  'has no adapter for %j, which has no scheme that it knows',
  async (url) => {
    await using session = new Session({ trustEnv: false })
    expect(await failureOf(session.get(url))).toBeInstanceOf(InvalidSchema)
  },
)

test.each<[url: string, params: Params, expected: string]>([
  ['http://example.com/path#fragment', { a: 'b' }, 'http://example.com/path?a=b#fragment'],
  ['http://example.com/path?key=value#fragment', { a: 'b' }, 'http://example.com/path?key=value&a=b#fragment'],
  ['http://example.com/', { z: 1, a: 1, k: 1, d: 1 }, 'http://example.com/?z=1&a=1&k=1&d=1'],
  ['http://example.com/', Buffer.from('test=foo'), 'http://example.com/?test=foo'],
  ['http://example.com/', { test: ['foo', 'baz'] }, 'http://example.com/?test=foo&test=baz'],
  ['http://example.com/get?test=true', { q: 'test' }, 'http://example.com/get?test=true&q=test'],
  ['http://example.com/', { foo: 'føø' }, 'http://example.com/?foo=f%C3%B8%C3%B8'],
  ['http://example.com/', { føø: 'føø' }, 'http://example.com/?f%C3%B8%C3%B8=f%C3%B8%C3%B8'],
  ['http://example.com/', { foo: 'foo' }, 'http://example.com/?foo=foo'],
  ['http://example.com/ø', { foo: 'foo' }, 'http://example.com/%C3%B8?foo=foo'],
  ['http+unix://socket/path', { key: 'value' }, 'http+unix://socket/path?key=value'],
  ['http+unix://socket/path?a=b', { key: 'value' }, 'http+unix://socket/path?a=b&key=value'],
  ['mailto:user@example.org', { key: 'value' }, 'mailto:user@example.org'],
  ['data:,x', { key: 'value' }, 'data:,x'],
])('adds to %j the params %j: %j', async (url, params, expected) => {
  expect(await prepared(url, params)).toBe(expected)
})

test.each([
  ['user:pass', 'user:pass'],
  ['user:pass%20pass', 'user:pass pass'],
  ['user:pass pass', 'user:pass pass'],
  ['user%25user:pass', 'user%user:pass'],
  ['user:pass%23pass', 'user:pass#pass'],
  ['user%3Auser:a%40b', 'user:user:a@b'],
  ['0123456789abcdefghijklmnopqrstuvwxyz:ABCDEFGHIJKLMNOPQRSTUVWXYZ9876543210', null],
])('takes the credentials of http://%s@…, however long, out of the URL', async (userinfo, credentials) => {
  await using session = new Session({ trustEnv: false })
  const request = await session.prepareRequest(new Request('GET', `http://${userinfo}@exactly-host.example/path`))
  const expected = Buffer.from(credentials ?? userinfo, 'latin1').toString('base64')
  expect([request.url, request.headers.get('authorization')]).toEqual([
    'http://exactly-host.example/path',
    `Basic ${expected}`,
  ])
})

test('makes no credentials of a URL that has none', async () => {
  await using session = new Session({ trustEnv: false })
  const request = await session.prepareRequest(new Request('GET', 'http://complex.url.com/path?query=yes'))
  expect(request.headers.has('authorization')).toBe(false)
})

test.each(['http', 'HTTP', 'hTTp', 'HttP'])('sends to %s: like to http:', async (scheme) => {
  await using session = new Session({ trustEnv: false })
  expect((await session.get(`${site().url.replace('http', scheme)}/get`)).statusCode).toBe(200)
})

test('sends a path with leading slashes as it is, and no fragment (RFC 9110 section 4.2.5)', async () => {
  site().on('//v:h', reply(200))
  await using session = new Session({ trustEnv: false })
  const response = await session.get(`${site().url}//v:h#fragment`)
  expect(site().last('//v:h').url).toBe('//v:h')
  expect(response.url).toBe(`${site().url}//v:h#fragment`)
})
