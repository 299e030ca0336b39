import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { HTTPError, LimitExceededError, Request, RequestException, Response, Session } from '@entreat/core'
import { events, type EventStreamOptions, parseEvents, type ServerSentEvent } from '@entreat/toolbelt/sse'

async function responseOf(pieces: Iterable<Uint8Array | string>): Promise<Response> {
  async function* body(): AsyncGenerator<Uint8Array, void, undefined> {
    for (const piece of pieces) yield await Promise.resolve(Buffer.from(piece as string))
  }
  const request = await new Request('GET', 'http://stub.test/').prepare()
  return new Response({ request, statusCode: 200, body: body() })
}

async function all(source: AsyncIterable<ServerSentEvent>): Promise<ServerSentEvent[]> {
  const found: ServerSentEvent[] = []
  for await (const event of source) found.push(event)
  return found
}

describe('parsing', () => {
  // The examples of the HTML standard, section 9.2.6, and what it says about line ends, ids and fields.
  test.each([
    ['data: YHOO\ndata: +2\ndata: 10\n\n', [['message', 'YHOO\n+2\n10', '']]],
    [
      ': test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n',
      [
        ['message', 'first event', '1'],
        ['message', 'second event', ''],
        ['message', ' third event', ''],
      ],
    ],
    [
      'data\n\ndata\ndata\n\ndata:',
      [
        ['message', '', ''],
        ['message', '\n', ''],
      ],
    ],
    [
      'data:test\n\ndata: test\n\n',
      [
        ['message', 'test', ''],
        ['message', 'test', ''],
      ],
    ],
    [
      'event: add\ndata: 73857293\r\n\r\nevent: remove\rdata: 2153\r\r',
      [
        ['add', '73857293', ''],
        ['remove', '2153', ''],
      ],
    ],
    ['\ufeffdata: bom\n\n', [['message', 'bom', '']]],
    [
      'id: 7\ndata: a\n\ndata: b\n\nid: x\u0000y\ndata: c\n\n',
      [
        ['message', 'a', '7'],
        ['message', 'b', '7'],
        ['message', 'c', '7'],
      ],
    ],
    ['event: nothing\nid: 9\n\ndata: after\n\n', [['message', 'after', '9']]],
    ['foo: bar\ndata: x\n\n', [['message', 'x', '']]],
  ])('%j', async (text, expected) => {
    const found = await all(parseEvents(await responseOf([text])))
    expect(found.map(({ event, data, id }) => [event, data, id])).toEqual(expected)
  })

  test('gives the same however the bytes arrive', async () => {
    const text = ': comment\nid: 1\nevent: größe\ndata: 🐳 whale\ndata: zwei\n\nretry: 10\ndata: ende\r\n\r\n'
    const whole = await all(parseEvents(await responseOf([text])))
    const bytes = Buffer.from(text)
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 12 }), async (cuts) => {
        const places = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
        const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end))
        expect(await all(parseEvents(await responseOf(pieces)))).toEqual(whole)
      }),
    )
    expect(whole).toHaveLength(2)
  })

  test('tells of retry times and comments', async () => {
    const heard: unknown[] = []
    const options = { onRetry: (ms: number) => heard.push(ms), onComment: (text: string) => heard.push(text) }
    await all(parseEvents(await responseOf(['retry: 500\n: alive\nretry: x\ndata: y\n\n']), options))
    expect(heard).toEqual([500, ' alive'])
  })

  test('an event that never ends is given up', async () => {
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (;;) yield await Promise.resolve(Buffer.from('data: more and more\n'))
    }
    const request = await new Request('GET', 'http://stub.test/').prepare()
    const response = new Response({ request, statusCode: 200, body: endless() })
    await expect(all(parseEvents(response, { maxEventBytes: 10_000 }))).rejects.toThrow(LimitExceededError)
  })

  test('a line that never ends is given up', async () => {
    async function* endless(): AsyncGenerator<Uint8Array, void, undefined> {
      for (;;) yield await Promise.resolve(Buffer.alloc(1000, 'x'))
    }
    const request = await new Request('GET', 'http://stub.test/').prepare()
    const response = new Response({ request, statusCode: 200, body: endless() })
    await expect(all(parseEvents(response, { maxEventBytes: 10_000 }))).rejects.toThrow(LimitExceededError)
  })

  test('a megabyte of anything takes linear time', async () => {
    for (const unit of [':', '\n', 'data:\n', 'id\n', 'data', '\r', 'a:b\n\n']) {
      // Quadratic time takes half a minute. The best of three, for the machine may be busy.
      let best = Infinity
      for (let attempt = 0; attempt < 3 && best > 3000; attempt++) {
        const started = performance.now()
        await all(parseEvents(await responseOf([unit.repeat(1_000_000 / unit.length)]), { maxEventBytes: 2_000_000 }))
        best = Math.min(best, performance.now() - started)
      }
      expect(best).toBeLessThan(3000)
    }
  })
})

