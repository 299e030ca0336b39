import { expect, test } from 'vitest'
import { Headers, InvalidHeader, Request, Session } from '@entreat/core'
import { reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })

/** The header lines that a request sends, but those that name the connection: the HTTP engine writes them itself. */
async function linesOf(
  session: Session,
  headers: ConstructorParameters<typeof Headers>[0],
  path: string,
): Promise<string[]> {
  await session.get(site().on(path, reply(200)), { headers: headers ?? null })
  await session.close()
  return site()
    .last(path)
    .headers.filter(([name]) => !/^(?:host|connection)$/i.test(name))
    .map(([name, value]) => `${name}: ${value}`)
}

test('sends the default headers in their order', async () => {
  const lines = await linesOf(new Session(), {}, '/defaults')
  expect(lines.map((line) => line.split(':')[0])).toEqual(['User-Agent', 'Accept-Encoding', 'Accept'])
})

test('replaces a session header in its place, in the case of the request', async () => {
  const session = new Session({ headers: { 'X-One': '1', 'X-Two': '2' } })
  const lines = await linesOf(session, { 'x-one': 'new', 'X-Three': '3' }, '/in-place')
  expect(lines.slice(3)).toEqual(['x-one: new', 'X-Two: 2', 'X-Three: 3'])
})

test('does not send a header that is null, whoever gave it', async () => {
  const session = new Session({ headers: { 'X-Session': '1', Accept: null } })
  const lines = await linesOf(session, { 'x-session': null, 'User-Agent': null, 'accept-encoding': null }, '/nulls')
  expect(lines).toEqual([])
})

test('leaves the session as it was when a request removes a header', async () => {
  await using session = new Session({ headers: { 'X-Keep': '1' } })
  await session.get(site().on('/keep', reply(200)), { headers: { 'X-Keep': null } })
  expect(session.headers.get('x-keep')).toBe('1')
})

test('sends every line of a name given as pairs', async () => {
  const lines = await linesOf(
    new Session(),
    [
      ['X-Many', '1'],
      ['X-Many', '2'],
    ],
    '/pairs',
  )
  expect(lines.slice(3)).toEqual(['X-Many: 1', 'X-Many: 2'])
})

test('sends every line of a name given as an array', async () => {
  const lines = await linesOf(new Session(), { 'X-Many': ['1', '2'] }, '/array')
  expect(lines.slice(3)).toEqual(['X-Many: 1', 'X-Many: 2'])
})

test('sends every line of a name in a Headers', async () => {
  const headers = new Headers([
    ['X-Many', '1'],
    ['X-Many', '2'],
  ])
  expect((await linesOf(new Session(), headers, '/headers')).slice(3)).toEqual(['X-Many: 1', 'X-Many: 2'])
})

test('sends every line of a name in the Headers of a session', async () => {
  const session = new Session({
    headers: new Headers([
      ['X-Many', '1'],
      ['X-Many', '2'],
    ]),
  })
  expect((await linesOf(session, {}, '/session-headers')).slice(3)).toEqual(['X-Many: 1', 'X-Many: 2'])
})

test('sends every line of a name from any iterable of pairs', async () => {
  function* pairs(): Iterable<[string, string]> {
    yield ['X-Many', '1']
    yield ['X-Many', '2']
  }
  expect((await linesOf(new Session(), pairs(), '/iterable')).slice(3)).toEqual(['X-Many: 1', 'X-Many: 2'])
})

test('replaces several lines of a session by one of the request', async () => {
  const session = new Session({ headers: { 'X-Many': ['1', '2'], 'X-Last': '1' } })
  expect((await linesOf(session, { 'x-many': '3' }, '/fewer')).slice(3)).toEqual(['x-many: 3', 'X-Last: 1'])
})

test('takes a WHATWG Headers', async () => {
  const lines = await linesOf(new Session(), new globalThis.Headers({ 'X-Web': '1' }), '/whatwg')
  expect(lines.slice(3)).toEqual(['x-web: 1'])
})

