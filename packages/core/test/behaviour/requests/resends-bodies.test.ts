import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { createBody, DigestAuth, Request, type RequestOptions, Session } from '@entreat/core'
import { failureOf, reply, useSite } from './support/servers.ts'

const site = useSite({ tls: false })
const folder = mkdtempSync(join(tmpdir(), 'resent-'))
const file = join(folder, 'ten.txt')
writeFileSync(file, '0123456789')
afterAll(() => rmSync(folder, { recursive: true }))

const FORM = 'application/x-www-form-urlencoded'
const PART = 'multipart/form-data; boundary=B'

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts
}

function formData(): FormData {
  const form = new FormData()
  form.append('a', new Blob(['hi']), 'n')
  return form
}

interface Form {
  readonly what: string
  /** Made anew for each test: some can be read once. */
  readonly options: () => RequestOptions
  readonly body: string | RegExp
  /** `null` goes out in chunks. */
  readonly length: number | null
  readonly type?: string | RegExp
  readonly isReplayable: boolean
}

const headers = { 'Content-Type': PART }
const inPart = /^--B\r\nContent-Disposition: form-data; name="a"; filename="n"\r\n(?:[^\r]+\r\n)?\r\nhi\r\n--B--\r\n$/
const partLength = 74

const FORMS: readonly Form[] = [
  {
    what: 'data: a record',
    options: () => ({ data: { a: 'é' } }),
    body: 'a=%C3%A9',
    length: 8,
    type: FORM,
    isReplayable: true,
  },
  {
    what: 'data: pairs',
    options: () => ({
      data: [
        ['a', 1],
        ['a', 2],
      ],
    }),
    body: 'a=1&a=2',
    length: 7,
    type: FORM,
    isReplayable: true,
  },
  {
    what: 'data: URLSearchParams',
    options: () => ({ data: new URLSearchParams('a=1') }),
    body: 'a=1',
    length: 3,
    type: FORM,
    isReplayable: true,
  },
  { what: 'data: text', options: () => ({ data: 'é' }), body: 'é', length: 2, isReplayable: true },
  { what: 'data: a Buffer', options: () => ({ data: Buffer.from('hi') }), body: 'hi', length: 2, isReplayable: true },
  {
    what: 'data: an ArrayBuffer',
    options: () => ({ data: new Uint8Array([104, 105]).buffer }),
    body: 'hi',
    length: 2,
    isReplayable: true,
  },
  {
    what: 'data: a Blob',
    options: () => ({ data: new Blob(['hi'], { type: 'x/y' }) }),
    body: 'hi',
    length: 2,
    type: 'x/y',
    isReplayable: true,
  },
  {
    what: 'data: a File',
    options: () => ({ data: new File(['hi'], 'n.txt') }),
    body: 'hi',
    length: 2,
    isReplayable: true,
  },
  { what: 'data: an empty Blob', options: () => ({ data: new Blob([]) }), body: '', length: 0, isReplayable: true },
  {
    what: 'data: a file stream',
    options: () => ({ data: createReadStream(file) }),
    body: '0123456789',
    length: 10,
    isReplayable: true,
  },
  {
    what: 'data: the end of a file',
    options: () => ({ data: createReadStream(file, { start: 7 }) }),
    body: '789',
    length: 3,
    isReplayable: true,
  },
  {
    what: 'data: a FormData',
    options: () => ({ data: formData(), headers }),
    body: inPart,
    length: 114,
    type: PART,
    isReplayable: true,
  },
  { what: 'data: a Body', options: () => ({ data: createBody('hi') }), body: 'hi', length: 2, isReplayable: true },
  {
    what: 'data: a factory of a generator',
    options: () => ({ data: () => pieces('h', 'i') }),
    body: 'hi',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: a factory of a Node stream',
    options: () => ({ data: () => createReadStream(file) }),
    body: '0123456789',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: an asynchronous factory of a web stream',
    options: () => ({ data: async () => new Blob(['hi']).stream() }),
    body: 'hi',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: a factory of text',
    options: () => ({ data: () => 'hi' }),
    body: 'hi',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: a factory of bytes',
    options: () => ({ data: () => Buffer.from('hi') }),
    body: 'hi',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: a factory of an ArrayBuffer',
    options: () => ({ data: () => new Uint8Array([104, 105]).buffer }),
    body: 'hi',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: a factory of a Blob',
    options: () => ({ data: () => new Blob(['hi']) }),
    body: 'hi',
    length: null,
    isReplayable: true,
  },
  {
    what: 'data: a factory whose length is given',
    options: () => ({ data: () => pieces('hi'), headers: { 'Content-Length': '2' } }),
    body: 'hi',
    length: 2,
    isReplayable: true,
  },
  {
    what: 'json',
    options: () => ({ json: ['é'] }),
    body: '["é"]',
    length: 6,
    type: 'application/json',
    isReplayable: true,
  },
  {
    what: 'files: text',
    options: () => ({ files: { a: ['n', 'hi'] }, headers }),
    body: inPart,
    length: partLength,
    type: PART,
    isReplayable: true,
  },
  {
    what: 'files: bytes',
    options: () => ({ files: [['a', ['n', Buffer.from('hi')]]], headers }),
    body: inPart,
    length: partLength,
    type: PART,
    isReplayable: true,
  },
  {
    what: 'files: a Blob',
    options: () => ({ files: { a: ['n', new Blob(['hi'])] }, headers }),
    body: inPart,
    length: partLength,
    type: PART,
    isReplayable: true,
  },
  {
    what: 'files: a File',
    options: () => ({ files: { a: new File(['hi'], 'n') }, headers }),
    body: inPart,
    length: partLength,
    type: PART,
    isReplayable: true,
  },
  {
    what: 'files: a part of a file',
    options: () => ({ files: { a: ['n', createReadStream(file, { start: 1, end: 2 })] }, headers }),
    body: /\r\n\r\n12\r\n--B--\r\n$/,
    length: partLength,
    type: PART,
    isReplayable: true,
  },
  {
    what: 'files: a factory',
    options: () => ({ files: { a: ['n', () => pieces('hi')] }, headers }),
    body: inPart,
    length: null,
    type: PART,
    isReplayable: true,
  },
  {
    what: 'files: with a boundary of their own',
    options: () => ({ files: { a: 'hi' } }),
    body: /^--\w{32}\r\n[^]*hi\r\n--\w{32}--\r\n$/,
    length: 136,
    type: /^multipart\/form-data; boundary=\w{32}$/,
    isReplayable: true,
  },
  {
    what: 'data: a generator',
    options: () => ({ data: pieces('h', 'i') }),
    body: 'hi',
    length: null,
    isReplayable: false,
  },
  {
    what: 'data: a synchronous iterable',
    options: () => ({ data: new Set(['h', 'i']).values() }),
    body: 'hi',
    length: null,
    isReplayable: false,
  },
  {
    what: 'data: a Node stream',
    options: () => ({ data: Readable.from(['h', 'i']) }),
    body: 'hi',
    length: null,
    isReplayable: false,
  },
  {
    what: 'data: a web stream',
    options: () => ({ data: new Blob(['hi']).stream() }),
    body: 'hi',
    length: null,
    isReplayable: false,
  },
  {
    what: 'data: a generator whose length is given',
    options: () => ({ data: pieces('hi'), headers: { 'Content-Length': '2' } }),
    body: 'hi',
    length: 2,
    isReplayable: false,
  },
  {
    what: 'files: a generator',
    options: () => ({ files: { a: ['n', pieces('hi')] }, headers }),
    body: inPart,
    length: null,
    type: PART,
    isReplayable: false,
  },
]
const named = FORMS.map((form) => [form.what, form] as const)
const replayable = named.filter(([, form]) => form.isReplayable)
const oneShot = named.filter(([, form]) => !form.isReplayable)

