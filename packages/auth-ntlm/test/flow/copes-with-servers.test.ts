import { AuthenticationError } from '@entreat/core'
import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { challengeMessage, NTLM_OID, spnegoReply } from '../support/messages.ts'
import { failureOf, password, Scene } from '../support/scene.ts'

describe('a server that offers', () => {
  it('nothing that NTLM travels under has its 401 returned', async () => {
    await using scene = await Scene.start({ schemes: ['Basic realm="x"', 'Digest realm="x", nonce="y"'] })
    const response = await scene.session.post(scene.url, { data: 'body' })
    expect(response.statusCode).toBe(401)
    expect(scene.gate.seen).toEqual(['NTLM 1'])
    expect(scene.server.requests[0]?.bodyLength).toBe(0)
  })

  it('Negotiate alone is spoken to under this name, and from the first leg on after that', async () => {
    await using scene = await Scene.start({ schemes: ['Negotiate'] })
    expect((await scene.session.post(scene.url, { data: Readable.from(['one shot']) })).text).toBe('ali 8')
    expect(scene.gate.seen).toEqual(['NTLM 1', 'Negotiate 1', 'Negotiate 3'])
    scene.gate.seen.length = 0
    scene.gate.forgetAll()
    await scene.session.get(scene.url)
    expect(scene.gate.seen).toEqual(['none', 'Negotiate 1', 'Negotiate 3'])
  })

  it('Negotiate in SPNEGO alone is spoken to in SPNEGO', async () => {
    await using scene = await Scene.start({ schemes: ['Negotiate'], understands: 'wrapped' })
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
    expect(scene.gate.seen).toEqual(['NTLM 1', 'Negotiate 1', 'Negotiate wrapped 1', 'Negotiate wrapped 3'])
  })

  it('Negotiate for Kerberos alone has its 401 returned', async () => {
    const reject = `Negotiate ${spnegoReply({ state: 2 }).toString('base64')}`
    await using scene = await Scene.start({ schemes: ['Negotiate'], understands: 'wrapped', answer: () => reject })
    expect((await scene.session.get(scene.url)).statusCode).toBe(401)
    expect(scene.gate.proofs).toEqual([])
  })

  it('another mechanism inside of SPNEGO gets no proof', async () => {
    const kerberos = spnegoReply({ state: 1, mechanism: '2a864886f712010202' }).toString('base64')
    await using scene = await Scene.start({
      schemes: ['Negotiate'],
      understands: 'wrapped',
      answer: () => `Negotiate ${kerberos}`,
    })
    expect((await scene.session.get(scene.url)).statusCode).toBe(401)
    expect(scene.gate.proofs).toEqual([])
  })

  it('both names is spoken to under NTLM', async () => {
    await using scene = await Scene.start({ schemes: ['Negotiate', 'NTLM'] })
    await scene.session.get(scene.url)
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 3'])
  })
})

describe('a server that closes', () => {
  it('a connection with one challenge is logged in to on the next connection', async () => {
    let closed = 0
    await using scene = await Scene.start({ closes: ({ isChallenge }) => isChallenge && closed++ === 0 })
    expect((await scene.session.post(scene.url, { data: Readable.from(['one shot']) })).text).toBe('ali 8')
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 1', 'NTLM 3'])
    expect(scene.server.connectionCount).toBe(2)
  })

  it('each connection with its challenge is given up', async () => {
    await using scene = await Scene.start({ closes: ({ isChallenge }) => isChallenge })
    const error = await failureOf(scene.session.post(scene.url, { data: 'body' }))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toMatch(/closes the connection with its NTLM challenge, every time/)
    expect(error.response?.statusCode).toBe(401)
    expect(scene.gate.seen).toEqual(['NTLM 1', 'NTLM 1'])
  })

  it('a connection with each refusal that is no challenge is spoken to in the next form on the next', async () => {
    await using scene = await Scene.start({
      schemes: ['Negotiate'],
      understands: 'wrapped',
      closes: ({ isChallenge }) => !isChallenge,
    })
    expect((await scene.session.post(scene.url, { data: 'body' })).text).toBe('ali 4')
    expect(scene.server.connectionCount).toBe(3)
  })
})

describe('a challenge', () => {
  const malformed: readonly [what: string, value: string, says: RegExp][] = [
    ['is no NTLM message', 'NTLM AAAA', /does not begin with NTLMSSP/],
    ['is no base64', 'NTLM a.b~', /not base64/],
    ['is no token', 'NTLM TlRMTVNT?!', /not base64/],
    ['is cut off', `NTLM ${challengeMessage().subarray(0, 60).toString('base64')}`, /ends at byte/],
    ['has broken pairs', `NTLM ${withBrokenPairs().toString('base64')}`, /target information .* malformed/],
  ]

  it.each(malformed)('that %s is an AuthenticationError with the response', async (_what, value, says) => {
    await using scene = await Scene.start({ answer: () => value })
    const error = await failureOf(scene.session.post(scene.url, { data: 'body' }))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toMatch(says)
    expect(error.message).toContain(`POST ${scene.url}/: NTLM with ${scene.url}:`)
    expect([error.response?.statusCode, error.request?.url]).toEqual([401, `${scene.url}/`])
    expect(scene.gate.proofs).toEqual([])
    expect(inspect(error, { depth: 9 }) + JSON.stringify(error)).not.toContain(password)
  })

  it('inside of SPNEGO that is malformed is an AuthenticationError', async () => {
    await using scene = await Scene.start({
      schemes: ['Negotiate'],
      understands: 'wrapped',
      answer: () => 'Negotiate oQMwAQA=',
    })
    const error = await failureOf(scene.session.get(scene.url))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toMatch(/SPNEGO/)
  })

  it('that is missing inside of SPNEGO is an AuthenticationError', async () => {
    const empty = spnegoReply({ state: 1, mechanism: NTLM_OID }).toString('base64')
    await using scene = await Scene.start({
      schemes: ['Negotiate'],
      understands: 'wrapped',
      answer: () => `Negotiate ${empty}`,
    })
    expect((await failureOf(scene.session.get(scene.url))).message).toMatch(/holds no NTLM challenge/)
  })

  it('may come bare to a wrapped message', async () => {
    const bare = `Negotiate ${challengeMessage().toString('base64')}`
    await using scene = await Scene.start({ schemes: ['Negotiate'], understands: 'wrapped', answer: () => bare })
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
    expect(scene.gate.seen.at(-1)).toBe('Negotiate 3')
  })
})

describe('consent to a login in SPNEGO', () => {
  it('with a wrong signature is an AuthenticationError, and the body is not handed out', async () => {
    const consent = spnegoReply({ state: 0, mic: Buffer.alloc(16) }).toString('base64')
    await using scene = await Scene.start({ schemes: ['Negotiate'], understands: 'wrapped', consent })
    const error = await failureOf(scene.session.get(scene.url))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toMatch(/signature of the SPNEGO negotiation is wrong/)
  })

  it('without a signature is consent', async () => {
    const consent = spnegoReply({ state: 0 }).toString('base64')
    await using scene = await Scene.start({ schemes: ['Negotiate'], understands: 'wrapped', consent })
    expect((await scene.session.get(scene.url)).text).toBe('ali 0')
  })
})

function withBrokenPairs(): Buffer {
  const message = challengeMessage()
  message.writeUInt16LE(0xffff, message.readUInt32LE(44) + 2)
  return message
}
