import { AuthenticationError } from '@entreat/core'
import { describe, expect, it } from 'vitest'
import { bindingsOf } from '../../src/channel-bindings.ts'
import { ali, failureOf, Scene } from '../support/scene.ts'
import { targetInfoOf } from '../support/scripted-gate.ts'

describe('an origin that may not have the credentials', () => {
  it('gets none after a redirect, and its refusal is the response', async () => {
    await using scene = await Scene.start()
    await using other = await Scene.start()
    const response = await scene.session.get(`${scene.url}/redirect-to?${encodeURIComponent(other.url)}`)
    expect([response.statusCode, response.url]).toEqual([401, `${other.url}/`])
    expect(other.gate.seen).toEqual(['none'])
  })

  it('is not answered by an instance that was used elsewhere first', async () => {
    await using scene = await Scene.start()
    await using other = await Scene.start()
    await scene.session.get(scene.url)
    const error = await failureOf(scene.session.get(other.url))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toContain(`answers only ${scene.url}`)
    expect(other.gate.seen).toEqual(['none'])
    expect((await scene.session.get(`${other.url}/open`)).text).toBe('open 0')
  })

  it('is answered if it is named', async () => {
    await using scene = await Scene.start()
    await using other = await Scene.start()
    const auth = ali({ origins: [scene.url, other.url] })
    expect((await scene.session.get(scene.url, { auth })).text).toBe('ali 0')
    expect((await scene.session.get(other.url, { auth })).text).toBe('ali 0')
  })
})

describe('channel bindings', () => {
  it('name the certificate over https', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.server.httpsUrl)
    const bindings = targetInfoOf(scene.gate.proofs[0] as Buffer).get(10)
    expect(bindings).toHaveLength(16)
    expect(bindings).not.toEqual(bindingsOf(Buffer.concat([Buffer.from('tls-server-end-point:'), Buffer.alloc(32)])))
  })

  it('are left out over http, and where they are off', async () => {
    await using scene = await Scene.start()
    await scene.session.get(scene.url)
    await scene.session.get(scene.server.httpsUrl, { auth: ali({ channelBindings: 'off' }) })
    expect(scene.gate.proofs.map((proof) => targetInfoOf(proof).has(10))).toEqual([false, false])
  })

  it('that are required fail over http before anything is sent', async () => {
    await using scene = await Scene.start()
    const error = await failureOf(scene.session.get(scene.url, { auth: ali({ channelBindings: 'require' }) }))
    expect(error).toBeInstanceOf(AuthenticationError)
    expect(error.message).toMatch(/requires channel bindings, and http:.* is not https/)
    expect(scene.gate.seen).toEqual([])
  })
})
