import { expect, test } from 'vitest'
import { InvalidHeader, post, Request, request, RequestException, Session } from '@entreat/core'
import { failureOf, reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts
}

test.each([
  [
    'Content-Length and Transfer-Encoding',
    { 'Content-Length': '2', 'Transfer-Encoding': 'chunked' },
    (): string => 'hi',
  ],
  ['both for a stream', { 'Content-Length': '2', 'Transfer-Encoding': 'chunked' }, () => pieces('hi')],
  ['Transfer-Encoding: chunked for a body of known length', { 'Transfer-Encoding': 'chunked' }, (): string => 'hi'],
  ['Transfer-Encoding: gzip', { 'Transfer-Encoding': 'gzip, chunked' }, () => pieces('hi')],
  ['Transfer-Encoding: identity', { 'Transfer-Encoding': 'identity' }, () => pieces('hi')],
  ['a Content-Length that is no number', { 'Content-Length': '2x' }, () => pieces('hi')],
  ['a negative Content-Length', { 'Content-Length': '-2' }, () => pieces('hi')],
  ['two different Content-Lengths', { 'Content-Length': ['2', '3'] }, () => pieces('hi')],
  ['Content-Length: 5 without a body', { 'Content-Length': '5' }, (): null => null],
  ['Transfer-Encoding: chunked without a body', { 'Transfer-Encoding': 'chunked' }, (): null => null],
])('refuses %s (RFC 9112 section 6.2)', async (_what, headers, data) => {
  const before = site().server.requests.length
  expect(await failureOf(post(`${site().url}/post`, { headers, data: data() }))).toBeInstanceOf(InvalidHeader)
  expect(site().server.requests.length).toBe(before)
})

test('refuses a Content-Length of a GET that has no body', async () => {
  await expect(request('GET', `${site().url}/get`, { headers: { 'Content-Length': '5' } })).rejects.toThrow(
    InvalidHeader,
  )
})

test('replaces a Content-Length that is not that of the body', async () => {
  await post(site().on('/wrong-length', reply(200)), { data: 'hello', headers: { 'Content-Length': '3' } })
  expect(site().last('/wrong-length').header('content-length')).toBe('5')
  expect(site().last('/wrong-length').body.toString()).toBe('hello')
})

test('sends a stream with the Content-Length that the caller knows', async () => {
  await post(site().on('/known', reply(200)), { data: pieces('he', 'llo'), headers: { 'Content-Length': '5' } })
  expect(site().last('/known').header('content-length')).toBe('5')
  expect(site().last('/known').header('transfer-encoding')).toBeNull()
  expect(site().last('/known').body.toString()).toBe('hello')
})

test.each([
  ['shorter', '9'],
  ['longer', '2'],
])('fails when a stream is %s than its Content-Length', async (_what, length) => {
  const call = post(`${site().url}/post`, { data: pieces('hello'), headers: { 'Content-Length': length } })
  expect(await failureOf(call)).toBeInstanceOf(RequestException)
})

test.each([
  ['Transfer-Encoding', 'chunked'],
  ['Content-Length', '3'],
])('never sends two framings when %s is changed after preparation', async (name, value) => {
  await using session = new Session()
  const path = `/tampered-${name.toLowerCase()}`
  const prepared = await session.prepareRequest(new Request('POST', site().on(path, reply(200)), { data: 'hello' }))
  prepared.headers.set(name, value)
  await session.send(prepared)
  const { headers, body } = site().last(path)
  const framing = headers.filter(([key]) => /^(?:content-length|transfer-encoding)$/i.test(key))
  expect(framing.map(([key, text]) => `${key.toLowerCase()}: ${text}`)).toEqual(['content-length: 5'])
  expect(body.toString()).toBe('hello')
})

test('frames a body that is set after preparation', async () => {
  await using session = new Session()
  const prepared = await session.prepareRequest(new Request('POST', site().on('/reframed', reply(200)), { data: 'a' }))
  prepared.body = pieces('other') as never
  await session.send(prepared)
  expect(site().last('/reframed').header('content-length')).toBeNull()
  expect(site().last('/reframed').header('transfer-encoding')).toBe('chunked')
  expect(site().last('/reframed').body.toString()).toBe('other')
})

test('frames a body that a hook replaces', async () => {
  await post(site().on('/hooked', reply(200)), {
    data: 'a',
    hooks: {
      request(prepared) {
        prepared.body = 'longer' as never
      },
    },
  })
  expect(site().last('/hooked').header('content-length')).toBe('6')
  expect(site().last('/hooked').body.toString()).toBe('longer')
})
