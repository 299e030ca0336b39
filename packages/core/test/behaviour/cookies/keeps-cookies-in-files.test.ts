import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify, inspect } from 'node:util'
import * as fc from 'fast-check'
import { CookieJar as ToughJar, MemoryCookieStore } from 'tough-cookie'
import { afterAll, describe, expect, it } from 'vitest'
import { CookieJar, CookieStoreError, Request, Session, UsageError } from '@entreat/core'
import { TestServer } from '@entreat/testkit'

const run = promisify(execFile)
const folder = mkdtempSync(join(tmpdir(), 'jars-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0
const fresh = (): string => join(folder, `jar-${++files}`)

const later = new Date(Date.now() + 86_400_000)
const seconds = Math.floor(later.getTime() / 1000)

function jarWithAll(): CookieJar {
  return new CookieJar()
    .set('host', 'only', { url: 'http://e.com/', expires: later })
    .set('domain', 'wide', { domain: 'e.com', path: '/a', expires: later })
    .set('secure', 'x=y', { url: 'https://e.com/', secure: true, httpOnly: true, expires: later })
    .set('empty', '', { url: 'http://e.com/', expires: later })
    .set('session', 'short', { url: 'http://e.com/' })
}

const shown = (jar: CookieJar): string[] =>
  [...jar]
    .map(({ key, value, domain, path, hostOnly, secure, httpOnly }) =>
      [key, value, domain, path, hostOnly, secure, httpOnly].join(' '),
    )
    .toSorted()

async function refusal(work: Promise<unknown>): Promise<CookieStoreError> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof CookieStoreError) return error
  throw new Error('expected a CookieStoreError', { cause: error })
}

