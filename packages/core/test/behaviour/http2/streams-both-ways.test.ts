import { ReadTimeout, type Session, TotalTimeout, WriteTimeout } from '@entreat/core'
import { seededBlocks, seededBytes, TestServer } from '@entreat/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { http2Session, times } from '../support/http2-session.ts'
import { CODE, FRAME, RawHttp2Server, u32 } from '../support/raw-http2-server.ts'

const MIB = 1024 * 1024
let server: TestServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start({ http2: true })
})
afterAll(() => server.close())
beforeEach(() => {
  server.reset()
  session = http2Session()
})
afterEach(() => session.close())

async function* pieces(count: number, bytes: number, onPiece: () => void = () => {}): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) {
    onPiece()
    yield await Promise.resolve(Buffer.alloc(bytes, index))
  }
}

describe('an upload over HTTP/2', () => {
  it.each([
    ['bytes', () => Buffer.alloc(10 * MIB, 7)],
    ['a stream', () => pieces(160, MIB / 16)],
    ['no bytes', () => Buffer.alloc(0)],
    ['an empty stream', () => pieces(0, 0)],
  ])('of %s arrives whole', async (_name, data) => {
    const sent = data()
    const expected = Buffer.isBuffer(sent) ? sent.length : _name === 'a stream' ? 10 * MIB : 0
    const response = await session.post(`${server.httpsUrl}/upload`, { data: sent })
    expect(response.json<{ bytes: number }>().bytes).toBe(expected)
  })

  it('watched by timeout.write arrives whole', async () => {
    const data = seededBytes(3 * MIB, 1)
    const response = await session.post(`${server.httpsUrl}/upload`, { data, timeout: { write: 5000 } })
    expect(response.json<{ bytes: number }>().bytes).toBe(3 * MIB)
  })

  it('waits for the server: no more is fetched than its window takes', async () => {
    let fetched = 0
    await using raw = await RawHttp2Server.start({})
    const controller = new AbortController()
    const data = pieces(1000, MIB / 16, () => fetched++)
    const sent = rejection(session.post(raw.url, { data, signal: controller.signal }))
    await becomes(() => fetched > 0)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(fetched).toBeLessThan(10)
    controller.abort('enough')
    expect(await sent).toBe('enough')
  })

  it('that the server does not take is a WriteTimeout, and others go on', async () => {
    await using raw = await RawHttp2Server.start({
      onRequest: (connection, stream, index) => void (index > 1 && connection.answer(stream)),
    })
    const stuck = failure(session.post(raw.url, { data: Buffer.alloc(MIB), timeout: { write: 150 } }))
    await becomes(() => raw.requestCount === 1)
    expect((await session.get(raw.url)).text).toBe('ok')
    expect(await stuck).toBeInstanceOf(WriteTimeout)
    expect(raw.connections).toHaveLength(1)
  })

  it.each([true, false])('ends when the answer is there early (the server resets the rest: %s)', async (resets) => {
    let isStopped = false
    await using raw = await RawHttp2Server.start({
      onRequest: (connection, stream) => {
        connection.head(stream, { ':status': '413' })
        connection.data(stream, 'too large', { end: true })
        if (resets) connection.reset(stream, CODE.noError)
      },
    })
    async function* endless(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield await Promise.resolve(Buffer.alloc(1000))
      } finally {
        isStopped = true
      }
    }
    const response = await session.post(raw.url, { data: endless() })
    expect([response.statusCode, response.text]).toEqual([413, 'too large'])
    await becomes(() => isStopped)
    await session.post(raw.url, { data: 'x' })
    expect(raw.connections).toHaveLength(1)
  })

  it('whose iterator fails resets the stream, and the error comes out as it is', async () => {
    const own = new Error('from the body')
    async function* failing(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('some'))
      throw own
    }
    await using raw = await RawHttp2Server.start({})
    expect(await rejection(session.post(raw.url, { data: failing() }))).toBe(own)
    await becomes(() => raw.connections[0]?.received(FRAME.rstStream).length === 1)
  })
})

