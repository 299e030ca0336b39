import { RequestException, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { within } from '../support/failure.ts'
import { type RawHandler, RawServer, type RawServerOptions, reply } from '../support/raw-server.ts'

// What a kept connection gives that nobody asked for, and what it does not give any more.

let session: Session

beforeEach(() => {
  session = new Session({ trustEnv: false, verify: false, timeout: { read: 5000 } })
})

afterEach(async () => {
  await session.close()
})

const POISON = reply('poison')
/** What a server may say on a connection on which nobody asked for anything. */
const UNASKED: readonly (readonly [string, string])[] = [
  ['a whole response', POISON],
  ['half a response', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ['one byte of a response', 'H'],
  ['one byte of none', '\0'],
  ['a 408 before it closes', reply('', '', '408 Request Timeout')],
  ['an interim response', 'HTTP/1.1 103 Early Hints\r\n\r\n'],
  ['a chunk', '6\r\npoison\r\n'],
]
const ENDINGS = {
  'a length': reply('ok'),
  chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
  'no body': 'HTTP/1.1 204 No Content\r\n\r\n',
}

describe.each([false, true])('a connection that nobody uses, over TLS: %s', (tls) => {
  /** Answers by its own number. */
  const serve = (handler: RawHandler, options: RawServerOptions = {}): Promise<RawServer> =>
    RawServer.start(handler, { ...options, tls })

  it.each(UNASKED)('is closed when it receives %s', async (_what, bytes) => {
    const sockets: Socket[] = []
    await using raw = await serve(({ socket, connection }) => {
      sockets.push(socket)
      return reply(`answer ${connection}`)
    })
    await session.get(raw.url)
    for (const socket of sockets) socket.write(bytes)
    await raw.gone()
    expect((await session.get(raw.url)).text).toBe('answer 2')
  })

  it.each(UNASKED)('is closed when %s came with the end of the answer before', async (_what, bytes) => {
    for (const [framing, ending] of Object.entries(ENDINGS)) {
      await using raw = await serve(({ connection }) => (connection === 1 ? ending + bytes : reply('second')))
      expect((await session.get(raw.url)).statusCode).toBeLessThan(300)
      const second = await session.post(raw.url, { data: framing })
      expect([framing, second.text, raw.connectionCount]).toEqual([framing, 'second', 2])
    }
  })
})

describe('a connection that is used again at once', () => {
  it.each(UNASKED)('gives nobody %s that is there before it is used again', async (_what, bytes) => {
    await using raw = await RawServer.start(({ socket, connection }) => {
      if (connection > 1) return reply('second')
      socket.write(ENDINGS['a length'])
      // In the same turn, so that it has arrived when the next request is made.
      socket.write(bytes)
      return undefined
    })
    await session.get(raw.url)
    const answers = await Promise.all([session.post(raw.url, { data: 'x' }), session.get(raw.url)])
    expect(answers.map(({ text }) => text)).toEqual(['second', 'second'])
  })
})

describe('a server that ends kept connections when it likes', () => {
  it('never gets a POST twice, and never fails a GET', async () => {
    const posted: string[] = []
    let turn = 0
    await using raw = await RawServer.start(({ head, body, socket, index }) => {
      if (head.startsWith('POST')) posted.push(body.toString())
      const mood = ++turn % 5
      // Only connections that were used before: a fresh one keeps its word.
      if (index > 1 && mood === 0) return void socket.destroy()
      if (index > 1 && mood === 1) return void socket.resetAndDestroy()
      if (mood === 2) return void socket.end(reply('ok'))
      if (mood === 3) {
        socket.write(reply('ok'))
        return void setImmediate(() => socket.destroy())
      }
      return reply('ok')
    })
    const failed: RequestException[] = []
    for (let count = 0; count < 150; count++) {
      expect((await within(5000, session.get(raw.url))).text).toBe('ok')
      await session.post(raw.url, { data: `post ${count}` }).catch((error: unknown) => {
        if (!(error instanceof RequestException)) throw error
        failed.push(error)
      })
    }
    expect(posted).toEqual([...new Set(posted)])
    // What failed had been sent on a used connection: nobody can know whether it was done.
    expect(failed.every(({ connectionReused, requestBytesSent }) => connectionReused && requestBytesSent !== 0)).toBe(
      true,
    )
  })

  it('gets a GET once more and no oftener', async () => {
    await using raw = await RawServer.start(({ connection, index, socket }) => {
      if (connection === 1 && index === 1) return reply('ok')
      return void socket.destroy()
    })
    await session.get(raw.url)
    const error = await session.get(raw.url).then(
      () => null,
      (failure: RequestException) => failure,
    )
    expect([error?.code, error?.connectionReused]).toEqual(['ERR_CONNECTION', false])
    expect(raw.heads).toHaveLength(3)
  })
})

describe('answers to many requests at once', () => {
  it.each(['http', 'https'] as const)(
    'reach those who asked, whatever becomes of their neighbours, over %s',
    async (scheme) => {
      await using server = await TestServer.start()
      session.limits = { connectionsPerOrigin: 6 }
      const base = scheme === 'http' ? server.url : server.httpsUrl
      const wrong: string[] = []
      const calls = Array.from({ length: 400 }, async (_, at) => {
        const controller = new AbortController()
        const path = at % 7 === 0 ? 'stream-bytes/200000' : `anything?who=${at}`
        const stream = at % 5 === 0
        const call = session.get(`${base}/${path}`, { signal: controller.signal, stream })
        if (at % 6 === 0) setTimeout(() => controller.abort(), at % 30)
        try {
          const response = await call
          if (at % 10 === 0) return response.close()
          const bytes = await response.read()
          if (at % 7 !== 0 && !bytes.includes(`who=${at}"`)) wrong.push(`${at}: ${bytes.toString()}`)
        } catch {
          expect(controller.signal.aborted).toBe(true)
        }
      })
      await within(18_000, Promise.all(calls))
      expect(wrong).toEqual([])
    },
  )
})
