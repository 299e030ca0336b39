import { once } from 'node:events'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Response, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'

// With one connection allowed, the next request tells whether a reader who stops early has let go of it.

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start({ tls: false })
})

afterAll(async () => {
  await server.close()
})

beforeEach(() => {
  session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
})

afterEach(async () => {
  await session.close()
})

const open = (): Promise<Response> => session.get(`${server.url}/download/50000000`, { stream: true })
const isFree = async (): Promise<boolean> => (await within(3000, session.get(`${server.url}/get`))).ok

describe('a connection is free again after a reader', () => {
  it.each<[what: string, read: (response: Response) => unknown]>([
    ['closes an unread response', (response) => response.close()],
    ['closes it twice', (response) => [response.close(), response.close()]],
    ['disposes of it', (response) => response[Symbol.asyncDispose]()],
    ['destroys an unread raw', (response) => response.raw.destroy()],
    ['destroys raw with an error', (response) => response.raw.on('error', () => {}).destroy(new Error('enough'))],
    [
      'leaves a loop over raw',
      async (response) => {
        for await (const _piece of response.raw) break
      },
    ],
    [
      'destroys raw after a piece',
      async (response) => {
        await once(response.raw, 'readable')
        response.raw.destroy()
      },
    ],
    [
      'pipes raw into what fails',
      (response) =>
        rejection(pipeline(response.raw, new Writable({ write: (_piece, _coding, done) => done(new Error('full')) }))),
    ],
    ['closes after raw was asked for', (response) => [response.raw, response.close()]],
    [
      'leaves a loop over content and closes',
      async (response) => {
        for await (const _piece of response) break
        response.close()
      },
    ],
    [
      'leaves a loop over lines and disposes',
      async (response) => {
        await using own = response
        for await (const _line of own.iterLines({ delimiter: 'none' })) break
      },
    ],
    ['cancels an unread web body', (response) => response.toWeb().body?.cancel()],
    [
      'leaves a loop over a web body',
      async (response) => {
        for await (const _piece of response.toWeb().body ?? []) break
      },
    ],
    ['reads more than limits.decodedBytes', async (response) => rejection(response.read())],
  ])('%s', async (what, read) => {
    if (what.startsWith('reads more')) session.limits = { decodedBytes: 1000 }
    await read(await open())
    expect(await isFree()).toBe(true)
  })

  it('gives up one of a response that throws while it is read', async () => {
    const reading = async (): Promise<void> => {
      await using response = await open()
      for await (const _piece of response) throw new Error('the disk is full')
    }
    expect((await rejection(reading())) as Error).toHaveProperty('message', 'the disk is full')
    expect(await isFree()).toBe(true)
  })
})

describe('a loop over the content that is left early', () => {
  it('keeps the rest readable, and the connection busy until then', async () => {
    const response = await open()
    let read = 0
    for await (const piece of response) {
      read += piece.length
      break
    }
    const error = await within(3000, failure(session.get(`${server.url}/get`, { timeout: { pool: 50 } })))
    expect(error.code).toBe('ERR_POOL_TIMEOUT')
    for await (const piece of response) read += piece.length
    expect([read, await isFree()]).toEqual([50_000_000, true])
  })
})

describe('a closed response', () => {
  it('gives nothing more, in any way of reading', async () => {
    const response = await open()
    response.close()
    let pieces = 0
    for await (const _piece of response) pieces++
    expect([pieces, response.content.length, (await response.read()).length]).toEqual([0, 0, 0])
  })

  it('ends a read that waits for it', async () => {
    const response = await session.get(`${server.url}/download/50000000`, { stream: true })
    const reading = response.read()
    response.close()
    const outcome = await within(
      3000,
      reading.then(
        () => 'read',
        (error: { code: string }) => error.code,
      ),
    )
    expect(outcome).toMatch(/^(?:read|ERR_.*)$/)
    expect(await isFree()).toBe(true)
  })
})
