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

/** Reads everything slowly and at once: waits before the first piece and after each, so that each connection has ended long before. */
const script = `
  import { createHash } from 'node:crypto'
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  const session = new core.Session({ trustEnv: false, verify: input.ca })
  async function read({ path, reader }) {
    const hash = createHash('sha256')
    let length = 0
    try {
      const response = await session.get(input.url + path, { stream: true })
      await pause(150)
      for await (const piece of reader === 'raw' ? response.raw : response.iterContent(16_384)) {
        hash.update(piece)
        length += piece.length
        await pause(3)
      }
      return { length, sha: hash.digest('hex') }
    } catch ({ name, code }) {
      return { name, code }
    }
  }
  for (const call of input.calls) call.result = read(call)
  for (const call of input.calls) report([call.key, await call.result])
  const after = await session.get(input.url + '/a%20length')
  report(['after', after.content.length])`

type Reader = 'iterContent' | 'raw'
interface Outcome {
  readonly code: number | null
  readonly stderr: string
  readonly results: ReadonlyMap<string, unknown>
}

const breaks = ['reset', 'reset chunks', 'cut']
const outcomes = new Map<string, Outcome>()

beforeAll(async () => {
  const calls = [...Object.keys(framings), ...breaks].flatMap((name) =>
    (['iterContent', 'raw'] as const).map((reader) => ({
      key: `${name} by ${reader}`,
      path: `/${encodeURIComponent(name)}`,
      reader,
    })),
  )
  for (const [scheme, server] of [['http', plain] as const, ['https', secure] as const]) {
    const { code, stderr, reports } = await runChild(script, { input: { url: server.url, ca, calls } })
    outcomes.set(scheme, { code, stderr, results: new Map(reports as [string, unknown][]) })
  }
}, 40_000)

describe.each(['http', 'https'])('a slow reader, when the server ends the connection, over %s', (scheme) => {
  const read = (name: string, reader: Reader): unknown => outcomes.get(scheme)?.results.get(`${name} by ${reader}`)

  it('does not end the process', () => {
    expect(outcomes.get(scheme)).toMatchObject({ code: 0, stderr: '' })
  })

  it('leaves the Session usable', () => {
    expect(outcomes.get(scheme)?.results.get('after')).toBe(body.length)
  })

  it.each(Object.keys(framings))('gets every byte of a body framed by %s', (name) => {
    expect(read(name, 'iterContent')).toEqual({ length: body.length, sha })
  })

  it.each(Object.keys(framings).filter((name) => !name.startsWith('gzip')))(
    'gets every byte of a body framed by %s through response.raw',
    (name) => {
      expect(read(name, 'raw')).toEqual({ length: body.length, sha })
    },
  )

  it.each(breaks)('is told that a body broke off by %s', (name) => {
    const broken = { name: 'ChunkedEncodingError', code: 'ERR_BODY_TRUNCATED' }
    expect([read(name, 'iterContent'), read(name, 'raw')]).toEqual([broken, broken])
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
