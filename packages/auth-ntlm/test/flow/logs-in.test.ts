import { AuthBase, type AuthContext, type PreparedRequest, type Response, UnrewindableBodyError } from '@entreat/core'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { challengeMessage, defaultPairs, partOf, SERVER_FLAGS } from '../support/messages.ts'
import { ali, failureOf, Scene } from '../support/scene.ts'
import { targetInfoOf } from '../support/scripted-gate.ts'

describe('a login', () => {
  it('takes two requests, and the next ones none', async () => {
    await using scene = await Scene.start()
    const first = await scene.session.get(scene.url)
    await scene.session.get(scene.url)
    await scene.session.post(scene.url, { data: 'body' })
    expect(first.text).toBe('ali 0')
    expect(first.history.map(({ statusCode }) => statusCode)).toEqual([401])
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 3', 'none', 'none'])
  })

  it('sends the body with the last leg alone', async () => {
    await using scene = await Scene.start()
    const response = await scene.session.post(scene.url, { data: Readable.from(['one ', 'shot']) })
    expect(response.text).toBe('ali 8')
    expect(scene.server.requests.map(({ bodyLength }) => bodyLength)).toEqual([0, 8])
  })

  it('says who, for which server, at which time, and signs it all', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.url)
    const proof = scene.gate.proofs[0] as Buffer
    expect([28, 36, 44].map((at) => partOf(proof, at).toString('utf16le'))).toEqual(['DOM', 'ali', ''])
    const info = targetInfoOf(proof)
    expect([...info.keys()]).toEqual([2, 1, 7, 6, 9])
    expect(Buffer.from(info.get(9) ?? []).toString('utf16le')).toBe('HTTP/127.0.0.1')
    expect(Buffer.from(info.get(6) ?? []).readUInt32LE()).toBe(2)
    expect(partOf(proof, 20).subarray(24, 32)).toEqual(defaultPairs().get(7))
    expect(partOf(proof, 12)).toEqual(Buffer.alloc(24))
    expect(partOf(proof, 52)).toHaveLength(16)
    expect(proof.subarray(72, 88)).not.toEqual(Buffer.alloc(16))
  })

  it('replaces what a server says in its place', async () => {
    const pairs = defaultPairs().set(9, Buffer.from('HTTP/evil', 'utf16le')).set(10, Buffer.alloc(16, 1))
    await using scene = await Scene.start({ challenge: () => challengeMessage({ pairs }) })
    await scene.session.get(scene.url)
    const info = targetInfoOf(scene.gate.proofs[0] as Buffer)
    expect(Buffer.from(info.get(9) ?? []).toString('utf16le')).toBe('HTTP/127.0.0.1')
    expect(info.has(10)).toBe(false)
  })

  it('tells the time itself where the server does not', async () => {
    const pairs = defaultPairs()
    pairs.delete(7)
    await using scene = await Scene.start({ challenge: () => challengeMessage({ pairs }) })
    const before = BigInt(Date.now())
    await scene.session.get(scene.url)
    const proof = scene.gate.proofs[0] as Buffer
    const time = partOf(proof, 20).readBigUInt64LE(24) / 10_000n - 11_644_473_600_000n
    expect(time >= before && time <= BigInt(Date.now())).toBe(true)
    expect(partOf(proof, 12)).toHaveLength(24)
    expect(partOf(proof, 12)).not.toEqual(Buffer.alloc(24))
    expect(targetInfoOf(proof).has(6)).toBe(false)
  })

  it('exchanges no key with a server that signs nothing', async () => {
    const flags = (SERVER_FLAGS & ~0x10) >>> 0
    await using scene = await Scene.start({ challenge: () => challengeMessage({ flags }) })
    await scene.session.get(scene.url)
    const proof = scene.gate.proofs[0] as Buffer
    expect(partOf(proof, 52)).toHaveLength(0)
    expect(proof.readUInt32LE(60) & 0x40000000).toBe(0)
  })

  it('reads a challenge without the padding of its base64', async () => {
    const value = `NTLM ${challengeMessage().toString('base64')}`
    expect(value).toMatch(/=$/)
    await using scene = await Scene.start({ answer: () => value.replace(/=+$/, '') })
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
  })

  it('differs each time', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.url)
    await scene.session.get(scene.url, { auth: ali() })
    const [one, other] = scene.gate.proofs.map((proof) => partOf(proof, 20).subarray(32, 40).toString('hex'))
    expect(one).not.toBe(other)
  })

  it('is made once for each connection by 300 requests at once', async () => {
    await using scene = await Scene.start()
    const texts = await Promise.all(Array.from({ length: 300 }, async () => (await scene.session.get(scene.url)).text))
    expect(new Set(texts)).toEqual(new Set(['ali 0']))
    expect(scene.server.requests).toHaveLength(300 + scene.server.connectionCount)
  })

  it('starts over once where the server has forgotten it', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.url)
    scene.gate.forgetAll()
    expect((await scene.session.post(scene.url, { data: 'body' })).text).toBe('ali 4')
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 3', 'none', 'NTLM 1', 'NTLM 3'])
  })

  it('that is forgotten after each request is made for each, once that is known', async () => {
    await using scene = await Scene.start({ forgets: true })
    for (let sent = 0; sent < 5; sent++) {
      expect((await scene.session.post(scene.url, { data: 'body' })).text).toBe('ali 4')
    }
    expect(scene.gate.seen.filter((message) => message === 'none')).toHaveLength(2)
    expect(scene.gate.seen.slice(-4)).toEqual(['NTLM 1', 'NTLM 3', 'NTLM 1', 'NTLM 3'])
  })

  it('that was forgotten while a stream was sent fails before any of it is repeated', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.url)
    scene.gate.forgetAll()
    const error = await failureOf(scene.session.post(scene.url, { data: Readable.from(['one shot']) }))
    expect(error).toBeInstanceOf(UnrewindableBodyError)
    expect(error.response?.statusCode).toBe(401)
    expect(scene.gate.seen).toHaveLength(3)
  })

  it('ends with the 401 to a wrong password, and begins anew with the next request', async () => {
    await using scene = await Scene.start({ refuses: 'ali' })
    const response = await scene.session.post(scene.url, { data: 'body' })
    expect([response.statusCode, response.text]).toEqual([401, 'who are you?'])
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 3'])
    await scene.session.post(scene.url, { data: 'body' })
    expect(scene.gate.seen).toHaveLength(4)
  })

  it('stays where a page refuses whoever it is', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.url)
    expect((await scene.session.get(`${scene.url}/forbidden`)).statusCode).toBe(401)
    expect((await scene.session.get(scene.url)).statusCode).toBe(200)
  })
})

