import { expect, test } from 'vitest'
import { head, Request, request, Session, UsageError } from '@entreat/core'
import { reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

test.each(['get', 'GeT', 'purge', 'M-SEARCH', 'report'])('sends the method %s in upper case', async (method) => {
  const path = `/method-${Buffer.from(method).toString('hex')}`
  await request(method, site().on(path, reply(200)))
  expect(site().last(path).method).toBe(method.toUpperCase())
})

test.each(['', 'GET /x HTTP/1.1\r\nX: y', 'A B', 'É', 'A\0', 'A:'])(
  'refuses the method %j, which is no token (RFC 9110 section 9.1)',
  async (method) => {
    await expect(request(method, `${site().url}/method`)).rejects.toThrow(UsageError)
  },
)

test('follows no redirects for head()', async () => {
  const response = await head(`${site().url}/redirect/1`)
  expect([response.statusCode, response.history]).toEqual([302, []])
})

test('follows no redirects for session.head()', async () => {
  await using session = new Session()
  expect((await session.head(`${site().url}/redirect/1`)).statusCode).toBe(302)
})

test('follows no redirects for head() when allowRedirects is undefined', async () => {
  const { statusCode } = await head(`${site().url}/redirect/1`, { allowRedirects: undefined })
  expect(statusCode).toBe(302)
})

test('follows redirects for head() that asks for it, and stays with HEAD', async () => {
  const response = await head(`${site().url}/redirect/1`, { allowRedirects: true })
  expect([response.statusCode, response.request.method, response.history.length]).toEqual([200, 'HEAD', 1])
})

test('follows redirects for request("HEAD")', async () => {
  const response = await request('HEAD', `${site().url}/redirect/1`)
  expect([response.statusCode, response.request.method]).toEqual([200, 'HEAD'])
})

test('takes the Content-Length of a HEAD response for no body (RFC 9110 section 9.3.2)', async () => {
  await using session = new Session()
  const response = await session.head(`${site().url}/bytes/500`)
  expect(response.headers.get('content-length')).toBe('500')
  expect(response.content.length).toBe(0)
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
})

test('sends a body with GET and DELETE when one is given', async () => {
  await using session = new Session()
  for (const method of ['GET', 'DELETE', 'OPTIONS']) {
    const response = await session.request(method, `${site().url}/anything`, { data: 'body' })
    expect(response.json()).toMatchObject({ method, data: 'body' })
  }
})

test.each([
  ['GET', null],
  ['HEAD', null],
  ['POST', '0'],
  ['PUT', '0'],
  ['PATCH', '0'],
  ['DELETE', '0'],
  ['OPTIONS', '0'],
  ['PURGE', '0'],
])('%s without a body has Content-Length %s (RFC 9110 section 8.6)', async (method, length) => {
  const path = `/empty-${method}`
  await request(method, site().on(path, reply(200)))
  expect(site().last(path).header('content-length')).toBe(length)
  expect(site().last(path).header('transfer-encoding')).toBeNull()
  expect((await new Request(method, site().url + path).prepare()).headers.get('content-length')).toBe(length)
})

test.each(['POST', 'PUT', 'PATCH', 'OPTIONS'])('%s with empty data has Content-Length 0', async (method) => {
  const path = `/emptied-${method}`
  await request(method, site().on(path, reply(200)), { data: '' })
  expect(site().last(path).header('content-length')).toBe('0')
})