let paths = 0

describe.each(named)('%s', (_what, { options, body, length, type, isReplayable }) => {
  test('goes out once, with its length where it is known, its type, and knows whether it can go out again', async () => {
    const path = `/form-${++paths}`
    await using session = new Session({ trustEnv: false })
    const prepared = await new Request('POST', site().on(path, reply(200)), options()).prepare()
    expect(prepared.isReplayable).toBe(isReplayable)
    await session.send(prepared)
    const seen = site().last(path)
    const header = (name: string): string | null => seen.header(name)
    expect(seen.body.toString()).toMatch(body instanceof RegExp ? body : new RegExp(`^${escaped(body)}$`))
    expect([header('content-length'), header('transfer-encoding')]).toEqual(
      length === null ? [null, 'chunked'] : [String(length), null],
    )
    expect(header('content-type') ?? 'none').toMatch(type ?? /^none$/)
    expect(site().received(path).length).toBe(1)
  })
})

/** What two requests carried. */
function bodiesTo(path: string): string[] {
  return site()
    .received(path)
    .map(({ body }) => body.toString())
}

describe.each(replayable)('%s', (_what, { options, body }) => {
  test.each([307, 308])('goes out whole again after a %i', async (statusCode) => {
    const [from, to] = [`/from-${++paths}`, `/to-${paths}`]
    site().on(from, reply(statusCode, { Location: to }))
    await using session = new Session({ trustEnv: false })
    const response = await session.post(site().on(to, reply(200)) && site().url + from, options())
    expect([response.statusCode, response.history.length]).toEqual([200, 1])
    const [first, second] = [...bodiesTo(from), ...bodiesTo(to)]
    expect(second).toMatch(body instanceof RegExp ? body : new RegExp(`^${escaped(body)}$`))
    expect(second).toBe(first)
  })

  test('goes out whole again with the answer to a Digest challenge', async () => {
    const path = `/digest-${++paths}`
    const challenge = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'
    const ask = reply(401, { 'WWW-Authenticate': challenge })
    const url = site().on(path, (request, response) =>
      (request.headers.authorization === undefined ? ask : reply(200))(request, response),
    )
    await using session = new Session({ trustEnv: false })
    const response = await session.post(url, { ...options(), auth: new DigestAuth('user', 'password') })
    expect(response.statusCode).toBe(200)
    const [first, second] = bodiesTo(path)
    expect(second).toMatch(body instanceof RegExp ? body : new RegExp(`^${escaped(body)}$`))
    expect(second).toBe(first)
  })
})