describe('a scheme that hands its exchanges over', () => {
  class Handing extends AuthBase {
    readonly #ntlm = ali()

    override async *authFlow(
      request: PreparedRequest,
      context: AuthContext,
    ): AsyncGenerator<PreparedRequest, void, Response> {
      yield* this.#ntlm.authFlow(request, context)
    }
  }

  it('has them logged in as if they were made for NTLM', async () => {
    await using scene = await Scene.start()
    const auth = new Handing()
    await scene.session.get(scene.url, { auth })
    expect((await scene.session.post(scene.url, { auth, data: 'body' })).text).toBe('ali 4')
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 3', 'none'])
  })
})

describe('a server that asks nobody', () => {
  it('gets the body that it was not sent at first', async () => {
    await using scene = await Scene.start()
    const response = await scene.session.post(`${scene.url}/open`, { data: Readable.from(['one shot']) })
    expect(response.text).toBe('open 8')
    expect(scene.server.requests.map(({ bodyLength }) => bodyLength)).toEqual([0, 8])
  })

  it('is sent what follows as it is, and is logged in to when it asks', async () => {
    await using scene = await Scene.start()
    await scene.session.get(`${scene.url}/open`)
    await scene.session.post(`${scene.url}/open`, { data: 'body' })
    expect(scene.gate.seen).toEqual(['open', 'open'])
    expect((await scene.session.post(scene.url, { data: 'body' })).text).toBe('ali 4')
    expect(scene.gate.seen.slice(2)).toEqual(['none', 'NTLM 1', 'NTLM 3'])
  })
})
