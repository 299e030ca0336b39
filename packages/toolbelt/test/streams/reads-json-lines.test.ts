import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { JSONDecodeError, LimitExceededError, Request, Response, Session } from '@entreat/core'
import { StubAdapter } from '@entreat/testkit'
import { ndjsonBody, type NdjsonOptions, parseNdjson } from '@entreat/toolbelt/ndjson'

async function responseOf(pieces: Iterable<Uint8Array | string>): Promise<Response> {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece as string))
  }
  return new Response({
    request: await new Request('GET', 'http://stub.test/').prepare(),
    statusCode: 200,
    body: body(),
  })
}

async function read(text: string | Iterable<Uint8Array>, options?: NdjsonOptions): Promise<unknown[]> {
  const values: unknown[] = []
  const response = await responseOf(typeof text === 'string' ? [text] : text)
  for await (const value of parseNdjson(response, options)) values.push(value)
  return values
}

test.each([
  ['{"a":1}\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
  ['1\r\n\r\n\n  \n2', [1, 2]],
  ['\ufeff[1]\nnull\n"x"', [[1], null, 'x']],
  ['\u001e{"a":1}\n\u001e{"a":2}\n', [{ a: 1 }, { a: 2 }]],
  ['{"text":"one\u2028two"}', [{ text: 'one\u2028two' }]],
  ['', []],
])('reads %j', async (text, expected) => {
  expect(await read(text)).toEqual(expected)
})

test('gives back any values, however the bytes arrive, and what ndjsonBody writes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.jsonValue()), fc.array(fc.nat(2000), { maxLength: 10 }), async (values, cuts) => {
      let text = ''
      for await (const line of ndjsonBody(values)()) text += line
      const bytes = Buffer.from(text)
      const places = [0, ...cuts.filter((cut) => cut < bytes.length).toSorted((a, b) => a - b), bytes.length]
      const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
      expect(JSON.stringify(await read(pieces))).toBe(JSON.stringify(values))
    }),
  )
})

test('names the line that is not JSON, without showing it', async () => {
  const failure = await read('{"a":1}\n\n{secret\n').catch((error: unknown) => error as JSONDecodeError)
  expect(failure).toBeInstanceOf(JSONDecodeError)
  expect(String(failure)).toContain('Line 3')
  expect(String(failure)).not.toContain('secret')
})

test('a line that is too long is given up, in linear time', async () => {
  await expect(read(`"${'x'.repeat(100)}"`, { maxLineBytes: 50 })).rejects.toThrow(LimitExceededError)
  const started = performance.now()
  const small = Array.from({ length: 100_000 }, () => Buffer.from(' '))
  expect(await read(small)).toEqual([])
  expect(performance.now() - started).toBeLessThan(5000)
})

test('a body of values can be sent again', async () => {
  const stub = new StubAdapter()
    .on('POST', 'http://stub.test/', { statusCode: 307, headers: { Location: '/again' } }, { times: 1 })
    .on('POST', 'http://stub.test/again', { text: '' })
  const session = new Session({ trustEnv: false }).mount('http://', stub)
  await session.post('http://stub.test/', { data: ndjsonBody([{ a: 1 }, 2]) })
  expect(stub.requests.map(({ body }) => body.toString())).toEqual(['{"a":1}\n2\n', '{"a":1}\n2\n'])
})