describe.each(oneShot)('%s', (_what, { options }) => {
  test('is not sent again after a 307: the error comes first', async () => {
    const [from, to] = [`/from-${++paths}`, `/to-${paths}`]
    site().on(to, reply(200))
    await using session = new Session({ trustEnv: false })
    const call = session.post(site().on(from, reply(307, { Location: to })), options())
    expect(await failureOf(call)).toMatchObject({
      code: 'ERR_BODY_NOT_REPLAYABLE',
      message: expect.stringMatching(/once|again/),
    })
    expect([site().received(from).length, site().received(to).length]).toEqual([1, 0])
  })

  test('is left behind by a 303', async () => {
    const [from, to] = [`/from-${++paths}`, `/to-${paths}`]
    site().on(to, reply(200))
    await using session = new Session({ trustEnv: false })
    await session.post(site().on(from, reply(303, { Location: to })), options())
    expect([site().last(to).method, bodiesTo(to)]).toEqual(['GET', ['']])
  })

  test('is not sent again to answer a Digest challenge', async () => {
    const path = `/digest-${++paths}`
    const url = site().on(path, reply(401, { 'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth"' }))
    await using session = new Session({ trustEnv: false })
    const call = session.post(url, { ...options(), auth: new DigestAuth('user', 'password') })
    expect(await failureOf(call)).toMatchObject({ code: 'ERR_BODY_NOT_REPLAYABLE' })
    expect(site().received(path).length).toBe(1)
  })
})

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}
