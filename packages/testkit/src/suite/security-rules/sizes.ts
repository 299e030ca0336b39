import assert from 'node:assert/strict'
import * as zlib from 'node:zlib'
import {
  ContentDecodingError,
  LimitExceededError,
  type RequestOptions,
  type Response,
  type Session,
} from '@entreat/core'
import { asRequestException, becomes, describeError, rejectionOf, within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

const MOST = 100_000
const BOMB_BYTES = 20_000_000

/** Node has it from 22.15 and 23.8 on. */
const zstd = (zlib as { zstdCompressSync?: (bytes: Uint8Array) => Buffer }).zstdCompressSync

const ENCODERS: Readonly<Record<string, (bytes: Uint8Array) => Buffer>> = {
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  br: (bytes) => zlib.brotliCompressSync(bytes, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } }),
  ...(zstd === undefined ? {} : { zstd }),
}

function encode(codings: readonly string[], bytes: Uint8Array): Buffer {
  let coded: Buffer = Buffer.from(bytes)
  for (const coding of codings) coded = (ENCODERS[coding] as (bytes: Uint8Array) => Buffer)(coded)
  return coded
}

type Read = (session: Session, url: string, options: RequestOptions) => Promise<unknown>

/** All ways in which a body is read whole. */
const READS: Readonly<Record<string, Read>> = {
  buffered: (session, url, options) => session.get(url, options),
  'streamed, then read': async (session, url, options) => (await session.get(url, { ...options, stream: true })).read(),
}

const CHAINS: readonly (readonly string[])[] = [
  ...Object.keys(ENCODERS).map((coding) => [coding]),
  ...Object.keys(ENCODERS).map((coding) => [coding, coding]),
  ['br', 'deflate', 'gzip'],
]

/** Family T6: nothing grows past its cap, however it is framed, coded or asked for; what passes one loses its connection, or its stream where others share it. */
export function sizeCases(): readonly Case<SecurityBench>[] {
  const rule = 'T6'
  const plain = [
    { rule, sentence: 'a body past limits.decodedBytes is refused, declared or not', needs: [], check: framings },
    {
      rule,
      sentence: 'a redirect body past limits.drainedBytes costs its connection, or its stream, and no memory',
      needs: [],
      check: drained,
    },
    {
      rule,
      sentence: 'a refusal past limits.drainedBytes costs its connection, or its stream, and no memory',
      needs: [],
      check: refusals,
    },
    { rule, sentence: 'a head past limits.headerBytes is refused', needs: [], check: heads },
  ]
  const bombs = CHAINS.map((codings) => ({
    rule,
    sentence: `a bomb in ${codings.join(' in ')} is stopped at limits.decodedBytes`,
    needs: [],
    check: (bench: SecurityBench) => bomb(bench, codings),
  }))
  return [...plain, ...bombs]
}

async function assertStopped(bench: SecurityBench, url: string): Promise<void> {
  for (const [way, read] of Object.entries(READS)) {
    const session = bench.session()
    const sent = read(session, url, { limits: { decodedBytes: MOST } })
    const error = await rejectionOf(sent, `stop at its limit, ${way}`)
    assert.ok(
      error instanceof LimitExceededError,
      `${way}: it raised ${describeError(error)}, not a LimitExceededError`,
    )
  }
}

async function framings(bench: SecurityBench): Promise<void> {
  const body = Buffer.alloc(MOST + 1)
  const declared = bench.serve({ 'Content-Length': String(body.length) }, body)
  const chunked = bench.on((_request, response) => {
    response.write(body.subarray(0, 1))
    response.end(body.subarray(1))
  })
  const open = new Set<object>()
  const endless = bench.on((_request, response) => {
    open.add(response)
    response.once('close', () => open.delete(response))
    const more = (): void => {
      while (!response.destroyed && response.write(body));
    }
    response.on('drain', more)
    more()
  })
  const closed = bench.on((_request, response) => {
    response.setHeader('Connection', 'close')
    response.end(body)
  })
  for (const path of [declared, chunked, closed, endless]) await assertStopped(bench, bench.origin + path)
  await becomes(() => open.size, 0, 'answers that go on after their limit was passed')
  const exact = bench.serve({}, Buffer.alloc(MOST))
  const response = await bench.session().get(bench.origin + exact, { limits: { decodedBytes: MOST } })
  assert.equal(response.content.length, MOST, 'a body of exactly the limit was refused')
}

async function bomb(bench: SecurityBench, codings: readonly string[]): Promise<void> {
  const path = bench.serve({ 'Content-Encoding': codings.join(', ') }, encode(codings, Buffer.alloc(BOMB_BYTES)))
  await assertStopped(bench, bench.origin + path)
  const response = await bench.session().get(bench.origin + path, { stream: true })
  let largest = 0
  let total = 0
  for await (const piece of response) {
    largest = Math.max(largest, piece.length)
    total += piece.length
  }
  assert.equal(total, BOMB_BYTES, 'a streamed body in codings is not whole')
  assert.ok(largest <= 1024 * 1024, `a streamed body in codings came in a piece of ${largest} bytes`)
}

