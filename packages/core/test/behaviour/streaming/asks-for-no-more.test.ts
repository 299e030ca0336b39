import { Readable } from 'node:stream'
import { type RequestOptions, Session } from '@entreat/core'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { rejection, within } from '../support/failure.ts'
import { RawServer } from '../support/raw-server.ts'

// What a peer that does not read makes a producer give: what the two kernels hold, and a few pieces of our own.

const MIB = 1024 * 1024
const PIECE = Buffer.alloc(64 * 1024, 'x')
let asleep: RawServer

beforeAll(async () => {
  asleep = await RawServer.start(() => {}, { onConnection: (socket) => void socket.pause() })
})

afterAll(async () => {
  await asleep.close()
})

/** Counts what it was asked for, and whether it was let go of. */
class Producer {
  asked = 0
  isClosed = false

  readable(): Readable {
    const pieces = this.pieces()
    return new Readable({
      read() {
        this.push(pieces.next().value)
      },
      destroy(error, done) {
        pieces.return?.(undefined)
        done(error)
      },
    })
  }

  *pieces(): Generator<Uint8Array> {
    try {
      for (;;) {
        this.asked += PIECE.length
        yield PIECE
      }
    } finally {
      this.isClosed = true
    }
  }

  async *later(): AsyncGenerator<Uint8Array> {
    yield* this.pieces()
  }

  web(): ReadableStream<Uint8Array> {
    const pieces = this.pieces()
    return new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(pieces.next().value as Uint8Array<ArrayBuffer>),
      cancel: () => void pieces.return(undefined),
    })
  }
}

describe.each<[what: string, make: (producer: Producer) => RequestOptions]>([
  ['an iterable', (producer) => ({ data: producer.pieces() })],
  ['an asynchronous generator', (producer) => ({ data: producer.later() })],
  ['a Node stream', (producer) => ({ data: producer.readable() })],
  ['a web stream', (producer) => ({ data: producer.web() })],
  ['a factory', (producer) => ({ data: () => producer.later() })],
  ['a part of a form', (producer) => ({ files: { f: ['n', producer.readable()] } })],
  [
    'a stream of known length',
    (producer) => ({ data: producer.later(), headers: { 'Content-Length': `${1024 * MIB}` } }),
  ],
])('%s', (_what, make) => {
  it('is asked for no more than the connection takes, and let go of when the request ends', async () => {
    const producer = new Producer()
    await using session = new Session({ trustEnv: false })
    const controller = new AbortController()
    const call = rejection(session.post(asleep.url, { ...make(producer), signal: controller.signal }))
    let last = -1
    await vi.waitFor(
      () => {
        const isSettled = producer.asked > 0 && producer.asked === last
        last = producer.asked
        expect(isSettled).toBe(true)
      },
      { interval: 60, timeout: 5000 },
    )
    controller.abort('enough')
    expect(await within(2000, call)).toBe('enough')
    expect(producer.asked).toBeLessThan(16 * MIB)
    await vi.waitFor(() => expect(producer.isClosed).toBe(true))
  })
})
