import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, expect, test } from 'vitest'
import { type Data, InvalidJSONError, post, Request, Session, UnrewindableBodyError } from '@entreat/core'
import { failureOf, reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })
const folder = mkdtempSync(join(tmpdir(), 'bodies-'))
const file = join(folder, 'ten.txt')
writeFileSync(file, '0123456789')
afterAll(() => rmSync(folder, { recursive: true }))

interface Sent {
  readonly body: string
  readonly type: string | null
  readonly length: string | null
  readonly coding: string | null
}

let posts = 0

/** Posts, and tells what went over the wire. */
async function sent(options: NonNullable<Parameters<typeof post>[1]>): Promise<Sent> {
  const path = `/post-${++posts}`
  await post(site().on(path, reply(200)), options)
  const { body, header } = { body: site().last(path).body, header: (name: string) => site().last(path).header(name) }
  return {
    body: body.toString(),
    type: header('content-type'),
    length: header('content-length'),
    coding: header('transfer-encoding'),
  }
}

const FORM = 'application/x-www-form-urlencoded'

async function* pieces(...texts: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* texts
}

test.each<[what: string, data: Data, expected: Sent]>([
  ['a record', { a: 1, b: ['x', 'y z'], c: null }, { body: 'a=1&b=x&b=y+z', type: FORM, length: '13', coding: null }],
  [
    'pairs',
    [
      ['b', 2],
      ['a', 1],
      ['b', true],
    ],
    { body: 'b=2&a=1&b=true', type: FORM, length: '14', coding: null },
  ],
  [
    'a URLSearchParams',
    new URLSearchParams('a=1&a=é'),
    { body: 'a=1&a=%C3%A9', type: FORM, length: '12', coding: null },
  ],
  ['text', 'héllo', { body: 'héllo', type: null, length: '6', coding: null }],
  ['bytes', new Uint8Array([104, 105]), { body: 'hi', type: null, length: '2', coding: null }],
  ['an ArrayBuffer', new Uint8Array([104, 105]).buffer, { body: 'hi', type: null, length: '2', coding: null }],
  [
    'a view that is not of bytes',
    new Uint16Array([0x6968]) as never,
    { body: 'hi', type: null, length: '2', coding: null },
  ],
  ['a Blob', new Blob(['hi'], { type: 'text/x' }), { body: 'hi', type: 'text/x', length: '2', coding: null }],
  ['a Blob without type', new Blob(['hi']), { body: 'hi', type: null, length: '2', coding: null }],
  [
    'a generator',
    pieces('a', '', new Uint8Array([98]), 'é'),
    { body: 'abé', type: null, length: null, coding: 'chunked' },
  ],
  ['a synchronous iterable', new Set(['a', 'b']), { body: 'ab', type: null, length: null, coding: 'chunked' }],
  ['a generator that gives nothing', pieces(), { body: '', type: null, length: null, coding: 'chunked' }],
  ['a web stream', new Blob(['hi']).stream(), { body: 'hi', type: null, length: null, coding: 'chunked' }],
  ['a Node stream', Readable.from(['h', 'i']), { body: 'hi', type: null, length: null, coding: 'chunked' }],
  ['a factory', () => pieces('hi'), { body: 'hi', type: null, length: null, coding: 'chunked' }],
  [
    'an asynchronous factory',
    async () => new Blob(['hi']).stream(),
    { body: 'hi', type: null, length: null, coding: 'chunked' },
  ],
])('sends %s', async (_what, data, expected) => {
  expect(await sent({ data })).toEqual(expected)
})

test('sends a file stream with its length', async () => {
  expect(await sent({ data: createReadStream(file) })).toMatchObject({ body: '0123456789', length: '10', coding: null })
})

test('sends a part of a file with the length of the part', async () => {
  const data = createReadStream(file, { start: 2, end: 4 })
  expect(await sent({ data })).toMatchObject({ body: '234', length: '3', coding: null })
})

test('sends the same part of a file stream again after a 307', async () => {
  await using session = new Session()
  const target = `${site().url}/redirect-to?url=/anything&status_code=307`
  const response = await session.post(target, { data: createReadStream(file, { start: 2, end: 4 }) })
  expect([response.history.length, response.json<{ data: string }>().data]).toEqual([1, '234'])
})

test('sends an empty file', async () => {
  const empty = join(folder, 'empty.txt')
  writeFileSync(empty, '')
  expect(await sent({ data: createReadStream(empty) })).toMatchObject({ body: '' })
})

