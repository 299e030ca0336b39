import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { CookieJar, CookieStoreError, Session, UsageError } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { formatNetscapeCookies, loadCookies, parseNetscapeCookies, saveCookies } from '@entreat/toolbelt/cookies'
import { temporaryFolder } from '../support/temporary-folder.ts'

const run = promisify(execFile)
const folder = temporaryFolder()
const later = new Date(Date.now() + 86_400_000)
const seconds = Math.floor(later.getTime() / 1000)

function jarWithAll(): CookieJar {
  return new CookieJar()
    .set('host', 'only', { url: 'http://e.com/', expires: later })
    .set('domain', 'wide', { domain: 'e.com', path: '/a', expires: later })
    .set('secure', 'x=y', { url: 'https://e.com/', secure: true, httpOnly: true, expires: later })
    .set('session', 'short', { url: 'http://e.com/' })
}

const shown = (jar: CookieJar): string[] =>
  [...jar]
    .map(({ key, value, domain, path, hostOnly, secure, httpOnly }) =>
      [key, value, domain, path, hostOnly, secure, httpOnly].join(' '),
    )
    .toSorted()

test.each(['json', 'netscape'] as const)(
  '%s gives back what was kept, without cookies of the session',
  async (format) => {
    const path = join(folder, `cookies.${format}`)
    await saveCookies(jarWithAll(), path, { format })
    const jar = await loadCookies(path)
    expect(shown(jar)).toEqual(shown(jarWithAll()).filter((line) => !line.startsWith('session')))
    await saveCookies(jarWithAll(), path, { format, keepsSessionCookies: true })
    expect(shown(await loadCookies(path))).toEqual(shown(jarWithAll()))
  },
)

test('writes for the owner alone, and leaves no temporary file', async () => {
  const path = join(folder, 'private.json')
  await saveCookies(jarWithAll(), path)
  expect(statSync(path).mode & 0o077).toBe(0)
  expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
})

test('writes the Netscape format line by line', () => {
  const [header, empty, ...lines] = formatNetscapeCookies(jarWithAll()).split('\n')
  expect([header, empty]).toEqual(['# Netscape HTTP Cookie File', ''])
  expect(new Set(lines)).toEqual(
    new Set([
      `e.com\tFALSE\t/\tFALSE\t${seconds}\thost\tonly`,
      `#HttpOnly_e.com\tFALSE\t/\tTRUE\t${seconds}\tsecure\tx=y`,
      'e.com\tFALSE\t/\tFALSE\t0\tsession\tshort',
      `.e.com\tTRUE\t/a\tFALSE\t${seconds}\tdomain\twide`,
      '',
    ]),
  )
})

test('a Session goes on where another one stopped', async () => {
  const server = await TestServer.start({ tls: false })
  const path = join(folder, 'session.txt')
  const first = new Session({ trustEnv: false })
  await first.get(`${server.url}/cookies/set/whale/white`)
  await saveCookies(first.cookies, path, { format: 'netscape', keepsSessionCookies: true })
  const second = new Session({ trustEnv: false, cookies: await loadCookies(path) })
  expect((await second.get(`${server.url}/cookies`)).json()).toEqual({ cookies: { whale: 'white' } })
  await Promise.all([first.close(), second.close()])
  await server.close()
})

test('curl reads ours, and we read curl\u2019s', async (ctx) => {
  const hasCurl = await run('curl', ['--version']).catch(() => null)
  if (hasCurl === null) return ctx.skip('curl is not installed')
  const server = await TestServer.start({ tls: false })
  const [ours, theirs] = [join(folder, 'ours.txt'), join(folder, 'theirs.txt')]
  const jar = new CookieJar().set('from', 'entreat', { url: server.url, expires: later })
  await saveCookies(jar, ours, { format: 'netscape' })
  const { stdout } = await run('curl', [
    '-s',
    '--noproxy',
    '*',
    '-b',
    ours,
    '-c',
    theirs,
    '-L',
    `${server.url}/cookies/set/whale/white`,
  ])
  expect(JSON.parse(stdout)).toEqual({ cookies: { from: 'entreat', whale: 'white' } })
  const read = await loadCookies(theirs)
  expect([read.get('from'), read.get('whale')]).toEqual(['entreat', 'white'])
  return server.close()
})

test('Python\u2019s MozillaCookieJar reads ours, and we read its', async (ctx) => {
  const [ours, theirs] = [join(folder, 'for-python.txt'), join(folder, 'from-python.txt')]
  await saveCookies(jarWithAll(), ours, { format: 'netscape' })
  const script = [
    'import sys, http.cookiejar as c',
    'jar = c.MozillaCookieJar(sys.argv[1]); jar.load()',
    'print(sorted((x.name, x.value, x.domain, x.path, x.secure) for x in jar))',
    'jar.save(sys.argv[2])',
  ].join('\n')
  const python = await run('python3', ['-c', script, ours, theirs]).catch((error: NodeJS.ErrnoException) => error)
  if ('code' in python && python.code === 'ENOENT') return ctx.skip('python3 is not installed')
  expect('stdout' in python && python.stdout).toContain("('host', 'only', 'e.com', '/', False)")
  expect((await loadCookies(theirs)).get('domain')).toBe('wide')
  return undefined
})

test('leaves out what has expired, comments and empty lines', () => {
  const text = `# comment\r\n\r\ne.com\tFALSE\t/\tFALSE\t1\told\tx\r\ne.com\tFALSE\t/\tFALSE\t${seconds}\tnew\ty\r\n`
  expect([...parseNetscapeCookies(text)].map(({ key }) => key)).toEqual(['new'])
})

test.each([
  'e.com',
  'e.com FALSE / FALSE 0 a b',
  'e.com\tMAYBE\t/\tFALSE\t0\ta\tb',
  'e.com\tFALSE\t/\tFALSE\tsoon\ta\tb',
  '\tFALSE\t/\tFALSE\t0\ta\tb',
  'e.com\tFALSE\tpath\tFALSE\t0\ta\tb',
])('names a line that is no cookie, without showing it: %j', (line) => {
  const text = `# Netscape HTTP Cookie File\n${line}\n`
  expect(() => parseNetscapeCookies(text)).toThrow(
    new CookieStoreError('Line 2 of the cookie file is no cookie in Netscape format'),
  )
})

test('a file in neither format is an error', async () => {
  const path = join(folder, 'broken')
  writeFileSync(path, '{"cookies": ')
  await expect(loadCookies(path)).rejects.toThrow(CookieStoreError)
  await expect(loadCookies(join(folder, 'absent'))).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(saveCookies(new CookieJar(), path, { format: 'xml' as never })).rejects.toThrow(UsageError)
  expect(readFileSync(path, 'utf8')).toBe('{"cookies": ')
})

test('any names and values survive the Netscape format', () => {
  const text = fc.string({ unit: fc.constantFrom(...Array.from('abc=09_-"%#.')), maxLength: 12 })
  fc.assert(
    fc.property(
      fc.uniqueArray(
        fc.tuple(
          text.filter((name) => name !== '' && !name.includes('=')),
          text,
        ),
        { selector: ([name]) => name },
      ),
      (pairs) => {
        const jar = new CookieJar()
        for (const [name, value] of pairs) jar.set(name, value, { url: 'http://e.com/', expires: later })
        expect(shown(parseNetscapeCookies(formatNetscapeCookies(jar)))).toEqual(shown(jar))
      },
    ),
  )
})
