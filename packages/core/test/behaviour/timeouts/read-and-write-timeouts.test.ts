import { ReadTimeout, Session, Timeout, WriteTimeout } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start()
  session = new Session({ trustEnv: false, verify: server.ca })
})

afterAll(async () => {
  await session.close()
  await server.close()
})

/** Writes pieces at an interval, until the client has gone. */
function dripping(pieces: readonly string[], everyMs: number): Promise<RawServer> {
  return RawServer.start(({ socket }) => {
    let at = 0
    const timer = setInterval(() => {
      const piece = pieces[at++]
      if (piece === undefined) clearInterval(timer)
      else socket.write(piece)
    }, everyMs)
    socket.once('close', () => clearInterval(timer))
  })
}

describe('timeout.read', () => {
  it('ends the wait for the head, on time', async () => {
    await using mute = await RawServer.start(() => {})
    const started = performance.now()
    const error = await within(2000, failure(session.get(mute.url, { timeout: { read: 200 } })))
    const elapsed = performance.now() - started
    expect(error).toBeInstanceOf(ReadTimeout)
    expect(error).toBeInstanceOf(Timeout)
    expect(elapsed).toBeGreaterThanOrEqual(195)
    expect(elapsed).toBeLessThan(500)
    await mute.gone()
  })

  it('tells that bytes were sent and no answer had begun', async () => {
    await using mute = await RawServer.start(() => {})
    const error = await failure(session.get(mute.url, { timeout: { read: 50 } }))
    expect([error.code, error.connectionReused, error.responseStarted]).toEqual(['ERR_READ_TIMEOUT', false, false])
    expect(error.requestBytesSent).toBeGreaterThan(0)
    expect(error.request?.url).toBe(`${mute.url}/`)
  })

  it('ends a buffered body that stalls', async () => {
    await using stalling = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome')
    const error = await within(2000, failure(session.get(stalling.url, { timeout: { read: 100 } })))
    expect(error).toBeInstanceOf(ReadTimeout)
    expect([error.responseStarted, error.response?.statusCode]).toEqual([true, 200])
    await stalling.gone()
  })

  it('ends a streamed body that stalls, after what had arrived', async () => {
    await using stalling = await RawServer.start(() => 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome')
    const response = await session.get(stalling.url, { stream: true, timeout: { read: 100 } })
    const seen: string[] = []
    const reading = (async () => {
      for await (const piece of response.iterContent()) seen.push(piece.toString())
    })()
    expect(await within(2000, failure(reading))).toBeInstanceOf(ReadTimeout)
    expect(seen.join('')).toBe('some')
  })

  it('starts over with each piece of the body', async () => {
    const pieces = ['HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n', ...'0123456789'.split('')]
    await using slow = await dripping(pieces, 40)
    expect((await session.get(slow.url, { timeout: { read: 200 } })).text).toBe('0123456789')
  })

  it('is not used up by a reader who takes time', async () => {
    const response = await session.get(`${server.url}/download/2000000`, { stream: true, timeout: { read: 100 } })
    let bytes = 0
    let pauses = 0
    for await (const piece of response.iterContent(100_000)) {
      bytes += piece.length
      if (pauses++ < 2) await new Promise((resolve) => setTimeout(resolve, 150))
    }
    expect(bytes).toBe(2_000_000)
  })

  it('ends a server that sends nothing but 1xx', async () => {
    await using flood = await RawServer.start(({ socket }) => {
      const timer = setInterval(() => socket.write('HTTP/1.1 102 Processing\r\n\r\n'), 20)
      socket.once('close', () => clearInterval(timer))
    })
    expect(await within(2000, failure(session.get(flood.url, { timeout: { read: 150 } })))).toBeInstanceOf(ReadTimeout)
  })

  it('does not count the upload, be it longer', async () => {
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 4; count++) {
        await new Promise((resolve) => setTimeout(resolve, 60))
        yield Buffer.from('piece')
      }
    }
    const response = await session.post(`${server.url}/upload`, { data: slowly(), timeout: { read: 150 } })
    expect(response.json()).toMatchObject({ bytes: 20 })
  })

  it('holds for the legs of a redirect one by one', async () => {
    const target = await dripping([reply('there')], 100)
    await using first = await dripping(
      [`HTTP/1.1 302 Found\r\nLocation: ${target.url}\r\nContent-Length: 0\r\n\r\n`],
      100,
    )
    const response = await session.get(first.url, { timeout: { read: 180 } })
    await target.close()
    expect(response.text).toBe('there')
  })

  it('given as null waits as long as it takes', async () => {
    const response = await session.get(`${server.url}/delay-body/120`, { timeout: null })
    expect(response.statusCode).toBe(200)
  })
})

describe('timeout.write', () => {
  const large = 32 * 1024 * 1024

  it('ends a streamed upload that the server does not read', async () => {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      const piece = Buffer.alloc(64 * 1024)
      for (let sent = 0; sent < large; sent += piece.length) yield await Promise.resolve(piece)
    }
    const started = performance.now()
    const call = session.post(`${server.url}/never?read=false`, { data: pieces(), timeout: { write: 200 } })
    const error = await within(4000, failure(call))
    expect(error).toBeInstanceOf(WriteTimeout)
    expect([error.code, error.responseStarted]).toEqual(['ERR_WRITE_TIMEOUT', false])
    expect(error.requestBytesSent).toBeGreaterThan(0)
    expect(performance.now() - started).toBeLessThan(2000)
  })

  it('ends an upload from memory that the server does not read', async () => {
    const call = session.post(`${server.url}/never?read=false`, {
      data: Buffer.alloc(large),
      timeout: { write: 200, read: 1500 },
    })
    expect(await within(4000, failure(call))).toBeInstanceOf(WriteTimeout)
  })

  it('ends an upload over TLS that the server does not read', async () => {
    async function* pieces(): AsyncGenerator<Uint8Array> {
      const piece = Buffer.alloc(64 * 1024)
      for (let sent = 0; sent < large; sent += piece.length) yield await Promise.resolve(piece)
    }
    const call = session.post(`${server.httpsUrl}/never?read=false`, { data: pieces(), timeout: { write: 200 } })
    expect(await within(4000, failure(call))).toBeInstanceOf(WriteTimeout)
  })

  it('does not count the time that the body itself takes', async () => {
    async function* slowly(): AsyncGenerator<Uint8Array> {
      for (let count = 0; count < 3; count++) {
        await new Promise((resolve) => setTimeout(resolve, 120))
        yield Buffer.from('piece')
      }
    }
    const response = await session.post(`${server.url}/upload`, { data: slowly(), timeout: { write: 80 } })
    expect(response.json()).toMatchObject({ bytes: 15 })
  })

  it('does not end an upload that goes on, though it is longer', async () => {
    const response = await session.post(`${server.url}/upload`, { data: Buffer.alloc(large), timeout: { write: 300 } })
    expect(response.json()).toMatchObject({ bytes: large })
  })
})