test('keeps a Content-Type that the caller gave', async () => {
  expect(await sent({ data: { a: 1 }, headers: { 'Content-Type': 'x/y' } })).toMatchObject({ type: 'x/y' })
  expect(await sent({ json: 1, headers: { 'content-type': 'x/y' } })).toMatchObject({ type: 'x/y', body: '1' })
})

test.each<[value: unknown, body: string]>([
  [{ a: [1, 'é', null, true] }, '{"a":[1,"é",null,true]}'],
  [{}, '{}'],
  [[], '[]'],
  [0, '0'],
  [false, 'false'],
  ['', '""'],
  [new Date(0), '"1970-01-01T00:00:00.000Z"'],
])('sends %j as JSON', async (json, body) => {
  expect(await sent({ json })).toMatchObject({
    body,
    type: 'application/json',
    length: String(Buffer.byteLength(body)),
  })
})

const cycle: { self?: unknown } = {}
cycle.self = cycle

test.each<[what: string, value: unknown]>([
  ['NaN', { a: Number.NaN }],
  ['Infinity', [Infinity]],
  ['a bigint', { a: 1n }],
  ['a cycle', cycle],
  ['a Map', { a: new Map([['b', 1]]) }],
  ['a Set', new Set([1])],
  ['bytes', { a: new Uint8Array(3) }],
  ['a Buffer', Buffer.from('x')],
  ['a function', () => {}],
  ['a symbol', Symbol('x')],
])('refuses %s as JSON', async (_what, json) => {
  await expect(post(`${site().url}/post`, { json })).rejects.toThrow(InvalidJSONError)
})

test('sends data rather than json where both are given', async () => {
  expect(await sent({ data: { a: 1 }, json: { b: 2 } })).toMatchObject({ body: 'a=1', type: FORM })
})

test.each<Data>([{}, [], ''])('sends json where data is %j', async (data) => {
  expect(await sent({ data, json: { b: 2 } })).toMatchObject({ body: '{"b":2}' })
})

test('sends nothing for json null, as Requests does for None', async () => {
  expect(await sent({ json: null })).toEqual({ body: '', type: null, length: '0', coding: null })
})

test('passes what a body iterator throws through unchanged', async () => {
  const failure = new Error('the disk is gone')
  async function* broken(): AsyncGenerator<string> {
    yield 'a'
    throw failure
  }
  expect(await failureOf(post(`${site().url}/post`, { data: broken() }))).toBe(failure)
})

test('passes what a body factory throws through unchanged', async () => {
  const failure = new Error('the disk is gone')
  const data = (): never => {
    throw failure
  }
  expect(await failureOf(post(`${site().url}/post`, { data }))).toBe(failure)
})

test('lets a body iterator clean up when the request fails', async () => {
  let isCleanedUp = false
  async function* endless(): AsyncGenerator<string> {
    try {
      for (;;) yield 'x'.repeat(1000)
    } finally {
      isCleanedUp = true
    }
  }
  await failureOf(
    post(
      site().on('/refuse-upload', (request) => void request.socket.destroy()),
      { data: endless() },
    ),
  )
  expect(isCleanedUp).toBe(true)
})

test('refuses a stream of objects', async () => {
  await expect(post(`${site().url}/post`, { data: [[1], [2]].values() as never })).rejects.toMatchObject({
    code: 'ERR_USAGE',
  })
})

test('sends a one-shot body once, and says so the second time', async () => {
  await using session = new Session()
  const path = '/one-shot'
  const prepared = await new Request('POST', site().on(path, reply(200)), { data: pieces('once') }).prepare()
  expect(prepared.isReplayable).toBe(false)
  await session.send(prepared)
  expect(await failureOf(session.send(prepared))).toBeInstanceOf(UnrewindableBodyError)
  expect(
    site()
      .received(path)
      .map(({ body }) => body.toString()),
  ).toEqual(['once'])
})

test('opens a factory for every sending', async () => {
  await using session = new Session()
  let opened = 0
  const data = (): AsyncIterable<string | Uint8Array> => pieces(`body ${++opened}`)
  const prepared = await new Request('POST', site().on('/factory', reply(200)), { data }).prepare()
  await session.send(prepared)
  await session.send(prepared)
  expect(
    site()
      .received('/factory')
      .map(({ body }) => body.toString()),
  ).toEqual(['body 1', 'body 2'])
})