/** Undecoded, or the cap would have to be on what it grows to. */
async function drained(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  for (const codings of [[], ...CHAINS]) {
    const body = codings.length === 0 ? Buffer.alloc(BOMB_BYTES) : encode(codings, Buffer.alloc(BOMB_BYTES))
    const path = bench.on((_request, response) => {
      response.writeHead(302, {
        Location: '/get',
        ...(codings.length === 0 ? {} : { 'Content-Encoding': codings.join(', ') }),
      })
      response.end(body)
    })
    const limits = { drainedBytes: 1000 }
    const before = process.memoryUsage().arrayBuffers
    const response = await within(session.get(bench.origin + path, { limits }), 'follow a redirect with a long body')
    const grown = process.memoryUsage().arrayBuffers - before
    assert.equal(response.statusCode, 200, `the redirect ended with ${response.statusCode}, not 200`)
    assert.ok(grown < BOMB_BYTES / 2, `a redirect body in ${codings.join(', ') || 'no coding'} took ${grown} bytes`)
    const first = response.history[0] as Response
    // A body in codings is kept as it came, and is short: what it decodes to has its own limit.
    if (codings.length > 0) continue
    asRequestException(
      await rejectionOf(
        Promise.resolve().then(() => first.content),
        'keep no more of a redirect body',
      ),
    )
  }
}

async function refusals(bench: SecurityBench): Promise<void> {
  const path = bench.on((request, response) => {
    if (request.headers.authorization !== undefined) return void response.end('welcome')
    response.writeHead(401, { 'WWW-Authenticate': 'Digest realm="a", nonce="b", qop="auth"' })
    response.end(Buffer.alloc(BOMB_BYTES))
  })
  const { DigestAuth } = await import('@entreat/core')
  const session = bench.session({ auth: new DigestAuth('user', 'password'), limits: { drainedBytes: 1000 } })
  const response = await within(session.get(bench.origin + path), 'sign in past a long refusal')
  assert.equal(response.text, 'welcome', `the exchange ended with ${response.statusCode}`)
  await rejectionOf(
    Promise.resolve().then(() => response.history[0]?.content),
    'keep no more of a refusal',
  )
}

async function heads(bench: SecurityBench): Promise<void> {
  const one = bench.serve({ 'X-Long': 'x'.repeat(60_000) })
  const many = bench.serve({ 'X-Many': Array.from({ length: 600 }, (_, index) => String(index).padEnd(100, 'x')) })
  const session = bench.session({ limits: { headerBytes: 20_000 } })
  for (const path of [one, many]) {
    const error = await rejectionOf(session.get(bench.origin + path), 'refuse a head that is too long')
    assert.ok(error instanceof LimitExceededError, `it raised ${describeError(error)}, not a LimitExceededError`)
    assert.equal((await session.get(`${bench.origin}/get`)).statusCode, 200, 'the Session is of no use afterwards')
  }
}

/** Family T7: codings are taken off to the end, in a number that has a limit, or the body is refused. */
export function codingCases(): readonly Case<SecurityBench>[] {
  const rule = 'T7'
  return [
    ...CHAINS.map((codings) => ({
      rule,
      sentence: `a body in ${codings.join(' in ')} is decoded to its end, or refused`,
      needs: [],
      check: (bench: SecurityBench) => toItsEnd(bench, codings),
    })),
    { rule, sentence: 'more codings than limits.codings are refused', needs: [], check: tooMany },
  ]
}

async function toItsEnd(bench: SecurityBench, codings: readonly string[]): Promise<void> {
  const plain = Buffer.from(Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251))
  const whole = encode(codings, plain)
  const headers = { 'Content-Encoding': codings.join(', ') }
  const session = bench.session()
  const response = await session.get(bench.origin + bench.serve(headers, whole))
  assert.ok(response.content.equals(plain), 'a body in codings is not what it was')
  const broken = { cut: whole.subarray(0, -5), 'with something behind it': Buffer.concat([whole, Buffer.from('more')]) }
  for (const [what, bytes] of Object.entries(broken)) {
    for (const [way, read] of Object.entries(READS)) {
      const outcome = await read(session, bench.origin + bench.serve(headers, bytes), {}).then(
        (value) => (Buffer.isBuffer(value) ? value : (value as Response).content),
        (error: unknown) => error,
      )
      if (Buffer.isBuffer(outcome)) {
        // Bytes behind the end are no part of it (RFC 9110 section 8.4); a body that is cut is never taken for whole.
        assert.ok(what !== 'cut' && outcome.equals(plain), `${way}: a body that is ${what} was taken for whole`)
      } else {
        const isClear = outcome instanceof ContentDecodingError
        assert.ok(isClear, `${way}: it raised ${describeError(outcome)} instead of a ContentDecodingError`)
      }
    }
  }
}

async function tooMany(bench: SecurityBench): Promise<void> {
  const six = ['gzip', 'gzip', 'gzip', 'gzip', 'gzip', 'gzip']
  const session = bench.session()
  const asList = bench.serve({ 'Content-Encoding': six.join(',') }, encode(six, Buffer.from('x')))
  const asLines = bench.serve({ 'Content-Encoding': six }, encode(six, Buffer.from('x')))
  // In clear, since Node's HTTP/2 servers send no more than one line of it.
  for (const url of [bench.origin + asList, bench.server.url + asLines]) {
    for (const read of Object.values(READS)) {
      const error = await rejectionOf(read(session, url, {}), 'refuse six codings')
      assert.ok(error instanceof ContentDecodingError, `it raised ${describeError(error)}, no ContentDecodingError`)
    }
  }
  const five = bench.serve({ 'Content-Encoding': six.slice(1).join(',') }, encode(six.slice(1), Buffer.from('x')))
  assert.equal((await session.get(bench.origin + five)).text, 'x', 'five codings were refused')
}
