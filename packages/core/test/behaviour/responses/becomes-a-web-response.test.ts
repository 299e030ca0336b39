import { expect, test } from 'vitest'
import { Session } from '@entreat/core'
import { RawServer, until, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

test('has status, headers, URL and body of the original', async () => {
  await using session = new Session()
  const web = (await session.get(`${site().url}/redirect/1#frag`)).toWeb()
  expect(web).toBeInstanceOf(globalThis.Response)
  expect([web.status, web.statusText, web.ok, web.redirected, web.url]).toEqual([
    200,
    'OK',
    true,
    true,
    `${site().url}/get`,
  ])
  expect(web.headers.get('content-type')).toBe('application/json')
  expect(await web.json()).toMatchObject({ url: `${site().url}/get` })
})

test('keeps Set-Cookie lines apart', async () => {
  await using session = new Session()
  const web = (await session.get(`${site().url}/cookies/set?a=1&b=2`, { allowRedirects: false })).toWeb()
  expect(web.headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2; Path=/'])
})

test('takes over a body that has not been read', async () => {
  await using session = new Session()
  const web = (await session.get(`${site().url}/gzip`, { stream: true })).toWeb()
  expect(await web.json()).toMatchObject({ gzipped: true })
})

test('gives up the connection when its body is cancelled', async () => {
  await using session = new Session()
  const web = (await session.get(`${site().url}/drip?duration=60&delay=0`, { stream: true })).toWeb()
  await web.body?.cancel()
  await until(() => site().server.openConnections === 0)
})

test('reads no further than it is asked to', async () => {
  await using session = new Session()
  let written = 0
  const url = site().on('/endless-web', (_request, response) => {
    const write = (): void => {
      do written += 65_536
      while (!response.destroyed && response.write(Buffer.alloc(65_536)))
    }
    response.on('drain', write)
    write()
  })
  const reader = (await session.get(url, { stream: true })).toWeb().body?.getReader()
  await reader?.read()
  for (let turn = 0; turn < 200; turn++) await new Promise((resolve) => setImmediate(resolve))
  expect(written).toBeLessThan(50_000_000)
  await reader?.cancel()
})

test.each([204, 205, 304])('has no body for %i', async (status) => {
  await using session = new Session()
  const url = site().on(`/null-${status}`, (_request, response) => void response.writeHead(status).end())
  const web = (await session.get(url, { stream: true })).toWeb()
  expect([web.status, web.body]).toEqual([status, null])
})

test('has no body for HEAD', async () => {
  await using session = new Session()
  expect((await session.head(`${site().url}/bytes/10`, { stream: true })).toWeb().body).toBeNull()
})

test.each([600, 999])('keeps a status beyond 599: %i', async (status) => {
  await using server = await RawServer.start(
    (socket) => void socket.end(`HTTP/1.1 ${status} X\r\nContent-Length: 2\r\n\r\nok`),
  )
  await using session = new Session()
  const web = (await session.get(server.url)).toWeb()
  expect([web.status, await web.text()]).toEqual([status, 'ok'])
})

test('fails where the body breaks off', async () => {
  await using session = new Session()
  const web = (await session.get(`${site().url}/truncated`, { stream: true })).toWeb()
  await expect(web.text()).rejects.toMatchObject({ code: 'ERR_BODY_TRUNCATED' })
})
