import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import {
  HTTPError,
  InvalidJSONError,
  JSONDecodeError,
  type Response,
  Session,
  type StandardSchemaV1,
  UsageError,
} from '@entreat/core'
import { failureOf, RawServer, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
let paths = 0

/** A response with a status, headers and a body. */
async function answered(
  statusCode: number,
  headers: Record<string, string | string[]> = {},
  body: string | Buffer = '',
): Promise<Response> {
  const url = site().on(
    `/answer-${++paths}`,
    (_request, response) => void response.writeHead(statusCode, headers).end(body),
  )
  await using session = new Session()
  return await session.get(url, { allowRedirects: false })
}

test.each([
  [200, true],
  [204, true],
  [304, true],
  [399, true],
  [400, false],
  [404, false],
  [500, false],
  [599, false],
  [600, true],
  [999, true],
])('says whether %i is ok: %s', async (status, ok) => {
  await using server = await RawServer.start(
    (socket) => void socket.end(`HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n`),
  )
  await using session = new Session()
  const response = await session.get(server.url)
  expect([response.statusCode, response.ok]).toEqual([status, ok])
  if (ok) expect(response.raiseForStatus()).toBe(response)
  else expect(() => response.raiseForStatus()).toThrow(HTTPError)
})

test.each([
  [404, 'Nicht da', '404 Client Error: Nicht da for url: '],
  [503, 'Gone Fishing', '503 Server Error: Gone Fishing for url: '],
  [418, '', '418 Client Error:  for url: '],
])('raises %i %s as Requests words it, without secrets', async (status, reason, message) => {
  await using server = await RawServer.start(
    (socket) => void socket.end(`HTTP/1.1 ${status} ${reason}\r\nContent-Length: 0\r\n\r\n`),
  )
  await using session = new Session()
  const url = `${server.url.replace('//', '//user:s3cret@')}/x?token=s3cret&a=1`
  const response = await session.get(url)
  const error = (await failureOf((async () => response.raiseForStatus())())) as HTTPError
  expect(error.message).toBe(`${message}${server.url}/x?token=***&a=1`)
  expect([error.response, error.request, error.code]).toEqual([response, response.request, 'ERR_HTTP_STATUS'])
})

test('knows its reason, URL, headers and time', async () => {
  const response = await answered(200, { 'X-Many': ['a', 'b'], 'x-Case': 'C' })
  expect([response.reason, response.url]).toEqual(['OK', `${site().url}/answer-${paths}`])
  expect(response.headers.get('x-many')).toBe('a, b')
  expect(response.headers.getAll('X-MANY')).toEqual(['a', 'b'])
  expect([...response.headers.items()].map(([name]) => name)).toContain('x-Case')
  expect(response.elapsed).toBeGreaterThan(0)
  expect(response.timings.firstByte).toBeGreaterThan(0)
})

test('parses Link by relation (RFC 8288)', async () => {
  const link = '</a?b;c,d>; rel="next prev"; title="x; y=\\"z\\", w", <http://e/>; REL=last, </none>'
  const { links } = await answered(200, { Link: link })
  expect(links['next']).toMatchObject({ url: '/a?b;c,d', title: 'x; y="z", w' })
  expect(links['prev']?.url).toBe('/a?b;c,d')
  expect(links['last']?.url).toBe('http://e/')
  expect(links['/none']?.url).toBe('/none')
})

test('parses several Link lines', async () => {
  const { links } = await answered(200, { Link: ['</a>; rel=a', '</b>; rel=b'] })
  expect(Object.keys(links)).toEqual(['a', 'b'])
})

test('has no links without the header, nor those of Object.prototype', async () => {
  const { links } = await answered(200)
  expect(Object.keys(links)).toEqual([])
  expect(links['toString']).toBeUndefined()
})

test.each<[type: string | null, body: Buffer, encoding: string | null, text: string]>([
  ['text/plain; charset=utf-8', Buffer.from('é'), 'utf-8', 'é'],
  ['text/plain; Charset="ISO-8859-1"', Buffer.from('é', 'latin1'), 'ISO-8859-1', 'é'],
  ['text/plain', Buffer.from('é'), null, 'é'],
  ['text/plain', Buffer.from('é', 'latin1'), null, 'é'],
  ['text/plain', Buffer.from([0x80]), null, '€'],
  ['application/json', Buffer.from('"é"'), 'utf-8', '"é"'],
  ['application/problem+json', Buffer.from('"é"'), 'utf-8', '"é"'],
  [null, Buffer.from('\ufeffé'), null, 'é'],
  ['text/plain; charset=no-such', Buffer.from('é'), 'no-such', 'é'],
  ['text/plain; charset=utf-8', Buffer.from([0xff, 0x41]), 'utf-8', '\ufffdA'],
  ['text/plain; charset=windows-1251', Buffer.from([0xcf]), 'windows-1251', 'П'],
])('reads %s as text', async (type, body, encoding, text) => {
  const response = await answered(200, type === null ? {} : { 'Content-Type': type }, body)
  expect([response.encoding, response.text]).toEqual([encoding, text])
})

test('reads text in the encoding that the caller sets', async () => {
  const response = await answered(200, { 'Content-Type': 'text/plain; charset=utf-8' }, Buffer.from('é', 'latin1'))
  response.encoding = 'latin1'
  expect(response.text).toBe('é')
  response.encoding = null
  expect([response.apparentEncoding, response.text]).toEqual(['windows-1252', 'é'])
})

test('asks detectEncoding where no charset is named', async () => {
  await using session = new Session({ detectEncoding: (bytes) => (bytes[0] === 0xcf ? 'windows-1251' : null) })
  const url = site().on('/detected', (_request, response) => void response.end(Buffer.from([0xcf])))
  const response = await session.get(url)
  expect([response.encoding, response.apparentEncoding, response.text]).toEqual([null, 'windows-1251', 'П'])
})

test.each(['utf-8', 'utf-16le', 'utf-16be', 'utf-32le', 'utf-32be'])(
  'finds JSON in %s that nobody declared (RFC 8259 section 8.1)',
  async (encoding) => {
    const units = encoding.startsWith('utf-32') ? 4 : encoding.startsWith('utf-16') ? 2 : 1
    const characters = Array.from('{"a":1}', (character) => {
      const unit = Buffer.alloc(units)
      unit[encoding.endsWith('be') ? units - 1 : 0] = character.charCodeAt(0)
      return unit
    })
    expect((await answered(200, {}, Buffer.concat(characters))).json()).toEqual({ a: 1 })
  },
)

test.each(['', 'not json', '{"a":', '<html>s3cret</html>', 'NaN'])(
  'raises JSONDecodeError for %j, and repeats none of it',
  async (body) => {
    const response = await answered(200, { 'Content-Type': 'text/html' }, body)
    let error: unknown
    try {
      response.json()
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(JSONDecodeError)
    expect(error).toBeInstanceOf(InvalidJSONError)
    expect(error).toMatchObject({ doc: body, response, code: 'ERR_JSON_DECODE' })
    expect(inspect(error, { depth: 5 })).not.toContain('s3cret')
  },
)

test('says why and where a body is no JSON, and of which request', async () => {
  const response = await answered(200, { 'Content-Type': 'application/json' }, '{\n  "a": tru}')
  expect(() => response.json()).toThrow(
    expect.objectContaining({
      message: `The body of GET ${response.url} (200) is not JSON (13 characters of application/json): Expecting value: line 2 column 8 (char 9)`,
      reason: 'Expecting value',
      position: 9,
      line: 2,
      column: 8,
    }) as Error,
  )
})

test('raises JSONDecodeError for broken UTF-16 that nobody declared', async () => {
  const broken = Buffer.concat([Buffer.from('{"a": "b"', 'utf16le'), Buffer.from([0x00])])
  const response = await answered(200, {}, broken)
  expect(() => response.json()).toThrow(JSONDecodeError)
})

test('lets __proto__ in JSON reach no prototype', async () => {
  const value = (await answered(200, {}, '{"__proto__":{"polluted":1}}')).json<{ polluted?: number }>()
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
})

/** A Standard Schema made of one function. */
function schema<T>(validate: StandardSchemaV1<unknown, T>['~standard']['validate']): StandardSchemaV1<unknown, T> {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

test('gives what a schema makes of JSON', async () => {
  const response = await answered(200, {}, '{"n":"5"}')
  expect(response.json(schema((value) => ({ value: Number((value as { n: string }).n) })))).toBe(5)
})

test('says where a schema refuses JSON', async () => {
  const issues = [
    { message: 'must be a number', path: ['list', 0, 'n'] },
    { message: 'must be there', path: [{ key: 'deep' }, { key: 1 }] },
    { message: 'is wrong' },
  ]
  const response = await answered(200, {}, '{}')
  const read = (): unknown => response.json(schema(() => ({ issues })))
  expect(read).toThrow(InvalidJSONError)
  expect(read).toThrow('list.0.n: must be a number')
  expect(read).toThrow('deep.1: must be there')
})

test('refuses a schema that validates later', async () => {
  const response = await answered(200, {}, '{}')
  expect(() => response.json(schema(async () => ({ value: 1 })))).toThrow(UsageError)
})

test('passes what a schema throws through unchanged', async () => {
  const response = await answered(200, {}, '{}')
  const failure = new Error('broken schema')
  const validate = (): never => {
    throw failure
  }
  expect(await failureOf((async () => response.json(schema(validate)))())).toBe(failure)
})

test('skips responses of 1xx (RFC 9110 section 15.2)', async () => {
  const early = 'HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'
  await using server = await RawServer.start(
    (socket) => void socket.end(`${early}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok`),
  )
  await using session = new Session()
  const response = await session.get(server.url)
  expect([response.statusCode, response.text, response.headers.has('link')]).toEqual([200, 'ok', false])
})

test('shows itself without secrets', async () => {
  await using session = new Session({ auth: ['user', 's3cret'], headers: { 'X-Api-Key': 's3cret' } })
  const response = await session.get(site().on('/shown', reply(200, { 'Set-Cookie': 'a=s3cret' })), {
    params: { token: 's3cret' },
  })
  const shown =
    inspect(response, { depth: 10, showHidden: true }) +
    JSON.stringify(response) +
    inspect(response.headers) +
    inspect(response.cookies)
  expect(shown).not.toContain('s3cret')
  const { request } = response
  expect(
    inspect(request, { depth: 10, showHidden: true }) + JSON.stringify(request) + inspect(request.headers),
  ).not.toMatch(/s3cret|dXNlcjpzM2NyZXQ=/)
})