describe.each(['json', 'netscape'] as const)('a jar saved as %s', (format) => {
  it('is loaded as it was, with the cookies of the session or without', async () => {
    const path = fresh()
    await jarWithAll().save(path, { format })
    expect(shown(await new CookieJar().load(path))).toEqual(
      shown(jarWithAll()).filter((line) => !line.startsWith('session')),
    )
    await jarWithAll().save(path, { format, keepsSessionCookies: true })
    expect(shown(await new CookieJar().load(path))).toEqual(shown(jarWithAll()))
  })

  it('is a file for its owner alone, also where another one was, and leaves no temporary one', async () => {
    const path = fresh()
    writeFileSync(path, 'old', { mode: 0o644 })
    await jarWithAll().save(path, { format })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('is one of the jars whole, if several are saved at once', async () => {
    const path = fresh()
    const jars = Array.from({ length: 20 }, (_, index) =>
      new CookieJar().set('n', `${index}`.repeat(5000), { url: 'http://e.com/', expires: later }),
    )
    await Promise.all(jars.map((jar) => jar.save(path, { format })))
    const value = (await new CookieJar().load(path)).get('n') ?? ''
    expect(jars.map((jar) => jar.get('n'))).toContain(value)
  })

  it('that cannot be written leaves the old file, and rejects with what the system says', async () => {
    const path = join(folder, 'no-such-folder', 'jar')
    await expect(jarWithAll().save(path, { format })).rejects.toMatchObject({ code: 'ENOENT' })
    expect(existsSync(path)).toBe(false)
  })
})

describe('load()', () => {
  it('adds to the jar, replaces equals, and leaves out what has expired', async () => {
    const path = fresh()
    writeFileSync(path, `e.com\tFALSE\t/\tFALSE\t${seconds}\ta\tnew\ne.com\tFALSE\t/\tFALSE\t1\told\tx\n`)
    const jar = new CookieJar().set('a', 'old', { url: 'http://e.com/' }).set('b', '1', { url: 'http://e.com/' })
    expect(await jar.load(path)).toBe(jar)
    expect(Object.fromEntries(jar.items())).toEqual({ a: 'new', b: '1' })
  })

  it('changes what a Session sends at once', async () => {
    await using server = await TestServer.start({ tls: false })
    await using session = new Session({ trustEnv: false })
    const asked = async (): Promise<unknown> => (await session.get(`${server.url}/cookies`)).json()
    expect(await asked()).toEqual({ cookies: {} })
    const path = fresh()
    writeFileSync(path, `127.0.0.1\tFALSE\t/\tFALSE\t0\twhale\twhite\n`)
    await session.cookies.load(path)
    expect(await asked()).toEqual({ cookies: { whale: 'white' } })
  })

  it.each([
    ['of a session, as Python writes it', 'e.com\tFALSE\t/\tFALSE\t\ta\tb', 'a b e.com / true false false'],
    ['without a value, as Python writes it', `e.com\tFALSE\t/\tFALSE\t${seconds}\t\ta`, ' a e.com / true false false'],
    ['without a name', `e.com\tFALSE\t/\tFALSE\t${seconds}\tb`, ' b e.com / true false false'],
    ['with a fraction of a second', `.e.com\tTRUE\t/\tTRUE\t${seconds}.25\ta\tb`, 'a b e.com / false true false'],
    ['with a port, as wget writes it', `e.com:8080\tFALSE\t/\tFALSE\t${seconds}\ta\tb`, 'a b e.com / true false false'],
    ['that is HttpOnly', `#HttpOnly_.E.com\ttrue\t/x\tfalse\t${seconds}\ta\tb`, 'a b e.com /x false false true'],
    ['of an IPv6 host', `[::1]\tFALSE\t/\tFALSE\t${seconds}\ta\tb`, 'a b [::1] / true false false'],
    ['with tabs in its value', `e.com\tFALSE\t/\tFALSE\t${seconds}\ta\tb\tc`, 'a b\tc e.com / true false false'],
  ])('reads a cookie %s', async (_what, line, expected) => {
    const path = fresh()
    writeFileSync(path, `\ufeff# HTTP Cookie File\r\n\r\n# a comment\r\n${line}\r\n`)
    expect(shown(await new CookieJar().load(path))).toEqual([expected])
  })

  it.each([
    'e.com',
    'e.com FALSE / FALSE 0 secret b',
    'e.com\tMAYBE\t/\tFALSE\t0\tsecret\tb',
    'e.com\tFALSE\t/\tFALSE\tsoon\tsecret\tb',
    '\tFALSE\t/\tFALSE\t0\tsecret\tb',
    'e.com\tFALSE\tpath\tFALSE\t0\tsecret\tb',
  ])('names the file and the line of what is no cookie, without showing it: %j', async (line) => {
    const path = fresh()
    writeFileSync(path, `# Netscape HTTP Cookie File\ne.com\tFALSE\t/\tFALSE\t0\ta\tb\n${line}\n`)
    const jar = new CookieJar()
    const error = await refusal(jar.load(path))
    expect(error.message).toBe(`Line 3 of ${path} is no cookie in Netscape format`)
    expect([inspect(error).includes('secret'), jar.size]).toEqual([false, 0])
  })

  it.each<[text: string, message: RegExp]>([
    ['{"cookies": [\n{"key": "secret"}}', /is no cookie file in JSON: line \d cannot be read$/],
    ['{"cookies": ', /is no cookie file in JSON: line 1 cannot be read$/],
    ['{}', /it has no list of cookies$/],
    ['{"cookies": {}}', /it has no list of cookies$/],
    ['{"cookies": [{"key": "a", "value": "secret", "domain": "e.com"}, 5]}', /^Cookie 2 of a cookie jar in JSON/],
    ['{"cookies": [{"key": "a", "value": "secret"}]}', /^Cookie 1 of a cookie jar in JSON has no name, or no domain$/],
  ])('says what is wrong with %j, without showing it', async (text, message) => {
    const path = fresh()
    writeFileSync(path, text)
    const error = await refusal(new CookieJar().load(path))
    expect(error.message).toMatch(message)
    expect(inspect(error)).not.toContain('secret')
  })

  it('rejects with what the system says of a file that is not there', async () => {
    await expect(new CookieJar().load(fresh())).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('needs a store that is synchronous', async () => {
    class Slow extends MemoryCookieStore {
      override synchronous = false
    }
    const path = fresh()
    await jarWithAll().save(path)
    await refusal(new CookieJar(new ToughJar(new Slow())).load(path))
    await refusal(new CookieJar(new ToughJar(new Slow())).save(path))
    expect(shown(await new CookieJar().load(path)).length).toBe(4)
  })
})

describe('save()', () => {
  it('leaves a cookie out of the Netscape format that would spoil the file for others', async () => {
    const jar = new CookieJar().set('a', 'b\tc', { url: 'http://e.com/', expires: later }).merge(jarWithAll())
    expect(jar.toNetscape()).not.toContain('b\tc')
    const path = fresh()
    await jar.save(path)
    expect((await new CookieJar().load(path)).get('a')).toBe('b\tc')
  })

  it('keeps cookies that belong to no host yet in JSON, and refuses them in Netscape format', async () => {
    const path = fresh()
    const jar = new CookieJar().set('a', '1', { expires: later }).set('b', '2')
    await jar.save(path)
    const loaded = await new CookieJar().load(path)
    expect(loaded.items()).toEqual([['a', '1']])
    await using session = new Session({ baseUrl: 'http://e.com/', trustEnv: false, cookies: loaded })
    await session.prepareRequest(new Request('GET', '/'))
    expect(shown(loaded)).toEqual(['a 1 e.com / true false false'])
    expect((await refusal(jar.save(path, { format: 'netscape' }))).message).toMatch(
      /^Cookie "a" belongs to no host yet/,
    )
  })

  it('refuses what is no format and no option', async () => {
    await expect(new CookieJar().save(fresh(), { format: 'xml' as never })).rejects.toThrow(UsageError)
    await expect(new CookieJar().save(fresh(), { formt: 'json' } as never)).rejects.toThrow(UsageError)
  })
})

it('merge() takes the cookies of jars of both kinds', async () => {
  const tough = new ToughJar()
  await tough.setCookie('t=1', 'http://e.com/')
  const jar = new CookieJar().set('a', '1', { url: 'http://e.com/' })
  jar.merge(tough).merge(new CookieJar().set('a', '2', { url: 'http://e.com/' }).set('later', '3'))
  expect(Object.fromEntries(jar.items())).toEqual({ a: '2', later: '3', t: '1' })
})

it('a Session goes through JSON with its cookies, those of no host too', () => {
  const session = new Session({ cookies: { early: '1' }, maxRedirects: 3, timeout: { read: null } })
  session.cookies.set('a', 'b', { domain: 'e.com' })
  const again = Session.fromJSON(JSON.parse(JSON.stringify(session)) as never)
  expect(Object.fromEntries(again.cookies.items())).toEqual({ early: '1', a: 'b' })
  expect([again.maxRedirects, again.timeout.read]).toEqual([3, null])
})

it('any names and values survive both formats', () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('abc=09_-"%#. é')), maxLength: 12 })
  const name = text.filter((given) => given.trim() === given && given !== '' && !given.includes('='))
  fc.assert(
    fc.property(fc.uniqueArray(fc.tuple(name, text), { selector: ([key]) => key }), (pairs) => {
      const jar = new CookieJar()
      for (const [key, value] of pairs) jar.set(key, value, { url: 'http://e.com/', expires: later })
      expect(shown(CookieJar.fromNetscape(jar.toNetscape()))).toEqual(shown(jar))
      expect(shown(CookieJar.fromJSON(JSON.parse(JSON.stringify(jar)) as never))).toEqual(shown(jar))
    }),
  )
})

