import { describe, expect, test } from 'vitest'
import { KerberosAuth, type KerberosError } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true, epa: true, squid: 'kerberos' })
const newSession = useSessions()

describe.each(['epa', 'epa384'] as const)('an acceptor that checks channel bindings (%s)', (name) => {
  test.each(['auto', 'require'] as const)('lets in with bindings, channelBindings: %s', async (channelBindings) => {
    const session = newSession(new KerberosAuth({ channelBindings, preemptive: true }), { verify: lab().authority })
    for (const path of ['/require/x', '/allow/x', '/require/x']) {
      const response = await session.get(lab()[name].url + path)
      expect([response.statusCode, response.text]).toEqual([200, expect.stringContaining('user=alice@TEST.LOCAL')])
    }
  })

  test('refuses when there are none', async () => {
    const auth = new KerberosAuth({ channelBindings: 'off' })
    const session = newSession(auth, { verify: lab().authority })
    expect((await session.get(`${lab()[name].url}/require/x`)).statusCode).toBe(401)
    expect((await session.get(`${lab()[name].url}/allow/x`)).statusCode).toBe(200)
  })

  test('sees the same certificate on every connection, resumed TLS sessions included', async () => {
    const auth = new KerberosAuth({ channelBindings: 'require' })
    const session = newSession(auth, { verify: lab().authority })
    const url = `${lab()[name].url}/require/x`
    const answers = await Promise.all(Array.from({ length: 24 }, () => session.get(url)))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(24).fill(200))
    await session.close()
    expect((await session.get(url)).statusCode).toBe(200)
  })

  test('lets in through the tunnel of a proxy, which signs in by Kerberos too', async () => {
    const session = newSession(new KerberosAuth({ channelBindings: 'require' }), {
      verify: lab().authority,
      proxies: { all: lab().squid.proxyUrl },
      proxyAuth: new KerberosAuth({ credentials: { ccache: lab().kdc.ccache('bob') } }),
    })
    const response = await session.get(`${lab()[name].url}/require/x`)
    expect(response.text).toContain('user=alice@TEST.LOCAL')
  })
})

describe('bindings that are required and cannot be made', () => {
  test('fail before anything is sent', async () => {
    await lab().apache.log.clear()
    for (const preemptive of [true, false, 'learned'] as const) {
      const session = newSession(new KerberosAuth({ channelBindings: 'require', preemptive }))
      for (const data of [undefined, 'body']) {
        const sent = session.request(data === undefined ? 'GET' : 'POST', `${lab().apache.url}/krb/echo`, { data })
        const error = await failureOf(sent)
        expect((error as KerberosError).reason).toBe('no-channel-bindings')
      }
    }
    expect(await lab().apache.log.requests()).toEqual([])
  })

  test("are not made of an https proxy's certificate for an http origin", async () => {
    const session = newSession(new KerberosAuth({ channelBindings: 'require' }), {
      verify: lab().authority,
      proxies: { all: lab().squid.tlsProxyUrl },
      proxyAuth: new KerberosAuth(),
    })
    const error = await failureOf(session.get(`${lab().apache.url}/krb/echo`))
    expect((error as KerberosError).reason).toBe('no-channel-bindings')
  })
})
