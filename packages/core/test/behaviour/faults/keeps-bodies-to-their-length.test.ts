import { createReadStream, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Body, InvalidHeader, Session } from '@entreat/core'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

// A body that is not as long as Content-Length says would take the next request's bytes for its own, or leave its own to the next request.

const folder = mkdtempSync(join(tmpdir(), 'lengths-'))
afterAll(() => rmSync(folder, { recursive: true }))

let session: Session
let server: RawServer
let complete: string[]

beforeEach(async () => {
  complete = []
  server = await RawServer.start(({ head, body }) => {
    complete.push(`${head.split(' ', 1)[0]} ${body.toString()}`)
    return reply('ok')
  })
  session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
})

afterEach(async () => {
  await session.close()
  await server.close()
})

async function* pieces(...given: string[]): AsyncGenerator<Uint8Array> {
  for (const piece of given) yield await Promise.resolve(Buffer.from(piece))
}

/** A body of somebody else's making, which lies. */
function lying(length: number, open: Body['open']): Body {
  return { length, isReplayable: true, open, bytes: () => Promise.reject(new Error('not asked')) }
}

describe.each<[what: string, data: () => Body | AsyncGenerator<Uint8Array>, length: number, message: string]>([
  ['a stream that is shorter', () => pieces('he', 'llo'), 9, 'the body gave only 5 bytes, and Content-Length says 9'],
  ['a stream that is longer', () => pieces('he', 'llo'), 4, 'the body gave 5 bytes or more, and Content-Length says 4'],
  ['a stream that is longer by its first piece', () => pieces('hello'), 1, 'gave 5 bytes or more'],
  ['a stream without a byte', () => pieces(), 3, 'gave only 0 bytes'],
  ['a stream that should have none', () => pieces('x'), 0, 'gave 1 bytes or more'],
  ['bytes that are fewer', () => lying(9, () => Buffer.from('hello')), 9, 'gave only 5 bytes'],
  ['bytes that are more', () => lying(2, () => Buffer.from('hello')), 2, 'gave 5 bytes or more'],
])('%s than its length', (_what, data, length, message) => {
  it('is an InvalidHeader that says both lengths', async () => {
    const headers = { 'Content-Length': String(length) }
    const error = await within(3000, failure(session.post(server.url, { data: data(), headers })))
    expect(error).toBeInstanceOf(InvalidHeader)
    expect(error.message).toContain(`POST ${server.url}/: `)
    expect(error.message).toContain(message)
    expect(error.request?.method).toBe('POST')
  })

  it('never looks like a whole request, and leaves the next one alone', async () => {
    const headers = { 'Content-Length': String(length) }
    await within(3000, failure(session.post(server.url, { data: data(), headers })))
    expect((await within(3000, session.post(server.url, { data: 'next' }))).text).toBe('ok')
    expect(complete.filter((line) => line !== 'POST next')).toEqual([])
  })
})

it('a file that shrinks before it is read is an InvalidHeader that says both lengths', async () => {
  const path = join(folder, 'shrinking')
  writeFileSync(path, Buffer.alloc(1000))
  const data = createReadStream(path)
  const hooks = { request: () => truncateSync(path, 400) }
  const error = await within(3000, failure(session.post(server.url, { data, hooks })))
  expect(error.message).toContain('only 400 bytes, and Content-Length says 1000')
  expect([error.code, complete]).toEqual(['ERR_INVALID_HEADER', []])
})

it('a part of a form that is longer than it was fails the whole form', async () => {
  const path = join(folder, 'growing')
  writeFileSync(path, 'short')
  const files = { f: createReadStream(path) }
  const hooks = { request: () => writeFileSync(path, 'much longer than before') }
  const error = await within(3000, failure(session.post(server.url, { files, hooks })))
  expect([error.code, complete]).toEqual(['ERR_INVALID_HEADER', []])
})