test('sends numbers as text and bytes as they are', async () => {
  const session = new Session()
  await session.get(site().on('/values', reply(200)), { headers: { 'X-N': 5, 'X-B': Buffer.from([0x68, 0xe9]) } })
  expect([site().last('/values').header('x-n'), site().last('/values').header('x-b')]).toEqual(['5', 'h\xe9'])
  await session.close()
})

test.each([
  ['a value with CR LF', { 'X-A': 'a\r\nX-Evil: 1' }],
  ['a value with LF', { 'X-A': 'a\nb' }],
  ['a value with NUL', { 'X-A': 'a\0b' }],
  ['a value beyond Latin-1', { 'X-A': 'snow\u2603' }],
  ['a value with leading white space', { 'X-A': ' a' }],
  ['a name with a space', { 'X A': '1' }],
  ['a name with a colon', { 'X:': '1' }],
  ['an empty name', { '': '1' }],
  ['a name with CR LF', { 'X\r\nY': '1' }],
  ['a value that is an object', { 'X-A': {} as never }],
])('refuses %s (RFC 9110 section 5.5)', async (_what, headers) => {
  await using session = new Session()
  await expect(session.get(`${site().url}/get`, { headers })).rejects.toThrow(InvalidHeader)
})

/** The query that a request sends. */
async function queryOf(
  session: Session['params'],
  request: Session['params'],
  url = `${site().url}/get`,
): Promise<string> {
  const own = new Session({ params: session })
  const prepared = await own.prepareRequest(new Request('GET', url, { params: request }))
  return prepared.pathUrl.slice('/get'.length)
}

test.each<[what: string, session: Session['params'], request: Session['params'], query: string]>([
  ['merges two records by name', { a: 1, b: 2 }, { b: 3, c: 4 }, '?a=1&b=3&c=4'],
  ['keeps the case of names apart', { a: 1 }, { A: 2 }, '?a=1&A=2'],
  ['drops a session name that the request makes null', { a: 1, b: 2 }, { a: null }, '?b=2'],
  ['keeps the session for an empty record', { a: 1 }, {}, '?a=1'],
  ['replaces the session by pairs', { a: 1 }, [['b', 2]], '?b=2'],
  ['replaces the session by text', { a: 1 }, 'b=2', '?b=2'],
  ['replaces the session by a URLSearchParams', { a: 1 }, new URLSearchParams({ b: '2' }), '?b=2'],
  ['takes the session where the request has none', { a: 1 }, null, '?a=1'],
  ['repeats the name of an array', null, { a: [1, null, 'x'], b: [] }, '?a=1&a=x'],
  ['sends an empty value', null, { a: '' }, '?a='],
  ['spells booleans as JavaScript does', null, { a: true, b: false }, '?a=true&b=false'],
  ['encodes as forms do', null, { 'a b': '~-._*/é+&=%20' }, '?a+b=~-._%2A%2F%C3%A9%2B%26%3D%2520'],
  ['encodes text only where it must', null, 'a=b c', '?a=b%20c'],
  ['takes big integers', null, { n: 12345678901234567890n }, '?n=12345678901234567890'],
  ['takes bytes as values', null, { a: new Uint8Array([0xff, 0x20]) }, '?a=%FF+'],
])('params: %s', async (_what, session, request, query) => {
  expect(await queryOf(session, request)).toBe(query)
})

test('appends params to the query of the URL, before its fragment', async () => {
  expect(await queryOf(null, { b: 2 }, `${site().url}/get?a=1#frag`)).toBe('?a=1&b=2')
})

test('does not let a __proto__ name reach a prototype', async () => {
  const params = JSON.parse('{"__proto__":"x"}') as Record<string, string>
  expect(await queryOf({ a: 1 }, params)).toBe('?a=1&__proto__=x')
})