it('no text in Netscape format is worse than a CookieStoreError', () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('e./\t\n\r#FALSETRUE0123-: ')) })
  fc.assert(
    fc.property(text, (given) => {
      try {
        CookieJar.fromNetscape(given)
      } catch (error) {
        expect(error).toBeInstanceOf(CookieStoreError)
      }
    }),
  )
})

describe('other programs', () => {
  it('curl sends ours, and we read what it stored', async (ctx) => {
    const hasCurl = await run('curl', ['--version']).catch(() => null)
    if (hasCurl === null) return ctx.skip('curl is not installed')
    await using server = await TestServer.start({ tls: false })
    const [ours, theirs] = [fresh(), fresh()]
    const jar = new CookieJar()
      .set('from', 'entreat', { url: server.url, expires: later })
      .set('hidden', '1', { url: server.url, httpOnly: true })
    await jar.save(ours, { format: 'netscape', keepsSessionCookies: true })
    const url = `${server.url}/cookies/set/whale/white`
    const { stdout } = await run('curl', ['-s', '--noproxy', '*', '-b', ours, '-c', theirs, '-L', url])
    expect(JSON.parse(stdout)).toEqual({ cookies: { from: 'entreat', hidden: '1', whale: 'white' } })
    const read = await new CookieJar().load(theirs)
    expect([read.get('from'), read.get('whale'), read.get('hidden')]).toEqual(['entreat', 'white', '1'])
    expect([...read].find(({ key }) => key === 'hidden')?.httpOnly).toBe(true)
  })

  it('Python\u2019s MozillaCookieJar loads ours, and we load what it saves, cookies of the session too', async (ctx) => {
    const [ours, theirs] = [fresh(), fresh()]
    await jarWithAll().save(ours, { format: 'netscape', keepsSessionCookies: true })
    const script = [
      'import sys, http.cookiejar as c',
      'jar = c.MozillaCookieJar(sys.argv[1]); jar.load(ignore_discard=True, ignore_expires=True)',
      'for x in sorted(jar, key=lambda x: x.name):',
      '  print(x.name, x.value, x.domain, x.path, x.secure, x.has_nonstandard_attr("HTTPOnly"))',
      'jar.set_cookie(c.Cookie(0, "bare", None, None, False, "e.com", True, False, "/", True, False, None, True, None, None, {}))',
      'jar.save(sys.argv[2], ignore_discard=True, ignore_expires=True)',
    ].join('\n')
    const python = await run('python3', ['-c', script, ours, theirs]).catch((error: NodeJS.ErrnoException) => error)
    if ('code' in python && python.code === 'ENOENT') return ctx.skip('python3 is not installed')
    expect('stdout' in python ? python.stdout.trim().split('\n') : python).toEqual([
      'domain wide .e.com /a False False',
      'empty  e.com / False False',
      'host only e.com / False False',
      'secure x=y e.com / True True',
      'session short e.com / False False',
    ])
    const lines = shown(await new CookieJar().load(theirs))
    expect(lines).toEqual([' bare e.com / true false false', ...shown(jarWithAll())].toSorted())
    expect(readFileSync(theirs, 'utf8')).toContain('\t\t\tbare\n')
  })

  it('wget sends ours, and we read what it stored', async (ctx) => {
    const hasWget = await run('wget', ['--version']).catch(() => null)
    if (hasWget === null) return ctx.skip('wget is not installed')
    await using server = await TestServer.start({ tls: false })
    const [ours, theirs, page] = [fresh(), fresh(), fresh()]
    await new CookieJar().set('from', 'entreat', { url: server.url, expires: later }).save(ours, { format: 'netscape' })
    const url = `${server.url}/cookies/set/whale/white`
    const options = ['-q', '--no-proxy', `--load-cookies=${ours}`, `--save-cookies=${theirs}`, '--keep-session-cookies']
    await run('wget', [...options, '-O', page, url])
    expect(JSON.parse(readFileSync(page, 'utf8'))).toEqual({ cookies: { from: 'entreat', whale: 'white' } })
    const read = await new CookieJar().load(theirs)
    expect([read.get('from'), read.get('whale')]).toEqual(['entreat', 'white'])
  })
})
