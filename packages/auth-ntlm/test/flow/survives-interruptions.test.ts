import { ConnectionError, Session } from '@entreat/core'
import { type CustomHandler, TestServer } from '@entreat/testkit'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { ali, failureOf, Scene } from '../support/scene.ts'
import { ScriptedGate } from '../support/scripted-gate.ts'

/** A server that does not answer the requests it is told to hold. */
function holding(gate: ScriptedGate, holds: (seen: number) => boolean, onHeld: () => void): CustomHandler {
  let seen = 0
  return (request, response) => {
    if (!holds(++seen)) return gate.handler(request, response)
    request.resume()
    onHeld()
    return once(request.socket, 'close').then(() => true)
  }
}

describe('a login that is aborted', () => {
  it.each([
    ['at its first leg', 1],
    ['at its second leg', 2],
    ['at a request on a connection that is logged in', 4],
  ])('%s leaves nothing open, and the next request logs in', async (_when, held) => {
    const gate = new ScriptedGate()
    const abort = new AbortController()
    const reason = new Error('enough')
    await using server = await TestServer.start({
      handler: holding(
        gate,
        (seen) => seen === held,
        () => abort.abort(reason),
      ),
    })
    await using session = new Session({ trustEnv: false, auth: ali() })
    const options = { signal: abort.signal, data: 'body' }
    const posts = async (): Promise<void> => {
      for (let sent = 0; sent < 3; sent++) await session.post(server.url, options)
    }
    await expect(posts()).rejects.toBe(reason)
    await expect.poll(() => server.openConnections).toBe(0)
    expect((await session.post(server.url, { data: 'body' })).text).toBe('ali 4')
  })

  it('at a random moment, a hundred times among others, disturbs none of them', async () => {
    await using scene = await Scene.start()
    const asked = Array.from({ length: 300 }, async (_, index) => {
      const abort = new AbortController()
      const sent = scene.session.post(scene.url, { data: 'body', signal: abort.signal })
      if (index % 3 !== 0) return (await sent).text
      for (let turns = index % 17; turns > 0; turns--) await new Promise(setImmediate)
      abort.abort()
      return sent.then(
        ({ text }) => text,
        () => 'aborted',
      )
    })
    const outcomes = await Promise.all(asked)
    expect(new Set(outcomes.filter((_, index) => index % 3 !== 0))).toEqual(new Set(['ali 4']))
    for (const outcome of outcomes) expect(outcome).toMatch(/^(ali 4|aborted)$/)
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
  })
})

describe('a response that is streamed', () => {
  it('keeps its connection until it is read, and others log in on another', async () => {
    await using scene = await Scene.start()
    const held = await scene.session.get(scene.url, { stream: true })
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
    expect(scene.server.connectionCount).toBe(2)
    expect((await held.read()).toString()).toBe('ali 0')
    await scene.session.get(scene.url)
    expect(scene.server.connectionCount).toBe(2)
  })

  it('that is closed unread does not hand its connection to the next request half read', async () => {
    await using scene = await Scene.start()
    const held = await scene.session.get(scene.url, { stream: true })
    held.close()
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
  })
})

describe('a refusal', () => {
  it('with a page of 100 KB is read, and its connection logged in to', async () => {
    await using server = await TestServer.start({ handler: withPage(new ScriptedGate(), 100_000) })
    await using session = new Session({ trustEnv: false, auth: ali() })
    expect((await session.get(server.url)).text).toBe('ali 0')
    expect(server.connectionCount).toBe(1)
  })

  it('with a page longer than is read of pages that nobody wants fails and says so', async () => {
    await using server = await TestServer.start({ handler: withPage(new ScriptedGate(), 4_000_000) })
    await using session = new Session({ trustEnv: false, auth: ali(), limits: { drainedBytes: 1000 } })
    const error = await failureOf(session.get(server.url))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toMatch(/longer than the 1000 bytes that may be read/)
    expect(server.connectionCount).toBe(2)
  })
})

/** Refuses with a page of so many bytes. */
function withPage(gate: ScriptedGate, bytes: number): CustomHandler {
  return (request, response) => {
    const end = response.end.bind(response)
    const isRefusal = (): boolean => response.statusCode === 401
    response.end = ((text: string) => end(isRefusal() ? Buffer.alloc(bytes, text) : text)) as never
    return gate.handler(request, response)
  }
}
