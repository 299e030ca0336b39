import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAuthParams, parseChallenges } from '../../src/auth/challenge.ts'
import { expectFast, FAMILIES, textOf } from './adversarial.ts'

/** `[scheme, token68, params]` of each challenge. */
function parsed(...lines: string[]): unknown[] {
  return parseChallenges(lines).map(({ scheme, token68, params }) => [scheme, token68, Object.fromEntries(params)])
}

describe('parseChallenges', () => {
  it('reads one challenge with quoted and bare values (RFC 9110 section 11.6.1)', () => {
    expect(parsed('Digest realm="a, b", qop="auth,auth-int", algorithm=MD5, stale=FALSE')).toEqual([
      ['Digest', null, { realm: 'a, b', qop: 'auth,auth-int', algorithm: 'MD5', stale: 'FALSE' }],
    ])
  })

  it('reads several challenges of one line (RFC 9110 section 11.6.1)', () => {
    expect(parsed('Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""')).toEqual([
      ['Basic', null, { realm: 'simple' }],
      ['Newauth', null, { realm: 'apps', type: '1', title: 'Login to "apps"' }],
    ])
  })

  it('reads several lines as one list', () => {
    expect(parsed('Negotiate', 'NTLM', 'Basic realm="x"')).toEqual([
      ['Negotiate', null, {}],
      ['NTLM', null, {}],
      ['Basic', null, { realm: 'x' }],
    ])
    expect(parsed('Digest realm="x"', 'nonce="n"')).toEqual([['Digest', null, { realm: 'x', nonce: 'n' }]])
  })

  it('tells a token68 from parameters (RFC 9110 section 11.2)', () => {
    expect(parsed('Negotiate YIIB+a/b==, Basic realm="x"')).toEqual([
      ['Negotiate', 'YIIB+a/b==', {}],
      ['Basic', null, { realm: 'x' }],
    ])
    expect(parsed('NTLM TlRMTVNTUAAC')).toEqual([['NTLM', 'TlRMTVNTUAAC', {}]])
    expect(parsed('Bearer a=b')).toEqual([['Bearer', null, { a: 'b' }]])
  })

  it.each([
    [', ,Basic realm="x",,', [['Basic', null, { realm: 'x' }]]],
    [
      'Basic,Digest',
      [
        ['Basic', null, {}],
        ['Digest', null, {}],
      ],
    ],
    ['Basic\trealm\t=\t"x"', [['Basic', null, { realm: 'x' }]]],
    ['BASIC REALM="x"', [['BASIC', null, { realm: 'x' }]]],
    ['Basic realm="x" charset="UTF-8"', [['Basic', null, { realm: 'x', charset: 'UTF-8' }]]],
    ['Basic realm="x"; charset="UTF-8"', [['Basic', null, { realm: 'x', charset: 'UTF-8' }]]],
    ['Basic realm=My Little Realm, charset=UTF-8', [['Basic', null, { realm: 'My Little Realm', charset: 'UTF-8' }]]],
    ['Basic realm=My Realm charset=UTF-8', [['Basic', null, { realm: 'My Realm', charset: 'UTF-8' }]]],
    ['Digest opaque=a=b==/@:?, nonce=n', [['Digest', null, { opaque: 'a=b==/@:?', nonce: 'n' }]]],
    ['Digest realm=, nonce="n"', [['Digest', null, { realm: '', nonce: 'n' }]]],
    ['Digest nonce="n", realm=', [['Digest', null, { nonce: 'n', realm: '' }]]],
    ['Basic realm=', [['Basic', null, { realm: '' }]]],
    ['Basic realm="open, Digest nonce=n', [['Basic', null, { realm: 'open, Digest nonce=n' }]]],
    ['Basic realm="a\\', [['Basic', null, { realm: 'a' }]]],
    ['Basic realm="My "cool" place", charset=UTF-8', [['Basic', null, { realm: 'My ', charset: 'UTF-8' }]]],
    ['Digest realm="a", realm="b"', [['Digest', null, { realm: 'a' }]]],
    ['realm="x"', []],
    ['', []],
  ])('reads %s', (line, expected) => {
    expect(parsed(line)).toEqual(expected)
  })

  it('keeps a parameter named __proto__ as a parameter', () => {
    const [challenge] = parseChallenges(['Basic __proto__="x"'])
    expect(challenge?.params.get('__proto__')).toBe('x')
    expect(challenge?.params.get('polluted')).toBeUndefined()
  })

  it('reads back every list it is given', () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
    const value = textOf(' ab,;="\\\té')
    const params = fc.uniqueArray(fc.tuple(name, value), { minLength: 1, maxLength: 4, selector: ([key]) => key })
    const challenge = fc.record({ scheme: name, params })
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), fc.constantFrom(', ', ',', ' , ,'), (challenges, comma) => {
        const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
        const line = challenges
          .map(({ scheme, params }) => `${scheme} ${params.map(([key, text]) => `${key}=${quoted(text)}`).join(comma)}`)
          .join(comma)
        expect(parsed(line)).toEqual(challenges.map(({ scheme, params }) => [scheme, null, Object.fromEntries(params)]))
      }),
    )
  })

  it('throws for nothing', () => {
    fc.assert(
      fc.property(fc.array(textOf('ab=",; \\\t/+~é\0')), (lines) => {
        for (const { scheme } of parseChallenges(lines)) expect(scheme).not.toBe('')
      }),
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => parseChallenges([text]))
    expectFast(() => parseChallenges([`Digest realm="x", ${text}`]))
    expectFast(() => parseChallenges([`Digest realm=${text}`]))
  })
})

describe('parseAuthParams', () => {
  it('reads Authentication-Info (RFC 9110 section 11.6.3)', () => {
    const params = parseAuthParams('nextnonce="abc", qop=auth, rspauth="0\\"1", cnonce="c", nc=00000001, NC=2')
    expect([...params]).toEqual([
      ['nextnonce', 'abc'],
      ['qop', 'auth'],
      ['rspauth', '0"1'],
      ['cnonce', 'c'],
      ['nc', '00000001'],
    ])
  })

  it('passes over bare words', () => {
    expect([...parseAuthParams('Digest username="u", junk, uri=/a?b=c')]).toEqual([
      ['username', 'u'],
      ['uri', '/a?b=c'],
    ])
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => parseAuthParams(text))
  })
})
