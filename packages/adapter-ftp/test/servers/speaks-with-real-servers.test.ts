import { execFileSync } from 'node:child_process'
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type FTPEntry, type FTPResponse, type FTPSession, ftpSession } from '@entreat/adapter-ftp'
import { ChunkedEncodingError, HTTPError, type RequestException } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { credentials, Lab, missing } from '../support/lab.ts'

let lab: Lab | null = null
const urls: Record<string, string> = {}
const sessions: FTPSession[] = []

beforeAll(async () => {
  if (missing !== null) return
  lab = new Lab()
  const [vsftpd, proftpd, pureftpd] = [
    await lab.vsftpd(),
    await lab.proftpd(),
    await lab.pureftpd({ quotaMegabytes: 8 }),
  ]
  urls['vsftpd'] = `ftp://127.0.0.1:${vsftpd.port}`
  urls['ProFTPD'] = `ftp://127.0.0.1:${proftpd.port}`
  urls['ProFTPD, slow'] = `ftp://127.0.0.1:${proftpd.slowPort}`
  urls['Pure-FTPd'] = `ftp://127.0.0.1:${pureftpd.port}`
}, 30_000)
afterAll(async () => {
  for (const session of sessions) await session.close()
  await lab?.close()
})
beforeEach((context) => {
  if (missing !== null) context.skip(missing)
})

function open(auth: readonly [string, string] | null = credentials): FTPSession {
  const session = ftpSession({ auth, trustEnv: false, timeout: 10_000 })
  sessions.push(session)
  return session
}

function home(name = ''): string {
  return join(lab?.home ?? '', name)
}

/** A file that the user may change. */
function write(name: string, content: string | Uint8Array): void {
  writeFileSync(home(name), content)
  chownSync(home(name), ...((lab as Lab).owner as [number, number]))
}

