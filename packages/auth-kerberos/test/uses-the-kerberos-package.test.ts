import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { UsageError } from '@entreat/core'
import {
  type GssProvider,
  KerberosAuth,
  KerberosError,
  type KerberosOptions,
  MutualAuthenticationError,
} from '../src/index.ts'
import { providerOf } from '../src/provider/kerberos-provider.ts'
import { builtKerberos, buildProblem } from './support/built-kerberos.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true, epa: true, squid: 'kerberos' })
const newSession = useSessions()
const problem = buildProblem()

describe('the provider kerberos', () => {
  let provider: GssProvider

  beforeAll(async () => {
    if (problem === null) provider = providerOf(await builtKerberos())
  }, 120_000)

  beforeEach((context) => {
    if (problem !== null) context.skip(problem)
  })

  const auth = (options: KerberosOptions = {}): KerberosAuth => new KerberosAuth({ provider, ...options })

  test('signs in, and proves the server, for N requests in N round trips, 64 at a time', async () => {
    await lab().apache.log.clear()
    const session = newSession(auth({ preemptive: true }))
    const url = `${lab().apache.url}/krb/echo`
    let left = 200
    const work = async (): Promise<void> => {
      while (left-- > 0) expect((await session.get(url)).text).toContain('user=alice@TEST.LOCAL')
    }
    await Promise.all(Array.from({ length: 64 }, work))
    expect((await lab().apache.log.requests({ atLeast: 200 })).map(({ status }) => status)).toEqual(
      Array(200).fill(200),
    )
  })

  test('is told about delegation by the name that its code reads', async () => {
    await lab().apache.forgetDelegated()
    const url = `${lab().apache.url}/deleg/echo`
    expect((await newSession(auth()).get(url)).statusCode).toBe(200)
    expect(lab().apache.delegatedCcache('alice')).toBeNull()
    expect((await newSession(auth({ delegate: true })).get(url)).statusCode).toBe(200)
    expect(lab().apache.delegatedCcache('alice')).not.toBeNull()
  })

  test('works through a proxy', async () => {
    const session = newSession(auth(), {
      proxies: { all: lab().squid.proxyUrl },
      proxyAuth: auth(),
      verify: lab().authority,
    })
    for (const origin of [lab().apache.url, lab().apache.tlsUrl]) {
      const response = await session.get(`${origin}/krb/echo`, { auth: auth() })
      expect(response.text).toContain('user=alice@TEST.LOCAL')
    }
  })

  test('goes without channel bindings by https: who demands them refuses', async () => {
    const session = newSession(auth(), { verify: lab().authority })
    expect((await session.get(`${lab().epa.url}/allow/x`)).statusCode).toBe(200)
    expect((await session.get(`${lab().epa.url}/require/x`)).statusCode).toBe(401)
  })

  test.each<[string, KerberosOptions]>([
    ['a password', { principal: 'bob', credentials: { password: 'bobpw' } }],
    ['a ccache', { credentials: { ccache: '/tmp/x' } }],
    ['a keytab', { credentials: { keytab: '/tmp/x' } }],
    ['channel bindings that are required', { channelBindings: 'require' }],
  ])('refuses %s instead of ignoring it', (_, options) => {
    expect(() => auth(options)).toThrow(UsageError)
    expect(() => auth(options)).toThrow(
      /^KerberosAuth: the provider kerberos cannot honour (credentials: |channelBindings: )/,
    )
  })

  test('does not sign in as somebody else than the principal that was asked for', async () => {
    const error = await failureOf(newSession(auth({ principal: 'bob' })).get(`${lab().apache.url}/krb/echo`))
    expect(error).toBeInstanceOf(KerberosError)
    process.env['KRB5CCNAME'] = lab().kdc.ccache('bob')
    const response = await newSession(auth({ principal: 'bob' })).get(`${lab().apache.url}/krb/echo`)
    expect(response.text).toContain('user=bob@TEST.LOCAL')
  })

  test('says why there is no token', async () => {
    const url = `${lab().apache.url}/krb/echo`
    const unknown = await failureOf(newSession(auth({ hostname: 'elsewhere.test.local' })).get(url))
    expect((unknown as KerberosError).reason).toBe('unknown-service')
    Object.assign(process.env, lab().clientEnv())
    expect(((await failureOf(newSession(auth()).get(url))) as KerberosError).reason).toBe('no-credentials')
  })

  test('without a ticket signs nobody in by NTLM, where gss-ntlmssp has users', async () => {
    Object.assign(process.env, lab().clientEnv(), { NTLM_USER_FILE: join(lab().folder, 'ntlm.users') })
    await lab().apache.log.clear()
    const error = await failureOf(newSession(auth({ preemptive: true })).get(`${lab().apache.url}/nego/echo`))
    expect((error as KerberosError).reason).toBe('no-credentials')
    expect(await lab().apache.log.requests()).toEqual([])
    delete process.env['NTLM_USER_FILE']
  })

  test('refuses a server that cannot prove itself', async () => {
    const session = newSession(auth({ preemptive: true }))
    const error = await failureOf(session.get(`${lab().apache.url}/open/echo`))
    expect(error).toBeInstanceOf(MutualAuthenticationError)
  })
})