describe('a stream that goes on', () => {
  type Connection = (request: IncomingMessage, response: ServerResponse) => void
  let script: Connection[]
  let asked: IncomingMessage[]
  let waits: number[]
  let url: string
  let close: () => Promise<void>
  let session: Session

  beforeEach(async () => {
    script = []
    asked = []
    waits = []
    session = new Session({ trustEnv: false })
    const server = createServer((request, response) => {
      asked.push(request)
      const next = script.shift() ?? ((_: IncomingMessage, last: ServerResponse) => last.writeHead(204).end())
      next(request, response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
    close = () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
  })
  afterEach(async () => {
    await session.close()
    await close()
  })

  const streams =
    (text: string, end: 'ends' | 'breaks' = 'ends'): Connection =>
    (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8' })
      response.write(text, () => (end === 'ends' ? response.end() : response.destroy()))
    }
  const answers =
    (status: number, headers: Record<string, string> = {}): Connection =>
    (_, response) =>
      void response.writeHead(status, headers).end()
  const listen = (options: EventStreamOptions = {}): AsyncGenerator<ServerSentEvent, void, undefined> =>
    events(session, url, { wait: (ms) => Promise.resolve(waits.push(ms)), ...options })

  test('reconnects with the last id until the server says that it is over', async () => {
    script.push(
      streams('retry: 50\nid: 1\ndata: a\n\n'),
      streams('id: 2\ndata: b\n\ndata: half', 'breaks'),
      streams('data: c\n\n'),
    )
    const found = await all(listen())
    expect(found.map(({ data, id }) => [data, id])).toEqual([
      ['a', '1'],
      ['b', '2'],
      ['c', '2'],
    ])
    expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '1', '2', '2'])
    expect(asked[0]?.headers.accept).toBe('text/event-stream')
    expect(waits).toEqual([50, 50, 50])
  })

  test('waits longer after each failure in a row, and as long as it is asked to', async () => {
    script.push(answers(503), answers(503), answers(503, { 'Retry-After': '7' }), streams('data: a\n\n'), answers(502))
    expect(await all(listen({ retryMs: 100 }))).toHaveLength(1)
    expect(waits).toEqual([100, 200, 7000, 100, 200])
  })

  test('gives up after maxRetries, with what failed', async () => {
    script.push(answers(503), answers(503), answers(503))
    await expect(all(listen({ maxRetries: 2 }))).rejects.toThrow(HTTPError)
    expect(asked).toHaveLength(3)
    script.push(streams('data: a\n\n'))
    expect(await all(listen({ maxRetries: 0 }))).toHaveLength(1)
    expect(asked).toHaveLength(4)
  })

  test('a refusal stands, and so does another type', async () => {
    script.push(answers(401), answers(200, { 'Content-Type': 'text/html' }))
    await expect(all(listen())).rejects.toThrow(HTTPError)
    await expect(all(listen())).rejects.toThrow(RequestException)
    expect(waits).toEqual([])
  })

  test('sends what it is given, with a method and a body', async () => {
    const headers = { Authorization: 'Bearer x', Accept: 'text/event-stream, */*' }
    await all(listen({ method: 'POST', lastEventId: 'käpt’n', request: { json: { stream: true }, headers } }))
    expect(asked[0]?.method).toBe('POST')
    expect(asked[0]?.headers).toMatchObject({ authorization: 'Bearer x', accept: 'text/event-stream, */*' })
    expect(Buffer.from(asked[0]?.headers['last-event-id'] as string, 'latin1').toString()).toBe('käpt’n')
  })

  test('stops with the signal, while it reads and while it waits', async () => {
    const reason = new Error('enough')
    const reading = new AbortController()
    script.push((_, response) => response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: a\n\n'))
    const run = async (): Promise<void> => {
      for await (const _event of listen({ request: { signal: reading.signal } })) reading.abort(reason)
    }
    await expect(run()).rejects.toBe(reason)
    const waiting = new AbortController()
    script.push(streams('data: a\n\n'))
    const options = { request: { signal: waiting.signal }, retryMs: 60_000, onReconnect: () => waiting.abort(reason) }
    await expect(all(events(session, url, options))).rejects.toBe(reason)
  })

  test('leaving the loop closes the connection', async () => {
    let isClosed = false
    script.push((_, response) => {
      response.once('close', () => (isClosed = true))
      response.writeHead(200, { 'Content-Type': 'text/event-stream' }).write('data: a\n\ndata: b\n\n')
    })
    for await (const _event of listen()) break
    await expect.poll(() => isClosed, { timeout: 10_000 }).toBe(true)
  })

  test('tells when it opens and reconnects', async () => {
    const told: unknown[] = []
    script.push(streams('data: a\n\n', 'breaks'))
    const onReconnect = ({ attempt, error }: { attempt: number; error: Error | null }): unknown =>
      told.push(attempt, error?.name)
    await all(listen({ onOpen: ({ statusCode }) => told.push(statusCode), onReconnect }))
    expect(told).toEqual([200, 1, 'ChunkedEncodingError'])
  })
})