describe.each(['vsftpd', 'ProFTPD', 'Pure-FTPd'])('%s', (name) => {
  let session: FTPSession
  let url: string

  beforeAll(() => {
    session = open()
    url = urls[name] ?? ''
  })

  test('reads a file, with its length', async () => {
    const response = await session.get(`${url}/small.txt`)
    expect([response.statusCode, response.text, response.headers.get('content-length')]).toEqual([
      200,
      'hello ftp\n',
      '10',
    ])
    expect((response as FTPResponse).replyCode).toBe(150)
  })

  test('reads an empty file', async () => {
    expect((await session.get(`${url}/empty.bin`)).content.length).toBe(0)
  })

  test('reads names with spaces and letters of any script, encoded or not', async () => {
    expect((await session.get(`${url}/with%20space.txt`)).text).toBe('sp\n')
    expect((await session.get(`${url}/na%C3%AFve-%E6%97%A5%E6%9C%AC.txt`)).text).toBe('snow ☃\n')
    expect((await session.get(`${url}/naïve-日本.txt`)).text).toBe('snow ☃\n')
  })

  test('tells size and date by HEAD', async () => {
    const { headers, content } = await session.head(`${url}/small.txt`)
    expect([headers.get('content-length'), content.length, headers.get('accept-ranges')]).toEqual(['10', 0, 'bytes'])
    const modified = Date.parse(headers.get('last-modified') ?? '')
    expect(Math.abs(modified - Date.now())).toBeLessThan(600_000)
    expect(await session.size(`${url}/small.txt`)).toBe(10)
    expect((await session.mdtm(`${url}/small.txt`))?.getTime()).toBe(modified)
  })

  test.each([
    ['bytes=6-7', 206, 'ft', 'bytes 6-7/10'],
    ['bytes=6-', 206, 'ftp\n', 'bytes 6-9/10'],
    ['bytes=-4', 206, 'ftp\n', 'bytes 6-9/10'],
    ['bytes=6-500', 206, 'ftp\n', 'bytes 6-9/10'],
    ['bytes=0-1,4-5', 200, 'hello ftp\n', null],
    ['bytes=10-', 416, '', 'bytes */10'],
  ])('answers Range: %s with %i', async (range, statusCode, text, contentRange) => {
    const response = await session.get(`${url}/small.txt`, { headers: { Range: range } })
    expect([response.statusCode, response.text, response.headers.get('content-range')]).toEqual([
      statusCode,
      text,
      contentRange,
    ])
  })

  test('a missing file is a 404 with the server’s words, again and again on one connection', async () => {
    // Pure-FTPd takes longer for each.
    for (let count = 0; count < (name === 'Pure-FTPd' ? 2 : 10); count++) {
      const response = await session.get(`${url}/missing.txt`)
      expect(response.statusCode).toBe(404)
      expect(response.reason).not.toBe('')
      expect(response.text).toBe(`550 ${response.reason}\n`)
    }
    expect(((await session.get(`${url}/small.txt`)) as FTPResponse).transcript[0]).toBe('> SIZE small.txt')
  })

  test('lists a directory, by LIST, NLST and what GET finds best', async () => {
    const byName = (entries: FTPEntry[]): Record<string, FTPEntry> =>
      Object.fromEntries(entries.map((entry) => [entry.name, entry]))
    for (const entries of [await session.list(`${url}/`), await session.entries(`${url}/`)]) {
      const found = byName(entries)
      expect(found['small.txt']).toMatchObject({ type: 'file', size: 10 })
      expect(found['sub']?.type).toBe('directory')
      expect(found['naïve-日本.txt']?.type).toBe('file')
      expect(found['.']).toBeUndefined()
    }
    expect(await session.nlst(`${url}/sub/`)).toEqual(['x'])
    expect((await session.get(`${url}/sub`)).json<FTPEntry[]>()[0]?.name).toBe('x')
    expect((await session.get(`${url}/sub;type=d`)).json()).toEqual(['x'])
    const text = await session.request('LIST', `${url}/sub/`, { headers: { Accept: 'text/plain' } })
    expect(text.text).toMatch(/^-rw-r--r--.* x\r\n$/)
    expect((await session.request('LIST', `${url}/none/`)).statusCode).toBe(404)
  })

  test('lists by MLSD, or says that the server has none', async () => {
    const response = await session.request('MLSD', `${url}/sub/`)
    if (name === 'vsftpd') expect(response.statusCode).toBe(501)
    else expect(response.json<FTPEntry[]>()).toMatchObject([{ name: 'x', type: 'file', size: 1 }])
  })

  test('writes, appends, goes on, and removes', async () => {
    const there = `${url}/written-${name}.bin`
    const bytes = Buffer.from(seededBytes(300_000, 5))
    expect((await session.put(there, { data: bytes })).statusCode).toBe(201)
    expect(readFileSync(home(`written-${name}.bin`)).equals(bytes)).toBe(true)
    await session.appe(there, 'and more')
    expect(await session.size(there)).toBe(300_008)
    await session.put(there, { data: 'AND', headers: { 'Content-Range': 'bytes 300000-/*' } })
    expect((await session.get(there, { headers: { Range: 'bytes=299999-' } })).content.subarray(1, 4).toString()).toBe(
      'AND',
    )
    const tooFar = await session.put(there, { data: 'x', headers: { 'Content-Range': 'bytes 999999-/*' } })
    expect(tooFar.statusCode).toBe(416)
    expect((await session.delete(there)).statusCode).toBe(204)
    expect((await session.delete(there)).statusCode).toBe(404)
  })

  test('writes under another name first where it is to be atomic', async () => {
    const seen: string[] = []
    const data = async function* (): AsyncGenerator<string, void, undefined> {
      yield 'the beginning, '
      seen.push(...readdirSync(home()).filter((file) => file.includes(`atomic-${name}`)))
      yield 'and the end'
    }
    await session.stor(`${url}/atomic-${name}.txt`, data(), { atomic: true })
    expect(readFileSync(home(`atomic-${name}.txt`), 'utf8')).toBe('the beginning, and the end')
    expect(seen.every((file) => file.endsWith('.part'))).toBe(true)
    const failing = async function* (): AsyncGenerator<string, void, undefined> {
      yield 'half of it'
      throw new Error('out of data')
    }
    const failed = session.stor(`${url}/atomic-${name}.txt`, failing(), { atomic: true })
    await expect(failed).rejects.toThrow('out of data')
    await session.get(`${url}/small.txt`)
    expect(readFileSync(home(`atomic-${name}.txt`), 'utf8')).toBe('the beginning, and the end')
  })

  test('makes, renames and removes directories and files', async () => {
    await session.mkd(`${url}/made-${name}`)
    expect((await session.request('MKCOL', `${url}/made-${name}`)).statusCode).toBe(409)
    await session.stor(`${url}/made-${name}/a b.txt`, 'x')
    await session.rename(`${url}/made-${name}/a b.txt`, `/made-${name}/%C3%A9.txt`)
    expect(await session.nlst(`${url}/made-${name}/`)).toEqual(['é.txt'])
    await session.rename(`${url}/made-${name}`, `${url}/moved-${name}`)
    await session.dele(`${url}/moved-${name}/%C3%A9.txt`)
    await session.rmd(`${url}/moved-${name}`)
    await expect(session.rmd(`${url}/moved-${name}`)).rejects.toBeInstanceOf(HTTPError)
    expect(existsSync(home(`moved-${name}`))).toBe(false)
  })

  test('turns line ends over where the URL says that it is text', async () => {
    expect((await session.get(`${url}/lf.txt;type=a`)).text).toBe('line1\nline2\nline3\n')
    await session.put(`${url}/text-${name}.txt;type=a`, { data: 'one\ntwo\r\nthree' })
    expect(readFileSync(home(`text-${name}.txt`), 'utf8')).toBe('one\ntwo\nthree')
  })

  test('active mode works as well', async () => {
    const active = ftpSession({ auth: credentials, trustEnv: false, ftp: { mode: 'active' } })
    sessions.push(active)
    expect((await active.get(`${url}/small.txt`)).text).toBe('hello ftp\n')
    await active.put(`${url}/active-${name}.txt`, { data: 'sent' })
    expect((await active.get(`${url}/active-${name}.txt`)).text).toBe('sent')
    expect((await active.get(`${url}/missing`)).statusCode).toBe(404)
  })

  test('a body that is given up leaves its connection usable, and uploads that break off are not taken for whole', async () => {
    write(`large-${name}.bin`, seededBytes(1 << 22, 3))
    const response = await session.get(`${url}/large-${name}.bin`, { stream: true })
    await response.iterContent().next()
    response.close()
    expect((await session.get(`${url}/small.txt`)).text).toBe('hello ftp\n')
    const controller = new AbortController()
    const reason = new Error('enough')
    const data = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
      yield seededBytes(1000, 1)
      controller.abort(reason)
      yield seededBytes(1000, 2)
    }
    await expect(session.put(`${url}/broken-${name}.bin`, { data: data(), signal: controller.signal })).rejects.toBe(
      reason,
    )
    expect((await session.get(`${url}/small.txt`)).text).toBe('hello ftp\n')
  })

  test('files go up and come down through memory that serves again, byte for byte, in passive and active mode', async () => {
    const content = Buffer.from(seededBytes(7_000_001, 5))
    const folder = mkdtempSync(join(tmpdir(), 'entreat-lending-'))
    const [source, target] = [join(folder, 'source.bin'), join(folder, 'target.bin')]
    writeFileSync(source, content)
    for (const mode of ['passive', 'active'] as const) {
      const other = ftpSession({ auth: credentials, trustEnv: false, timeout: 10_000, ftp: { mode } })
      await other.upload(source, `${url}/lent-${name}.bin`)
      expect(readFileSync(home(`lent-${name}.bin`)).equals(content)).toBe(true)
      await other.download(`${url}/lent-${name}.bin`, target)
      expect(readFileSync(target).equals(content)).toBe(true)
      await other.dele(`${url}/lent-${name}.bin`)
      await other.close()
    }
    rmSync(folder, { recursive: true })
  })

  test('serves 32 requests at once, each with its own bytes', async () => {
    const several = open()
    // Pure-FTPd queues nine connections that it has not accepted.
    several.limits = { connectionsPerOrigin: name === 'Pure-FTPd' ? 8 : 32 }
    for (let index = 0; index < 32; index++) write(`many-${index}.bin`, seededBytes(50_000 + index, index))
    const all = await Promise.all(Array.from({ length: 32 }, (_, index) => several.get(`${url}/many-${index}.bin`)))
    for (const [index, { content }] of all.entries())
      expect(content.equals(seededBytes(50_000 + index, index))).toBe(true)
    await several.close()
  })
})

