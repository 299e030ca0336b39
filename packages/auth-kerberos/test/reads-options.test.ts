import { inspect } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { UsageError } from '@entreat/core'
import { describeFailure, reasonOf } from '../src/gss-failure.ts'
import {
  KerberosAuth,
  type KerberosOptions,
  KerberosError,
  MutualAuthenticationError,
  NegotiateAuth,
} from '../src/index.ts'
import { RecentOrigins } from '../src/recent-origins.ts'
import { FakeGss } from './support/fake-gss.ts'

describe('options', () => {
  afterEach(() => {
    Reflect.deleteProperty(Object.prototype, 'delegate')
    Reflect.deleteProperty(Object.prototype, 'password')
  })

  test('that are not known are named with the nearest', () => {
    expect(() => new KerberosAuth({ channelBinding: 'off' } as never)).toThrow(/channelBinding.*"channelBindings"/)
    expect(() => new KerberosAuth({ credentials: { cache: '/x' } } as never)).toThrow(/credentials .*"ccache"/)
  })

  test.each<[string, unknown]>([
    ['service', { service: 'HTTP@web' }],
    ['service', { service: '' }],
    ['hostname', { hostname: 'web/1' }],
    ['hostname', { hostname: 7 }],
    ['principal', { principal: '' }],
    ['principal', { principal: 'a\0b' }],
    ['mutual', { mutual: true }],
    ['delegate', { delegate: 'yes' }],
    ['channelBindings', { channelBindings: true }],
    ['preemptive', { preemptive: 'always' }],
    ['timeout', { timeout: 0 }],
    ['timeout', { timeout: '5' }],
    ['provider', { provider: {} }],
    ['credentials', { credentials: {} }],
    ['credentials', { credentials: 'FILE:/x' }],
    ['credentials', { credentials: { ccache: '/x', keytab: '/y' } }],
    ['credentials', { credentials: { keytab: '' } }],
    ['origin', { origins: ['example.com'] }],
    ['principal', { credentials: { password: 'x' } }],
  ])('%s that cannot be meant: %j', (name, options) => {
    for (const scheme of [KerberosAuth, NegotiateAuth]) {
      expect(() => new scheme(options as KerberosOptions)).toThrow(UsageError)
      expect(() => new scheme(options as KerberosOptions)).toThrow(name)
    }
  })

  test('are read of their own object alone', () => {
    Object.assign(Object.prototype, { delegate: 'yes', password: 'x' })
    expect(() => new KerberosAuth({})).not.toThrow()
    expect(() => new KerberosAuth({ credentials: { ccache: '/x' } })).not.toThrow()
  })

  test('that a provider of the caller cannot honour are refused at once', () => {
    const provider = new FakeGss()
    Object.assign(provider, { capabilities: { ...provider.capabilities, channelBindings: false } })
    expect(() => new KerberosAuth({ provider, channelBindings: 'require' })).toThrow(
      /fake cannot honour channelBindings/,
    )
    expect(() => new KerberosAuth({ provider })).not.toThrow()
  })

  test('show no secret', () => {
    const options = { principal: 'alice', credentials: { password: 's3cret' }, provider: new FakeGss() }
    for (const scheme of [new KerberosAuth(options), new NegotiateAuth(options)]) {
      expect(`${inspect(scheme, { depth: 9, showHidden: true })}${JSON.stringify(scheme)}`).not.toContain('s3cret')
    }
    expect(() => new KerberosAuth({ credentials: { password: 's3cret', keytab: '/x' } as never })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('s3cret') }),
    )
  })
})

describe('what the library says', () => {
  test.each([
    ['No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)', 'no-credentials'],
    ['No credentials were supplied, or the credentials were unavailable or inaccessible', 'no-credentials'],
    ['No credentials cache found', 'no-credentials'],
    ['SPNEGO cannot find mechanisms to negotiate', 'no-credentials'],
    ['Keytab contains no suitable keys for bob@TEST.LOCAL', 'no-credentials'],
    ['Matching credential not found', 'no-credentials'],
    ['Server not found in Kerberos database', 'unknown-service'],
    ['Server HTTP/web@EXAMPLE.COM not found in Kerberos database', 'unknown-service'],
    ["Client 'nobody@TEST.LOCAL' not found in Kerberos database", 'unknown-client'],
    ['Client not found in Kerberos database', 'unknown-client'],
    ['Cannot contact any KDC for requested realm', 'kdc-unreachable'],
    ['Cannot find KDC for requested realm', 'kdc-unreachable'],
    ["Cannot contact any KDC for realm 'EXAMPLE.COM'", 'kdc-unreachable'],
    ['unable to reach any KDC in realm EXAMPLE.COM', 'kdc-unreachable'],
    ['Clock skew too great', 'clock-skew'],
    ['SPNEGO failed to negotiate a mechanism', 'no-common-mechanism'],
    ['An unsupported mechanism was requested', 'no-common-mechanism'],
    ['Ticket expired', 'expired'],
    ['The referenced credential has expired', 'expired'],
    ['Preauthentication failed', 'wrong-key'],
    ['Password incorrect', 'wrong-key'],
    ['Invalid token was supplied', 'bad-token'],
    ['A token was invalid', 'bad-token'],
    ['Something else entirely', 'other'],
  ])('%s', (text, reason) => {
    expect(reasonOf(text)).toBe(reason)
  })

  test('is shown with its codes where it has any', () => {
    const failure = Object.assign(new Error('Clock skew too great'), { majorStatus: 0xd0000, minorStatus: 2529638947 })
    expect(describeFailure(failure)).toBe('Clock skew too great (GSS major 0xd0000, minor -1765328349)')
    expect(describeFailure('text')).toBe('text')
    expect(describeFailure(null)).toBe('null')
  })
})

describe('errors', () => {
  test('are recognised across two copies of this package', () => {
    for (const type of [KerberosError, MutualAuthenticationError]) {
      const brands = Symbol.for('@entreat/core/errors')
      const foreign = { [brands]: ['RequestException', 'AuthenticationError', type.name] }
      expect(foreign instanceof type).toBe(true)
      expect({ [brands]: ['RequestException', 'AuthenticationError'] } instanceof type).toBe(false)
    }
  })
})

describe('what was learned of origins', () => {
  test('is kept for the thousand last', () => {
    const origins = new RecentOrigins<number>()
    const place = (port: number) => ({ recipient: 'origin', recipientOrigin: `http://localhost:${port}` }) as const
    for (let port = 0; port < 1500; port++) origins.set(place(port), port)
    expect([origins.get(place(499)), origins.get(place(500)), origins.get(place(1499))]).toEqual([undefined, 500, 1499])
    expect(origins.get({ ...place(1499), recipient: 'proxy' })).toBeUndefined()
  })
})
