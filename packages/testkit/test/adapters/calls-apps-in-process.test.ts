import { expect, test } from 'vitest'
import { ConnectionError, HTTPAdapter, Session } from '@entreat/core'
import { AppAdapter } from '@entreat/testkit'

test('a Node app sees a real request, and https without certificates', async () => {
  const seen: unknown[] = []
  const app = AppAdapter.node(
    (request, response) => {
      seen.push(
        request.method,
        request.url,
        request.headers.host,
        request.headers['x-one'],
        request.socket.remoteAddress,
        'encrypted' in request.socket && request.socket.encrypted,
      )
      request.pipe(response.writeHead(201, 'Made', { 'Set-Cookie': ['a=1', 'b=2'], Trailer: 'X-End' }))
    },
    { remoteAddress: '203.0.113.9' },
  )
  const session = new Session().mount('https://app.test', app)
  const response = await session.post('https://app.test/things?page=2', { data: 'whale', headers: { 'X-One': '1' } })
  expect(seen).toEqual(['POST', '/things?page=2', 'app.test', '1', '203.0.113.9', true])
  expect([response.statusCode, response.reason, response.text]).toEqual([201, 'Made', 'whale'])
  expect(session.cookies.get('a')).toBe('1')
  expect(session.cookies.get('b')).toBe('2')
})

test('a chunked upload and a chunked download are both streams', async () => {
  const app = AppAdapter.node((request, response) => {
    expect(request.headers['transfer-encoding']).toBe('chunked')
    request.pipe(response)
  })
  const session = new Session().mount('http://app.test', app)
  async function* numbers(): AsyncGenerator<Uint8Array, void, undefined> {
    for (let n = 0; n < 3; n++) yield await Promise.resolve(Buffer.from(`${n};`))
  }
  const response = await session.post('http://app.test/', { data: numbers(), stream: true })
  expect((await response.read()).toString()).toBe('0;1;2;')
})

test.each([
  ['throws', () => { throw new Error('a bug') }], // prettier-ignore
  ['rejects', () => Promise.reject(new Error('a bug'))],
])('what a Node app %s is the cause, and the process lives', async (_how, listener) => {
  const session = new Session().mount('http://app.test', AppAdapter.node(listener))
  const failure = await session.get('http://app.test/').catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ConnectionError)
  expect((failure as Error).cause).toMatchObject({ message: 'a bug' })
})

test('what a fetch handler throws is the cause', async () => {
  const app = AppAdapter.fetch(() => { throw new Error('a bug') }) // prettier-ignore
  const failure = await new Session()
    .mount('http://app.test', app)
    .get('http://app.test/')
    .catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(ConnectionError)
  expect((failure as Error).cause).toMatchObject({ message: 'a bug' })
})

test('a fetch handler gets a WHATWG Request, and its cookies stay apart', async () => {
  const app = AppAdapter.fetch(async (request) => {
    const headers = new globalThis.Headers([['Set-Cookie', 'a=1'], ['Set-Cookie', 'b=2']]) // prettier-ignore
    return new Response(`${request.method} ${new URL(request.url).search} ${await request.text()}`, { headers })
  })
  const session = new Session().mount('https://app.test', app)
  const response = await session.put('https://app.test/?x=1', { data: 'body' })
  expect(response.text).toBe('PUT ?x=1 body')
  expect(response.headers.getSetCookie()).toEqual(['a=1', 'b=2'])
})

test('a redirect may lead from an app to another one', async () => {
  const first = AppAdapter.node((_, response) => response.writeHead(302, { Location: 'http://second.test/' }).end())
  const second = AppAdapter.fetch((request) => new Response(String(request.headers.get('authorization'))))
  const session = new Session({ auth: ['ahab', 'ivory'] })
  session.mount('http://first.test', first).mount('http://second.test', second)
  const response = await session.get('http://first.test/')
  expect(response.text).toBe('null') // credentials stay in the first origin
  expect(response.history).toHaveLength(1)
})

test('1,000 requests at once each get their own answer, and listen for nothing more', async () => {
  const app = AppAdapter.node((request, response) => void response.end(request.url))
  const session = new Session().mount('http://app.test', app)
  const paths = Array.from({ length: 1000 }, (_, index) => `/${index}`)
  const texts = await Promise.all(paths.map(async (path) => (await session.get(`http://app.test${path}`)).text))
  expect(texts).toEqual(paths)
})

test('an app that switches protocols is an error, not a wait without end', async () => {
  const app = AppAdapter.node((request) => {
    request.socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n')
  })
  const session = new Session().mount('http://app.test', app)
  const sent = session.get('http://app.test/', { headers: { Upgrade: 'x', Connection: 'Upgrade' } })
  await expect(sent).rejects.toThrow(/switched protocols/)
})

test('opens no socket', async () => {
  const before = process.getActiveResourcesInfo().filter((name) => /TCP|Pipe/.test(name)).length
  const app = AppAdapter.node((_, response) => {
    response.end(String(process.getActiveResourcesInfo().filter((name) => /TCP|Pipe/.test(name)).length - before))
  })
  const session = new Session().mount('http://app.test', app)
  expect((await session.get('http://app.test/')).text).toBe('0')
})

test('is as good as the network: an app that answers early, before it has read the body', async () => {
  const app = AppAdapter.node((_, response) => void response.writeHead(413).end('too much'))
  const session = new Session().mount('http://app.test', app)
  const response = await session.post('http://app.test/', { data: Buffer.alloc(4 * 1024 * 1024) })
  expect([response.statusCode, response.text]).toEqual([413, 'too much'])
  await new HTTPAdapter().close()
})