test('a wrong password is a 401 that says how to sign in, without the password', async () => {
  for (const name of ['vsftpd', 'ProFTPD']) {
    const response = (await open(['alice', 'wr0ng-pass']).get(`${urls[name]}/small.txt`)) as FTPResponse
    expect([response.statusCode, response.headers.get('www-authenticate')]).toEqual([401, 'Basic realm="FTP"'])
    expect(response.transcript).toContain('> PASS ***')
    expect(JSON.stringify([response.transcript, response.text, response.reason])).not.toContain('wr0ng-pass')
  }
})

test('nobody is anonymous', async () => {
  for (const name of ['vsftpd', 'ProFTPD']) {
    const anonymous = open(null)
    expect((await anonymous.get(`${urls[name]}/pub/small.txt`)).text).toBe('hello ftp\n')
    expect((await anonymous.put(`${urls[name]}/pub/new.txt`, { data: 'x' })).statusCode).toBeGreaterThanOrEqual(400)
  }
})

test('user and password may come with the URL, and may hold a colon', async () => {
  const session = open(null)
  const [user, password] = credentials
  const url = (urls['vsftpd'] ?? '').replace('://', `://${user}:${password}@`)
  expect((await session.get(`${url}/small.txt`)).text).toBe('hello ftp\n')
  const wrong = (urls['vsftpd'] ?? '').replace('://', `://${user}:${password}%3Amore@`)
  expect((await session.get(`${wrong}/small.txt`)).statusCode).toBe(401)
})

