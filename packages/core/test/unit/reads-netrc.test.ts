import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import * as fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { parseNetrc, readNetrc } from '../../src/auth/netrc.ts'
import { expectFast, FAMILIES, textOf } from './adversarial.ts'

/** `user:password` for a host, `null` for none, `malformed`. */
function credentials(text: string, host = 'h'): string | null {
  const netrc = parseNetrc(text)
  if (netrc === null) return 'malformed'
  const found = netrc.credentialsFor(host)
  return found === null ? null : `${found.username}:${found.password}`
}

describe('parseNetrc', () => {
  it.each([
    ['machine h login u password p', 'u:p'],
    ['machine h\n\tlogin u\n\tpassword p\n', 'u:p'],
    ['machine h\r\nlogin u\r\npassword p\r\n', 'u:p'],
    ['\ufeffmachine h login u password p', 'u:p'],
    ['machine a login x password y machine h login u password p', 'u:p'],
    ['machine h password p user u', 'u:p'],
    ['machine h login "a b" password "c\\"d"', 'a b:c"d'],
    ['machine h login a\\ b password c\\\\d', 'a b:c\\d'],
    ['machine h login u password p#x', 'u:p#x'],
    ['machine h login u password #p', 'u:#p'],
    ['machine h login u password "open', 'u:open'],
    ['machine h login u password a"b"', 'u:a"b"'],
    ['machine h login u password machine', 'u:machine'],
    ['machine h login u', 'u:'],
    ['machine h password p', ':p'],
    ['machine h account a password p', 'a:p'],
    ['machine h login u account a password p', 'u:p'],
    ['machine h login u password p machine h login v password q', 'v:q'],
    ['default login u password p', 'u:p'],
    ['machine other login x password y default login u password p', 'u:p'],
    ['machine H.example login u password p', null],
    ['machine h login "" password ""', null],
    ['machine h default login u password p', null],
    ['machine default login u password p', null],
    ['', null],
    ['machine h login u password', 'u:'],
  ])('reads %j', (text, expected) => {
    expect(credentials(text)).toBe(expected)
  })

  it.each([
    '# one two\nmachine h login u password p',
    '\n\n# one two\nmachine h login u password p',
    '#one two\nmachine h login u password p',
    '#\nmachine h login u password p',
    'machine h # machine x\nlogin u #y\n\n# z z\npassword p # q r\n#',
  ])('passes over the comments of %j', (text) => {
    expect(credentials(text)).toBe('u:p')
  })

  it('wants an entry before its values', () => {
    expect(credentials('login u password p')).toBe('malformed')
  })

  it('passes over macros up to an empty line', () => {
    expect(credentials('macdef init\ncd /x\nmachine h login no password no\n\nmachine h login u password p')).toBe(
      'u:p',
    )
    expect(credentials('machine h login u password p\nmacdef empty \n\n')).toBe('u:p')
    expect(credentials('machine h login u password p\nmacdef init\ncd /x\n')).toBe('malformed')
  })

  it.each(['bad', 'machine', 'machine h bad', 'machine h login u password p bad', 'macdef', '""'])(
    'counts nothing of a file with %j',
    (text) => {
      expect(credentials(text)).toBe('malformed')
      expect(credentials(`machine h login u password p\n${text}`)).toBe('malformed')
    },
  )

  it('finds a host in any case and brackets, and never one with a port', () => {
    const text = 'machine A.Example login u password p machine ::1 login v password q'
    expect(credentials(text, 'a.EXAMPLE')).toBe('u:p')
    expect(credentials(text, '[::1]')).toBe('v:q')
    expect(credentials(text, 'a.example:80')).toBeNull()
    expect(credentials(text, 'b.a.example')).toBeNull()
    expect(credentials(text, 'example')).toBeNull()
  })

  it('keeps default from a host with an empty entry', () => {
    expect(credentials('machine h login "" default login u password p')).toBeNull()
  })

  it('takes __proto__ for a host like any other', () => {
    expect(credentials('machine __proto__ login u password p', '__proto__')).toBe('u:p')
    expect(credentials('machine h login u password p', 'constructor')).toBeNull()
  })

  it('shows no secret', () => {
    const netrc = parseNetrc('machine h login someone password secret')
    expect(inspect(netrc, { showHidden: true, depth: 9 }) + JSON.stringify(netrc)).not.toMatch(/someone|secret/)
  })

  it('reads back every entry it is given', () => {
    const text = textOf('ab"\\# \n\té')
    fc.assert(
      fc.property(text, text, fc.boolean(), (login, password, quotes) => {
        fc.pre(login !== '' && password !== '')
        const written = (value: string): string =>
          quotes ? `"${value.replace(/["\\]/g, '\\$&')}"` : value.replace(/["\\\s]/g, '\\$&')
        expect(credentials(`machine h login ${written(login)} password ${written(password)}`)).toBe(
          `${login}:${password}`,
        )
      }),
    )
  })

  it('throws for nothing', () => {
    const word = fc.constantFrom(
      'machine',
      'default',
      'login',
      'macdef',
      'password',
      '#',
      '"',
      '\\',
      '\n',
      '\n\n',
      'x',
      ' ',
    )
    fc.assert(fc.property(fc.array(word), (words) => void parseNetrc(words.join(' '))?.credentialsFor('x')))
    fc.assert(fc.property(fc.string(), (text) => void parseNetrc(text)))
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => parseNetrc(text))
    expectFast(() => parseNetrc(`machine h login ${text}`))
    expectFast(() => parseNetrc(`macdef x\n${text}`))
  })

  it('takes linear time on 1 MB of entries and of macros', () => {
    expectFast(() => parseNetrc('machine a login b\n'.repeat(55_000)))
    expectFast(() => parseNetrc('macdef a\nb\n\n'.repeat(83_000)))
  })
})

describe('readNetrc', () => {
  let home: string
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'netrc-'))
  })
  afterEach(() => rmSync(home, { recursive: true }))

  function write(name: string, user: string): string {
    writeFileSync(join(home, name), `machine h login ${user} password p\n`)
    return join(home, name)
  }
  const userOf = (env: NodeJS.ProcessEnv): string | undefined => readNetrc(env)?.credentialsFor('h')?.username

  it('reads ~/.netrc, else ~/_netrc', () => {
    expect(readNetrc({ HOME: home })).toBeNull()
    write('_netrc', 'second')
    expect(userOf({ HOME: home })).toBe('second')
    write('.netrc', 'first')
    expect(userOf({ HOME: home })).toBe('first')
  })

  it('reads the file that NETRC names, and no other', () => {
    write('.netrc', 'home')
    const named = write('mine', 'named')
    expect(userOf({ HOME: home, NETRC: named })).toBe('named')
    expect(userOf({ HOME: home, NETRC: '~/mine' })).toBe('named')
    expect(readNetrc({ HOME: home, NETRC: join(home, 'missing') })).toBeNull()
    expect(readNetrc({ HOME: home, NETRC: '' })).toBeNull()
    expect(readNetrc({ HOME: home, NETRC: `${named}\0` })).toBeNull()
  })

  it('returns null for what is no readable file or malformed', () => {
    mkdirSync(join(home, '.netrc'))
    expect(readNetrc({ HOME: home })).toBeNull()
    const bad = join(home, 'bad')
    writeFileSync(bad, 'machine h login u password p oops')
    expect(readNetrc({ NETRC: bad })).toBeNull()
    const locked = write('locked', 'u')
    chmodSync(locked, 0)
    if (process.getuid?.() !== 0) expect(readNetrc({ NETRC: locked })).toBeNull()
  })

  it('reads bytes that are no UTF-8 as ISO-8859-1', () => {
    const file = join(home, 'latin')
    writeFileSync(file, Buffer.from('machine h login \u00e9 password p', 'latin1'))
    expect(userOf({ NETRC: file })).toBe('\u00e9')
  })

  it('reads a file again only after it changed', () => {
    const file = write('.netrc', 'one')
    const first = readNetrc({ HOME: home })
    expect(readNetrc({ HOME: home })).toBe(first)
    write('.netrc', 'two')
    utimesSync(file, 1, 1)
    expect(userOf({ HOME: home })).toBe('two')
    write('.netrc', 'three')
    utimesSync(file, 1, 1)
    expect(userOf({ HOME: home })).toBe('three')
  })
})
