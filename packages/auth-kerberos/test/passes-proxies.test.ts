import { describe, expect, test } from 'vitest'
import { ProxyError } from '@entreat/core'
import { KerberosAuth, MutualAuthenticationError } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true, squid: 'kerberos' })
const newSession = useSessions()

const asBob = (): KerberosAuth => new KerberosAuth({ credentials: { ccache: lab().kdc.ccache('bob') } })

describe.each(['http', 'https'] as const)('Squid, spoken to by %s', (proxyScheme) => {
  const proxy = (): { proxies: Record<string, string>; verify: string } => ({
    proxies: { all: proxyScheme === 'http' ? lab().squid.proxyUrl : lab().squid.tlsProxyUrl },
    verify: lab().authority,
  })

  test.each(['http', 'https'] as const)('lets requests through to %s', async (scheme) => {
    await lab().squid.log.clear()
    const origin = scheme === 'http' ? lab().apache.url : lab().apache.tlsUrl
    const session = newSession(null, { ...proxy(), proxyAuth: new KerberosAuth() })
    for (let sent = 0; sent < 5; sent++) {
      expect((await session.get(`${origin}/open/echo`)).statusCode).toBe(200)
    }
    await session.close()
    const rows = await lab().squid.log.requests({ atLeast: scheme === 'http' ? 6 : 2 })
    expect(rows.map(({ status, user }) => `${status} ${user}`)).toEqual([
      '407 null',
      ...Array(scheme === 'http' ? 5 : 1).fill('200 alice@TEST.LOCAL'),
    ])
  })

  test.each(['http', 'https'] as const)('one user for the proxy, another for the %s origin', async (scheme) => {
    await lab().squid.log.clear()
    const origin = scheme === 'http' ? lab().apache.url : lab().apache.tlsUrl
    const session = newSession(new KerberosAuth(), { ...proxy(), proxyAuth: asBob() })
    for (let sent = 0; sent < 3; sent++) {
      expect((await session.get(`${origin}/krbconn/echo`)).text).toContain('user=alice@TEST.LOCAL')
    }
    await session.close()
    const users = (await lab().squid.log.requests({ atLeast: 2 })).map(({ user }) => user)
    expect(new Set(users)).toEqual(new Set([null, 'bob@TEST.LOCAL']))
  })

  test('signs pre-emptively in one leg', async () => {
    await lab().squid.log.clear()
    const auth = new KerberosAuth({ preemptive: true })
    const session = newSession(null, { ...proxy(), proxyAuth: auth })
    for (const origin of [lab().apache.url, lab().apache.tlsUrl]) {
      expect((await session.get(`${origin}/open/echo`)).statusCode).toBe(200)
    }
    await session.close()
    const rows = await lab().squid.log.requests({ atLeast: 2 })
    expect(rows.map(({ status }) => status)).toEqual([200, 200])
  })

  test('many requests of two users at once never mix', async () => {
    await lab().squid.log.clear()
    const users = [new KerberosAuth({ preemptive: true }), asBob()]
    const sessions = users.map((proxyAuth) => newSession(null, { ...proxy(), proxyAuth }))
    const paths = ['/open/echo', '/open/index.html']
    const answers = Array.from({ length: 100 }, async (_, turn) => {
      const session = sessions[turn % 2] as (typeof sessions)[0]
      const origin = turn % 4 < 2 ? lab().apache.url : lab().apache.tlsUrl
      return (await session.get(`${origin}${paths[turn % 2]}`)).statusCode
    })
    expect(new Set(await Promise.all(answers))).toEqual(new Set([200]))
    await Promise.all(sessions.map((session) => session.close()))
    const rows = await lab().squid.log.requests({ atLeast: 50 })
    const forwarded = rows.filter(({ method, status }) => method === 'GET' && status === 200)
    expect(forwarded.length).toBe(50)
    for (const { user, path } of forwarded) expect(user).toMatch(path.endsWith('echo') ? /^alice@/ : /^bob@/)
  })

  test('that must prove itself and does not is refused, with what to do', async () => {
    const proxyAuth = new KerberosAuth({ mutual: 'required' })
    const error = await failureOf(newSession(null, { ...proxy(), proxyAuth }).get(`${lab().apache.url}/open/echo`))
    expect(error).toBeInstanceOf(MutualAuthenticationError)
    expect((error as Error).message).toContain("`mutual: 'optional'`")
  })

  test('that refuses a tunnel is a ProxyError', async () => {
    const proxyAuth = new KerberosAuth({ hostname: 'web.test.local' })
    const session = newSession(null, { ...proxy(), proxyAuth })
    const outcome = await session.get(`${lab().apache.tlsUrl}/open/echo`).catch((error: unknown) => error)
    // The keytab has both principals: Squid may take it. What counts is that nothing else than these two happens.
    expect(outcome instanceof ProxyError || (outcome as { statusCode: number }).statusCode === 200).toBe(true)
  })
})
