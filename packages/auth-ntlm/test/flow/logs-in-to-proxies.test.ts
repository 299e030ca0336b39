import { AuthenticationError, Session } from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { NTLMAuth } from '../../src/index.ts'
import { partOf } from '../support/messages.ts'
import { ali, failureOf, password, Scene } from '../support/scene.ts'
import { ScriptedGate, targetInfoOf } from '../support/scripted-gate.ts'

describe('a proxy', () => {
  it('is logged in to for plain http, and the body is sent once', async () => {
    const gate = new ScriptedGate()
    await using proxy = await TestProxy.start({ authenticate: gate.authenticator })
    await using server = await TestServer.start()
    await using session = new Session({ trustEnv: false, proxies: { all: proxy.url }, proxyAuth: ali() })
    for (let sent = 0; sent < 3; sent++) {
      const response = await session.post(`${server.url}/post`, { data: Readable.from(['one shot']) })
      expect(response.json<{ data: string }>().data).toBe('one shot')
    }
    expect(gate.seen).toEqual(['NTLM 1', 'NTLM 3', 'none', 'none'])
    expect(server.requests).toHaveLength(3)
    expect(Buffer.from(targetInfoOf(gate.proofs[0] as Buffer).get(9) ?? []).toString('utf16le')).toBe('HTTP/127.0.0.1')
  })

  it('over https is bound to by its own certificate, in a tunnel too', async () => {
    const gate = new ScriptedGate()
    await using proxy = await TestProxy.start({ authenticate: gate.authenticator, tls: true })
    await using server = await TestServer.start()
    const proxyAuth = ali({ channelBindings: 'require' })
    await using session = new Session({ trustEnv: false, proxies: { all: proxy.url }, proxyAuth, verify: server.ca })
    expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
    expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
    expect(gate.proofs.map((proof) => targetInfoOf(proof).get(10)?.length)).toEqual([16, 16])
  })

  it('that speaks SPNEGO alone is asked for a tunnel in SPNEGO', async () => {
    const gate = new ScriptedGate({ schemes: ['Negotiate'], understands: 'wrapped' })
    await using proxy = await TestProxy.start({ authenticate: gate.authenticator })
    await using server = await TestServer.start()
    await using session = new Session({
      trustEnv: false,
      proxies: { all: proxy.url },
      proxyAuth: ali(),
      verify: server.ca,
    })
    expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
    expect(gate.seen).toEqual(['NTLM 1', 'Negotiate 1', 'Negotiate wrapped 1', 'Negotiate wrapped 3'])
  })

  it('that closes each connection after its challenge is given up', async () => {
    const gate = new ScriptedGate()
    await using proxy = await TestProxy.start({ authenticate: gate.authenticator, closesAfterRefusal: true })
    await using server = await TestServer.start()
    await using session = new Session({
      trustEnv: false,
      proxies: { all: proxy.url },
      proxyAuth: ali(),
      verify: server.ca,
    })
    const error = await failureOf(session.get(`${server.httpsUrl}/get`))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toMatch(/closes the connection with its NTLM challenge, every time/)
    expect(proxy.connectionCount).toBe(2)
  })

  it('and the origin behind it are logged in to apart', async () => {
    const gate = new ScriptedGate()
    await using proxy = await TestProxy.start({ authenticate: gate.authenticator })
    await using scene = await Scene.start()
    await using session = new Session({
      trustEnv: false,
      proxies: { all: proxy.url },
      proxyAuth: new NTLMAuth({ username: 'bob', password }),
      auth: ali(),
      verify: scene.server.ca,
    })
    expect((await session.post(scene.url, { data: 'body' })).text).toBe('ali 4')
    expect((await session.post(scene.server.httpsUrl, { data: 'body', auth: ali() })).text).toBe('ali 4')
    expect(gate.proofs.map((proof) => partOf(proof, 36).toString('utf16le'))).toEqual(['bob', 'bob'])
  })
})
