import { Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { signalOf, within } from '../support/failure.ts'
import { RawServer } from '../support/raw-server.ts'

const MIB = 1024 * 1024
let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})

afterAll(async () => {
  await server.close()
})

/** Pours chunks of 64 KiB for ever, and counts what the socket took. */
async function pouring(tls = false): Promise<{ server: RawServer; written: () => number }> {
  let taken = 0
  const piece = Buffer.alloc(64 * 1024)
  const raw = await RawServer.start(
    ({ socket }) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${1024 * MIB}\r\n\r\n`)
      const pour = (): void => {
        let goesOn = true
        while (goesOn && !socket.destroyed) {
          taken += piece.length
          goesOn = socket.write(piece)
        }
      }
      socket.on('drain', pour)
      pour()
    },
    { tls },
  )
  return { server: raw, written: () => taken }
}

/** Waits until a number has stopped growing. */
async function settled(value: () => number): Promise<number> {
  let last = -1
  await vi.waitFor(
    () => {
      const now = value()
      const isSettled = now === last
      last = now
      expect(isSettled).toBe(true)
    },
    { interval: 60, timeout: 5000 },
  )
  return last
}

describe.each([
  ['http', false],
  ['https', true],
])('a reader who does not read, over %s', (_scheme, tls) => {
  it('stops the server after what the buffers hold', async () => {
    const { server: source, written } = await pouring(tls)
    await using session = new Session({ trustEnv: false, verify: false })
    const response = await session.get(source.url, { stream: true })
    const held = await settled(written)
    response.close()
    await source.close()
    // Both kernels' buffers, and little of our own.
    expect(held).toBeLessThan(16 * MIB)
  })

  it('starts the server again by reading', async () => {
    const { server: source, written } = await pouring(tls)
    await using session = new Session({ trustEnv: false, verify: false })
    const response = await session.get(source.url, { stream: true })
    const held = await settled(written)
    let read = 0
    for await (const piece of response.iterContent()) {
      read += piece.length
      if (read > held + 4 * MIB) break
    }
    response.close()
    await source.close()
    expect(written()).toBeGreaterThan(held)
  })
})

describe.each(['raw', 'toWeb'] as const)('a reader who takes one piece of response.%s and waits', (how) => {
  it('stops the server after what the buffers hold', async () => {
    const { server: source, written } = await pouring()
    await using session = new Session({ trustEnv: false })
    const response = await session.get(source.url, { stream: true })
    const iterator =
      how === 'raw' ? response.raw[Symbol.asyncIterator]() : response.toWeb().body?.[Symbol.asyncIterator]()
    await iterator?.next()
    const held = await settled(written)
    await session.close()
    await source.close()
    expect(held).toBeLessThan(16 * MIB)
  })
})

describe('a server that does not read an upload', () => {
  it.each(['http', 'https'])('stops the body from being asked for more, over %s', async (scheme) => {
    let produced = 0
    const cleaned = signalOf()
    async function* data(): AsyncGenerator<Uint8Array> {
      try {
        for (;;) {
          produced += 64 * 1024
          yield await Promise.resolve(Buffer.alloc(64 * 1024))
        }
      } finally {
        cleaned.fire()
      }
    }
    await using session = new Session({ trustEnv: false, verify: server.ca })
    const controller = new AbortController()
    const url = scheme === 'http' ? server.url : server.httpsUrl
    const call = session.post(`${url}/never?read=false`, { data: data(), signal: controller.signal })
    const failed = call.catch(() => null)
    await vi.waitFor(() => expect(produced).toBeGreaterThan(64 * 1024))
    const held = await settled(() => produced)
    controller.abort()
    await failed
    await within(1000, cleaned.promise)
    expect(held).toBeLessThan(16 * MIB)
  })
})

describe('memory', () => {
  const script = `
    const MIB = 1024 * 1024
    const session = new core.Session({ trustEnv: false, verify: false })
    async function* data(mib) { const piece = Buffer.alloc(65536, 'x'); for (let at = 0; at < mib * 16; at++) yield piece }
    async function down(mib) {
      let length = 0
      const response = await session.get(input.url + '/download/' + mib * MIB, { stream: true })
      for await (const piece of response.iterContent()) length += piece.length
      return length / MIB
    }
    async function up(mib) {
      return (await session.post(input.url + '/upload', { data: data(mib) })).json().bytes / MIB
    }
    const run = input.way === 'down' ? down : up
    await run(20)
    gc()
    const before = process.memoryUsage().rss
    let most = before
    const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().rss) }, 5)
    const done = await run(200)
    clearInterval(timer)
    report({ done, grownMib: Math.round((most - before) / MIB) })
    await session.close()`

  it.each(['down', 'up'])('stays flat over 200 MiB %s', async (way) => {
    const nodeOptions = ['--expose-gc']
    const { reports, stderr } = await runChild(script, {
      input: { url: server.url, way },
      nodeOptions,
      limitMs: 19_000,
    })
    expect(stderr).toBe('')
    const [{ done, grownMib }] = reports as [{ done: number; grownMib: number }]
    expect(done).toBe(200)
    expect(grownMib).toBeLessThan(96)
  })
})