test('a server with an IPv6 address is spoken to as any other', async (context) => {
  const extra = { listen: 'NO', listen_ipv6: 'YES', listen_address6: '::1' }
  const server = await (lab as Lab).vsftpd({ extra, host: '::1' }).catch(() => null)
  if (server === null) return context.skip('the machine has no IPv6 loopback')
  const session = open()
  expect((await session.get(`ftp://[::1]:${server.port}/small.txt`)).text).toBe('hello ftp\n')
  const active = ftpSession({ auth: credentials, trustEnv: false, ftp: { mode: 'active' } })
  sessions.push(active)
  expect((await active.get(`ftp://[::1]:${server.port}/small.txt`)).text).toBe('hello ftp\n')
})

test('a full disk is a 507', async () => {
  const session = open()
  const response = await session.put(`${urls['Pure-FTPd']}/too-large.bin`, { data: Buffer.alloc(16 * 1024 * 1024) })
  expect([response.statusCode, (response as FTPResponse).replyCode]).toEqual([507, 552])
  expect((await session.get(`${urls['Pure-FTPd']}/small.txt`)).text).toBe('hello ftp\n')
})

test('a listing of 10,000 entries comes whole', async () => {
  mkdirSync(home('crowd'))
  execFileSync('sh', ['-c', "seq -f 'file %g.txt' 0 9999 | tr '\\n' '\\0' | xargs -0 touch"], { cwd: home('crowd') })
  const session = open()
  for (const name of ['vsftpd', 'ProFTPD']) {
    const entries = await session.entries(`${urls[name]}/crowd/`)
    expect(new Set(entries.map((entry) => entry.name)).size).toBe(10_000)
  }
}, 30_000)

test('a slow server is read at its own pace', async () => {
  write('slow.bin', seededBytes(250_000, 8))
  const response = await open().get(`${urls['ProFTPD, slow']}/slow.bin`)
  expect(response.content.equals(seededBytes(250_000, 8))).toBe(true)
})

test('a kept connection that the server has closed meanwhile is replaced without a word', async () => {
  const server = await (lab as Lab).vsftpd({ extra: { idle_session_timeout: 1 } })
  const session = open()
  const url = `ftp://127.0.0.1:${server.port}/small.txt`
  expect((await session.get(url)).text).toBe('hello ftp\n')
  const closed = Date.now() + 2500
  while (Date.now() < closed) await new Promise((resolve) => setTimeout(resolve, 100))
  expect((await session.get(url)).text).toBe('hello ftp\n')
})

test('a server that is killed in the middle is an error at once, and the session goes on', async () => {
  const server = await (lab as Lab).vsftpd({ extra: { local_max_rate: 100_000 } })
  const session = open()
  write('long.bin', '')
  truncateSync(home('long.bin'), 1 << 26)
  const response = await session.get(`ftp://127.0.0.1:${server.port}/long.bin`, { stream: true })
  await response.iterContent().next()
  await server.stop('SIGKILL')
  const error = await response.read().catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(ChunkedEncodingError)
  expect((error as RequestException).responseStarted).toBe(true)
  expect((await session.get(`${urls['vsftpd']}/small.txt`)).text).toBe('hello ftp\n')
}, 20_000)
