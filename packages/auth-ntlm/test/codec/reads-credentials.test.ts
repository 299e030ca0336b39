import { UsageError } from '@entreat/core'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { NTLMAuth, type NTLMAuthOptions } from '../../src/index.ts'
import { type Credentials, readCredentials } from '../../src/credentials.ts'
import { ntHash } from '../../src/crypto/nt-hash.ts'
import { responseKey } from '../../src/crypto/ntlmv2.ts'

const password = 'pässwörd'

const parts = (credentials: Omit<Credentials, 'password'>): string[] => {
  const { user, domain, workstation } = readCredentials({ ...credentials, password })
  return [user, domain, workstation]
}

describe('a username', () => {
  it.each([
    ['alice', 'alice', ''],
    ['LABDOM\\alice', 'alice', 'LABDOM'],
    ['alice@lab.example.com', 'alice@lab.example.com', ''],
    ['DÖM\\jörg 🐳', 'jörg 🐳', 'DÖM'],
    ['.\\alice', 'alice', '.'],
    ['\\alice', 'alice', ''],
    ['DOM\\al\\ice', 'al\\ice', 'DOM'],
  ])('%s is the user %s of the domain %s', (username, user, domain) => {
    expect(parts({ username })).toEqual([user, domain, ''])
  })

  it('goes with a domain and a workstation', () => {
    expect(parts({ username: 'alice', domain: 'My Dömain', workstation: 'DESK 1' })).toEqual([
      'alice',
      'My Dömain',
      'DESK 1',
    ])
  })

  it('keeps its @ where a domain is given', () => {
    expect(parts({ username: 'alice@example.com', domain: 'LABDOM' })).toEqual(['alice@example.com', 'LABDOM', ''])
  })
})

describe('the key', () => {
  it('is the same by password and by NT hash', () => {
    const hash = ntHash(password)
    const { key } = readCredentials({ username: 'DOM\\alice', password })
    expect(readCredentials({ username: 'DOM\\alice', ntHash: hash }).key).toEqual(key)
    expect(readCredentials({ username: 'DOM\\alice', ntHash: hash.toString('hex').toUpperCase() }).key).toEqual(key)
    expect(readCredentials({ username: 'alice', domain: 'DOM', ntHash: new Uint8Array(hash) }).key).toEqual(key)
  })

  it('may be of an empty password', () => {
    const { key } = readCredentials({ username: 'alice', password: '' })
    expect(key).toEqual(responseKey(Buffer.from('31d6cfe0d16ae931b73c59d7e0c089c0', 'hex'), 'alice', ''))
  })

  it('maps one UTF-16 unit to one, as Windows does', () => {
    const hash = Buffer.alloc(16)
    expect(responseKey(hash, 'straße', '')).not.toEqual(responseKey(hash, 'STRASSE', ''))
    expect(responseKey(hash, 'straße', '')).toEqual(responseKey(hash, 'STRAßE', ''))
    expect(responseKey(hash, 'jörg 🐳', '')).toEqual(responseKey(hash, 'JÖRG 🐳', ''))
  })
})

const wrong: readonly [what: string, options: object, says: RegExp][] = [
  ['no options', {}, /username must be a string, not undefined/],
  ['an empty username', { username: '', password }, /username is empty/],
  ['a domain alone', { username: 'DOM\\', password }, /username is empty/],
  ['a username that is a number', { username: 7, password }, /username must be a string, not number/],
  ['two domains', { username: 'DOM\\alice', domain: 'DOM', password }, /Give one/],
  ['neither password nor hash', { username: 'alice' }, /give password or ntHash, one of them/],
  ['password and hash', { username: 'alice', password, ntHash: '0'.repeat(32) }, /not both/],
  ['a hash of 31 digits', { username: 'alice', ntHash: '0'.repeat(31) }, /16 bytes, or 32 hexadecimal digits/],
  ['a hash of 15 bytes', { username: 'alice', ntHash: Buffer.alloc(15) }, /16 bytes, or 32 hexadecimal digits/],
  ['a hash that is a number', { username: 'alice', ntHash: 16 }, /16 bytes, or 32 hexadecimal digits/],
  ['a password that is null', { username: 'alice', password: null }, /password must be a string, not object/],
  ['an endless workstation', { username: 'alice', password, workstation: 'x'.repeat(2000) }, /longer than 1024/],
  ['other bindings', { username: 'alice', password, channelBindings: true }, /'auto', 'require' or 'off'/],
  ['an origin that is none', { username: 'alice', password, origins: ['intranet'] }, /is no origin/],
  ['an unknown option', { user: 'alice', password }, /no option "user". Did you mean "username"\?/],
]

describe('NTLMAuth', () => {
  it.each(wrong)('refuses %s', (_what, options, says) => {
    expect(() => new NTLMAuth(options as NTLMAuthOptions)).toThrow(UsageError)
    expect(() => new NTLMAuth(options as NTLMAuthOptions)).toThrow(says)
  })

  it('reads own options alone', () => {
    const polluted = Object.assign(Object.create({ ntHash: '0'.repeat(32), domain: 'EVIL' }) as object, {
      username: 'DOM\\alice',
      password,
    })
    expect(() => new NTLMAuth(polluted as NTLMAuthOptions)).not.toThrow()
  })

  it('shows nothing of what it knows', () => {
    const hash = ntHash(password)
    const auth = new NTLMAuth({ username: 'DOM\\alice', password, workstation: 'desk' })
    const shown = [inspect(auth, { depth: 9, showHidden: true }), JSON.stringify(auth)].join('\n')
    for (const secret of [password, 'alice', 'desk', hash.toString('hex'), hash.toString('base64')]) {
      expect(shown).not.toContain(secret)
    }
    expect(JSON.stringify(auth)).toBe('{"scheme":"NTLMAuth"}')
    expect(Object.keys(auth)).not.toContain('password')
  })

  it('shares connections with nobody, not even with the same credentials', () => {
    const [one, other] = [1, 2].map(() => new NTLMAuth({ username: 'alice', password }))
    expect(one?.poolKey).not.toBe(other?.poolKey)
  })
})