describe('a download over HTTP/2', () => {
  it('with a slow reader is held back, and does not hold others back', async () => {
    const slow = await session.get(`${server.httpsUrl}/download/${64 * MIB}`, { stream: true })
    await slow.iterContent().next()
    const others = await times(10, (index) => session.get(`${server.httpsUrl}/download/${2 * MIB}?seed=${index}`))
    expect(others.every(({ content }) => content.length === 2 * MIB)).toBe(true)
    expect(server.connectionCount).toBe(1)
    slow.close()
    expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
    expect(server.connectionCount).toBe(1)
  })

  it('comes whole to a slow reader', async () => {
    const response = await session.get(`${server.httpsUrl}/download/${5 * MIB}?seed=3`, { stream: true })
    const read: Buffer[] = []
    for await (const piece of response.iterContent(256 * 1024)) {
      read.push(piece)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(Buffer.compare(Buffer.concat(read), Buffer.concat([...seededBlocks(5 * MIB, 3)]))).toBe(0)
  })

  it('that is complete survives the end of its connection, however slow the reader', async () => {
    const body = Buffer.alloc(800_000, 'x')
    await using raw = await RawHttp2Server.start({
      onRequest: (connection, stream) => {
        connection.head(stream, { ':status': '200' })
        for (let at = 0; at < body.length; at += 16_000) connection.data(stream, body.subarray(at, at + 16_000))
        connection.data(stream, '', { end: true })
        connection.goaway(stream)
        connection.socket.end()
      },
    })
    const response = await session.get(raw.url, { stream: true })
    await response.iterContent().next()
    await becomes(() => raw.open === 0)
    await new Promise((resolve) => setTimeout(resolve, 20))
    let rest = 0
    for await (const piece of response.iterContent()) rest += piece.length
    expect(rest).toBeGreaterThan(700_000)
    expect((await response.raw.toArray()).length).toBe(0)
  })

  it('that nobody reads holds no more than a window, and its slot until it is closed', async () => {
    const unread = await times(20, () => session.get(`${server.httpsUrl}/download/${64 * MIB}`, { stream: true }))
    expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
    for (const response of unread) response.close()
    expect(server.connectionCount).toBe(1)
  })

  it('beyond limits.decodedBytes is reset', async () => {
    const error = await failure(
      session.get(`${server.httpsUrl}/download/${5 * MIB}`, { limits: { decodedBytes: MIB } }),
    )
    expect(error.code).toBe('ERR_LIMIT_EXCEEDED')
    await session.get(`${server.httpsUrl}/get`)
    expect(server.connectionCount).toBe(1)
  })
})

describe('one stream of several', () => {
  it('that is aborted is reset with CANCEL, and the others go on', async () => {
    const held: (() => void)[] = []
    await using raw = await RawHttp2Server.start({
      onRequest: (connection, stream) => void held.push(() => connection.answer(stream)),
    })
    const controller = new AbortController()
    const aborted = rejection(session.get(raw.url, { signal: controller.signal }))
    await becomes(() => held.length === 1)
    const kept = times(3, () => session.get(raw.url))
    await becomes(() => held.length === 4)
    controller.abort('enough')
    expect(await aborted).toBe('enough')
    const connection = raw.connections[0]
    await becomes(() => connection?.received(FRAME.rstStream).length === 1)
    expect(connection?.received(FRAME.rstStream)[0]?.payload).toEqual(u32(CODE.cancel))
    for (const answer of held.slice(1)) answer()
    expect((await kept).map(({ text }) => text)).toEqual(['ok', 'ok', 'ok'])
  })

  it('that is aborted before it is sent is not sent', async () => {
    await session.get(`${server.httpsUrl}/get`)
    expect(await rejection(session.get(`${server.httpsUrl}/get`, { signal: AbortSignal.abort('no') }))).toBe('no')
    await times(5, () => session.get(`${server.httpsUrl}/get`))
    expect([server.requests.length, server.connectionCount]).toEqual([6, 1])
  })

  it('keeps timeout.read for itself, before the head and inside the body', async () => {
    const errors = await Promise.all([
      failure(session.get(`${server.httpsUrl}/never`, { timeout: { read: 100 } })),
      failure(session.get(`${server.httpsUrl}/delay-body/60000`, { timeout: { read: 100 } })),
      failure(session.get(`${server.httpsUrl}/never`, { timeout: { total: 100 } })),
    ])
    expect(errors.slice(0, 2).every((error) => error instanceof ReadTimeout)).toBe(true)
    expect(errors[2]).toBeInstanceOf(TotalTimeout)
    expect((await within(3000, session.get(`${server.httpsUrl}/get`))).statusCode).toBe(200)
  })

  it('has timings, and only the first those of the connection', async () => {
    const [first, second] = [await session.get(`${server.httpsUrl}/get`), await session.get(`${server.httpsUrl}/get`)]
    const { connect, tls, sent, firstByte, end } = first.timings
    expect([connect, tls, sent, firstByte, end].every((value) => typeof value === 'number')).toBe(true)
    expect([second.timings.connect, second.timings.tls]).toEqual([null, null])
  })
})

it('a thousand requests at once, some of them given up, all settle', async () => {
  const outcomes = await times(1000, async (index) => {
    const controller = new AbortController()
    if (index % 7 === 0) setTimeout(() => controller.abort('enough'), index % 50)
    const sent = session.get(`${server.httpsUrl}/download/${(index % 10) * 1000}`, { signal: controller.signal })
    return sent
      .then(({ content }) => content.length === (index % 10) * 1000)
      .catch((reason: unknown) => reason === 'enough')
  })
  expect(outcomes.every(Boolean)).toBe(true)
  expect(server.connectionCount).toBeLessThanOrEqual(10)
})

/** Waits, in bounded time, until something holds. */
async function becomes(holds: () => boolean): Promise<void> {
  const end = performance.now() + 5000
  while (!holds()) {
    if (performance.now() > end) throw new Error(`it does not become true: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
