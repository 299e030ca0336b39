import { AuthBase, InvalidHeader, type PreparedRequest, Request, Session, UnrewindableBodyError } from '@entreat/core'
import { describe, expect, it } from 'vitest'
import { failure, rejection, signalOf, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'
import { optionsFor, prepared } from '../support/transport-options.ts'

/** A Session that has one connection, idle, and may have no other. */
async function sessionWithOneConnection(raw: RawServer): Promise<Session> {
  const session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 }, timeout: { pool: 1000 } })
  await session.get(raw.url)
  return session
}

describe('a request that fails before a byte of it is written', () => {
  it('for a header that cannot be sent gives its connection back', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = await sessionWithOneConnection(raw)
    const error = await failure(session.get(raw.url, { headers: { Connection: 'X-Other' } }))
    expect(error).toBeInstanceOf(InvalidHeader)
    expect((await within(2000, session.get(raw.url))).text).toBe('ok')
  })

  it('for a body that was read before gives its connection back', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = await sessionWithOneConnection(raw)
    async function* once(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(Buffer.from('x'))
    }
    const request = await new Request('POST', raw.url, { data: once() }).prepare()
    await session.send(request)
    expect(await failure(session.send(request))).toBeInstanceOf(UnrewindableBodyError)
    expect((await within(2000, session.get(raw.url))).text).toBe('ok')
  })

  it('for a signal that aborted while it was signed gives its connection back', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = await sessionWithOneConnection(raw)
    const controller = new AbortController()
    const reason = new Error('not any more')
    const auth = (): void => controller.abort(reason)
    expect(await rejection(session.get(raw.url, { auth, signal: controller.signal }))).toBe(reason)
    expect((await within(2000, session.get(raw.url))).text).toBe('ok')
  })

  it('for a scheme that took longer than timeout.total gives its connection back', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = await sessionWithOneConnection(raw)
    const late = signalOf()
    class SlowAuth extends AuthBase {
      override async apply(_request: PreparedRequest): Promise<void> {
        await late.promise
      }
    }
    const error = await failure(session.get(raw.url, { auth: new SlowAuth(), timeout: { total: 50 } }))
    expect(error.code).toBe('ERR_TOTAL_TIMEOUT')
    late.fire()
    await new Promise(setImmediate) // the scheme goes on, and finds that it is too late
    expect((await within(2000, session.get(raw.url))).text).toBe('ok')
    expect((await within(2000, session.get(raw.url))).text).toBe('ok')
    expect(raw.heads).toHaveLength(3)
  })

  it('because its signal had aborted before leaves the adapter as it was', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = await sessionWithOneConnection(raw)
    const adapter = session.getAdapter(raw.url)
    const reason = new Error('too late')
    const options = optionsFor({ limits: { connectionsPerOrigin: 1 } })
    const request = await prepared(raw.url)
    expect(await rejection(adapter.send(request, { ...options, signal: AbortSignal.abort(reason) }))).toBe(reason)
    const response = await within(2000, adapter.send(request, options))
    expect((await response.read()).toString()).toBe('ok')
    expect(raw.connectionCount).toBe(1)
  })
})
