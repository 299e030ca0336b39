import { RequestException, type Response, Session } from '@entreat/core'
import type { Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { failure, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { BODY_FAULTS } from './rows/body-faults.ts'
import { CONNECTION_FAULTS } from './rows/connection-faults.ts'
import type { Accepted, Fault, Refused } from './rows/fault.ts'
import { HEAD_FAULTS } from './rows/head-faults.ts'

// Every fault against a caller who reads the body whole, and one who reads it piece by piece: the right answer or the right error, in time (the session's
// own read timeout would be the wrong class), no socket left, and a Session that goes on working.

const FAULTS: readonly Fault[] = [...CONNECTION_FAULTS, ...HEAD_FAULTS, ...BODY_FAULTS]
/** A streaming reader has had enough of an endless body after so many bytes. */
const ENOUGH = 4_000_000
const SETTLED_MS = 12_000

function misbehave(fault: Fault, socket: Socket): void {
  const { writes = '', next = 'wait' } = fault
  if (fault.serve !== undefined) return fault.serve(socket)
  const bytes = typeof writes === 'string' ? Buffer.from(writes, 'latin1') : writes
  if (next === 'end') return void socket.end(bytes)
  if (next === 'reset' && bytes.length === 0) return void socket.resetAndDestroy()
  // A reset overtakes what was written just before it.
  if (next === 'reset') return void socket.write(bytes, () => setTimeout(() => socket.resetAndDestroy(), 40))
  socket.write(bytes)
  if (typeof next === 'object') keepWriting(socket, next)
}

function keepWriting(socket: Socket, what: Exclude<NonNullable<Fault['next']>, string>): void {
  if ('drip' in what) {
    const timer = setInterval(() => socket.write(what.drip), 20)
    socket.once('close', () => clearInterval(timer))
    return
  }
  const unit = Buffer.from(typeof what.flood === 'string' ? Buffer.from(what.flood, 'latin1') : what.flood)
  const block = Buffer.concat(Array.from({ length: Math.ceil(65_536 / unit.length) }, () => unit))
  const pump = (): void => {
    let taken = !socket.destroyed
    for (let count = 0; taken && count < 64; count++) taken = socket.write(block)
    if (!socket.destroyed) socket.once('drain', pump)
  }
  pump()
}

function hostileServer(fault: Fault): Promise<RawServer> {
  const { isEarly = false } = fault
  return RawServer.start(
    ({ head, socket }) => {
      if (head.includes('/fine')) return reply('fine')
      if (!isEarly) misbehave(fault, socket)
      return undefined
    },
    { onHead: (head, socket) => void (isEarly && !head.includes('/fine') && misbehave(fault, socket)) },
  )
}

function call(session: Session, url: string, fault: Fault, stream: boolean): Promise<Response> {
  const { method = 'GET', ...options } = fault.request ?? {}
  return within(SETTLED_MS, session.request(method, `${url}/fault`, { ...options, stream }))
}

/** Reads until `most` bytes; tells what had come when it failed. */
async function readPieces(response: Response, most: number): Promise<{ bytes: Buffer; error: unknown }> {
  const pieces: Buffer[] = []
  let length = 0
  try {
    for await (const piece of response.iterContent()) {
      pieces.push(piece)
      length += piece.length
      if (length >= most) break
    }
  } catch (error) {
    return { bytes: Buffer.concat(pieces), error }
  }
  response.close()
  return { bytes: Buffer.concat(pieces), error: null }
}

function expectAccepted(response: Response, text: string, expected: Accepted): void {
  expect([response.statusCode, text]).toEqual([expected.status, expected.text ?? 'ok'])
  for (const [name, value] of Object.entries(expected.headers ?? {})) expect(response.headers.get(name)).toBe(value)
}

function expectRefused(error: unknown, expected: Refused): void {
  if (!(error instanceof RequestException)) throw new Error('expected an error of the library', { cause: error })
  expect([error.name, error.code]).toEqual([expected.error.name, expected.code])
  expect(error).toBeInstanceOf(expected.error)
  expect(error.request?.url).toContain('/fault')
  if (expected.phase === 'body') expect(error.response?.statusCode).toBe(200)
  const { cause } = error as { cause?: NodeJS.ErrnoException }
  if (expected.cause === null) expect(cause).toBeUndefined()
  else expect(`${cause?.code} ${cause?.name}: ${cause?.message}`).toMatch(expected.cause)
}

/** Runs `meet` against a server with this fault; afterwards no socket of a failed exchange is left, and the Session works. */
async function meeting(
  fault: Fault,
  isRefused: boolean,
  meet: (session: Session, url: string) => Promise<void>,
): Promise<void> {
  await using server = await hostileServer(fault)
  const session = new Session({ trustEnv: false, timeout: { connect: 10_000, read: 10_000 } })
  await meet(session, server.url)
  if (isRefused && fault.isWhole !== true) await server.gone()
  expect(server.open.size).toBeLessThanOrEqual(1)
  expect((await within(SETTLED_MS, session.get(`${server.url}/fine`))).text).toBe('fine')
  await session.close()
  await server.gone()
}

describe('a server with the fault', () => {
  it.each(FAULTS.map((fault) => [fault.name, fault] as const))('%s, buffered', async (_name, fault) => {
    const { buffered } = fault
    await meeting(fault, 'error' in buffered, async (session, url) => {
      const calling = call(session, url, fault, false)
      if ('error' in buffered) return expectRefused(await failure(calling), buffered)
      const response = await calling
      expectAccepted(response, response.text, buffered)
    })
  })

  it.each(FAULTS.map((fault) => [fault.name, fault] as const))('%s, streamed', async (_name, fault) => {
    const streamed = fault.streamed ?? fault.buffered
    await meeting(fault, 'error' in streamed || 'endless' in streamed, async (session, url) => {
      const calling = call(session, url, fault, true)
      if ('error' in streamed && streamed.phase === 'head') return expectRefused(await failure(calling), streamed)
      const response = await calling
      const { bytes, error } = await within(SETTLED_MS, readPieces(response, ENOUGH))
      if ('endless' in streamed) return expect(bytes.length).toBeGreaterThanOrEqual(ENOUGH)
      if (!('error' in streamed)) return expectAccepted(response, bytes.toString('latin1'), streamed)
      expectRefused(error, streamed)
      if (streamed.after !== undefined) expect(bytes.length).toBe(streamed.after)
    })
  })

  it('is in the table once', () => {
    const names = FAULTS.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })
})
