import { TestServer } from '@entreat/testkit'
import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { RawServer } from '../support/raw-server.ts'

// A connection that ends while the parser is paused ended the process, or lost what had arrived (nodejs/undici#5360). Each row runs in a process of its own.

const body = randomBytes(600_000)
const sha = createHash('sha256').update(body).digest('hex')
const chunked = Buffer.concat([
  ...Array.from({ length: 10 }, (_, at) => {
    const piece = body.subarray(at * 60_000, (at + 1) * 60_000)
    return Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')])
  }),
  Buffer.from('0\r\n\r\n'),
])
const zipped = gzipSync(body)

const framings = {
  'until it closes': Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n'), body]),
  'HTTP/1.0 until it closes': Buffer.concat([Buffer.from('HTTP/1.0 200 OK\r\n\r\n'), body]),
  'a length and Connection: close': Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]),
  'a length': Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`), body]),
  chunks: Buffer.concat([Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'), chunked]),
  'gzip until it closes': Buffer.concat([
    Buffer.from('HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n\r\n'),
    zipped,
  ]),
}

let plain: RawServer
let secure: RawServer
let ca: string

beforeAll(async () => {
  ca = (await TestServer.start({ tls: false }).then(async (server) => (await server.close(), server))).ca
  const answer = ({ head, socket }: { head: string; socket: Socket }): void => {
    const name = decodeURIComponent((head.split(' ')[1] ?? '').slice(1))
    if (name === 'reset') {
      socket.write(framings['a length'].subarray(0, 400_000), () => setImmediate(() => reset(socket)))
    } else if (name === 'reset chunks') {
      socket.write(framings.chunks.subarray(0, 400_000), () => setImmediate(() => reset(socket)))
    } else if (name === 'cut') socket.end(framings['a length'].subarray(0, 400_000))
    else socket.end(framings[name as keyof typeof framings])
  }
  plain = await RawServer.start(answer)
  secure = await RawServer.start(answer, { tls: true })
})

afterAll(async () => {
  await Promise.all([plain.close(), secure.close()])
})

/** Resets the TCP connection, also from under TLS. */
function reset(socket: Socket): void {
  for (const server of [plain, secure]) {
    for (const open of server.open) if (open.remotePort === socket.remotePort) open.resetAndDestroy()
  }
}

/** Reads slowly: waits before the first piece and after each, so that the connection has ended long before. */
const script = `
  import { createHash } from 'node:crypto'
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const session = new core.Session({ trustEnv: false, verify: input.ca })
  const hash = createHash('sha256')
  let length = 0
  try {
    const response = await session.get(input.url, { stream: true })
    await pause(150)
    const pieces = input.reader === 'raw' ? response.raw : response.iterContent(input.chunkSize)
    for await (const piece of pieces) {
      hash.update(piece)
      length += piece.length
      await pause(input.pauseMs)
    }
    report({ length, sha: hash.digest('hex') })
  } catch (error) {
    report({ name: error.name, code: error.code, isPartial: length > 0 })
  }
  const after = await session.get(new URL('/a%20length', input.url)).catch((error) => error)
  report(after.content?.length ?? String(after))`

async function read(server: RawServer, name: string, reader: 'iterContent' | 'raw' = 'iterContent'): Promise<unknown> {
  const input = {
    url: `${server.url}/${encodeURIComponent(name)}`,
    ca,
    reader,
    chunkSize: 16_384,
    pauseMs: 3,
  }
  const { code, stderr, reports } = await runChild(script, { input })
  return { code, stderr, reports }
}

const whole = { code: 0, stderr: '', reports: [{ length: body.length, sha }, body.length] }

describe('a slow reader gets every byte of a body framed by', () => {
  it.each(Object.keys(framings))('%s, when the server ends the connection', async (name) => {
    expect(await read(plain, name)).toEqual(whole)
  })

  it.each(Object.keys(framings))('%s, when the server ends the connection, over TLS', async (name) => {
    expect(await read(secure, name)).toEqual(whole)
  })

  it.each(['until it closes', 'a length', 'chunks'])('%s, through response.raw', async (name) => {
    expect(await read(plain, name, 'raw')).toEqual(whole)
  })
})

describe('a slow reader is told that a body broke off', () => {
  const broken = { code: 0, stderr: '', reports: [{ name: 'ChunkedEncodingError', code: 'ERR_BODY_TRUNCATED' }, body.length] }

  it.each(['reset', 'reset chunks', 'cut'])('by %s', async (name) => {
    expect(await read(plain, name)).toMatchObject(broken)
  })

  it.each(['reset', 'cut'])('by %s, over TLS', async (name) => {
    expect(await read(secure, name)).toMatchObject(broken)
  })
})

describe('a body that nobody reads', () => {
  it('does no harm when the server ends the connection', async () => {
    const { code, stderr, reports } = await runChild(
      `const session = new core.Session({ trustEnv: false })
       const response = await session.get(input, { stream: true })
       await new Promise((resolve) => setTimeout(resolve, 200))
       response.close()
       await session.close()
       report('alive')`,
      { input: `${plain.url}/until%20it%20closes` },
    )
    expect({ code, stderr, reports }).toEqual({ code: 0, stderr: '', reports: ['alive'] })
  })
})
