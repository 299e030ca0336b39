import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { HTTPError, LimitExceededError, RequestException, type Response, Session, UsageError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import * as fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  DownloadError,
  filenameOf,
  safeFilename,
  streamToFile,
  tee,
  teeToBuffer,
  teeToFile,
} from '@entreat/toolbelt/downloads'
import { failure } from '../support/failure.ts'
import { reply, useSite } from '../support/site.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const site = useSite()
const root = temporaryFolder()
let session: Session
beforeAll(() => {
  session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 4 } })
})
afterAll(() => session.close())

let folders = 0
function folder(): string {
  const path = join(root, String(++folders))
  mkdirSync(path)
  return path
}

function named(path: string, disposition?: string): Promise<Response> {
  const headers: Record<string, string> =
    disposition === undefined ? {} : { 'Content-Disposition': Buffer.from(disposition).toString('latin1') }
  return session.get(site().on(path, reply(200, headers, 'content')), { stream: true })
}

describe('a safe name', () => {
  test.each<[given: string, safe: string | null]>([
    ['report.pdf', 'report.pdf'],
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\autoexec.bat', 'autoexec.bat'],
    ['/etc/cron.d/x', 'x'],
    ['.bashrc', 'bashrc'],
    ['...', null],
    ['..', null],
    ['', null],
    ['a/', null],
    ['a\0b\r\nc', 'abc'],
    ['con', '_con'],
    ['COM1.txt', '_COM1.txt'],
    ['console.txt', 'console.txt'],
    ['a:b*c?.txt', 'a_b_c_.txt'],
    ['file. . ', 'file'],
    ['gpj.\u202eexe', 'gpj.exe'],
    ['naïve 鯨.txt', 'naïve 鯨.txt'],
    ['\ud800.txt', '_.txt'],
  ])('for %j is %j', (given, safe) => {
    expect(safeFilename(given)).toBe(safe)
  })

  test('may begin with a dot if dotfiles says so', () => {
    expect(safeFilename('.bashrc', { dotfiles: true })).toBe('.bashrc')
    expect(safeFilename('..', { dotfiles: true })).toBe(null)
  })

  test('has 255 bytes at most, and keeps its extension', () => {
    const safe = safeFilename(`${'鯨'.repeat(200)}.tar`) ?? ''
    expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(255)
    expect(safe.endsWith('鯨.tar')).toBe(true)
  })

  test('is one component, whatever was given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (given) => {
        const safe = safeFilename(given)
        if (safe === null) return
        expect(safe).not.toMatch(/[/\\\0-\x1f]|^\.|^\s|[. ]$/)
        expect(join('/folder', safe)).toBe(`/folder/${safe}`)
      }),
      { numRuns: 300 },
    )
  })
})

describe('the name of a response (RFC 6266)', () => {
  test.each<[path: string, disposition: string | undefined, name: string | null]>([
    ['/n1', 'attachment; filename="a b.txt"', 'a b.txt'],
    ['/n2', 'attachment; filename=plain.txt', 'plain.txt'],
    ['/n3', 'Attachment; FileName="x.txt"', 'x.txt'],
    ['/n4', `attachment; filename="x.txt"; filename*=UTF-8''na%C3%AFve.txt`, 'naïve.txt'],
    ['/n5', `attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd`, 'passwd'],
    ['/n6', 'attachment; filename="../../x.sh"', 'x.sh'],
    ['/n7', 'attachment; filename="a\\"b.txt"', 'a_b.txt'],
    ['/n8', 'attachment; filename="naïve.txt"', 'naïve.txt'],
    ['/n9', `attachment; filename="x.txt"; filename*=bogus''y.txt`, 'x.txt'],
    ['/files/n10.bin', 'attachment', 'n10.bin'],
    ['/files/n%2011.bin', undefined, 'n 11.bin'],
    ['/files/n12/', undefined, null],
  ])('%s %s is %s', async (path, disposition, name) => {
    const response = await named(path, disposition)
    expect(filenameOf(response)).toBe(name)
    response.close()
  })
})

describe('streamToFile', () => {
  test('saves under a path', async () => {
    const path = join(folder(), 'x.bin')
    const response = await session.get(`${site().url}/bytes/100000?seed=1`, { stream: true })
    expect(await streamToFile(response, path)).toEqual({ path, bytes: 100_000, checksum: null })
    expect(readFileSync(path).equals(seededBytes(100_000, 1))).toBe(true)
  })

  test('saves decoded content', async () => {
    const path = join(folder(), 'x.json')
    await streamToFile(await session.get(`${site().url}/gzip`, { stream: true }), path)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ gzipped: true })
  })

  test('saves a response that was read before', async () => {
    const path = join(folder(), 'x.bin')
    await streamToFile(await session.get(`${site().url}/bytes/10`), path)
    expect(readFileSync(path).length).toBe(10)
  })

  test('saves in a folder, under the name that the response gives', async () => {
    const where = folder()
    const { path } = await streamToFile(await named('/s1', 'attachment; filename="../../x.sh"'), where)
    expect([path, readdirSync(where)]).toEqual([join(where, 'x.sh'), ['x.sh']])
  })

  test('needs a name', async () => {
    const error = await failure(streamToFile(await named('/s2/'), folder()))
    expect(error).toBeInstanceOf(DownloadError)
    expect(error.code).toBe('ERR_NO_FILENAME')
  })

  test('replaces no file unless overwrite says so, even one that is a broken link', async () => {
    const where = folder()
    writeFileSync(join(where, 'a'), 'old')
    symlinkSync('/nowhere', join(where, 'b'))
    for (const name of ['a', 'b']) {
      const error = await failure(streamToFile(await named('/s3'), join(where, name)))
      expect(error.code).toBe('ERR_FILE_EXISTS')
    }
    expect(readFileSync(join(where, 'a'), 'utf8')).toBe('old')
    await streamToFile(await named('/s3'), join(where, 'a'), { overwrite: true })
    expect(readFileSync(join(where, 'a'), 'utf8')).toBe('content')
  })

  test('does not replace a file that appears while it saves', async () => {
    const path = join(folder(), 'x')
    const onProgress = (): void => writeFileSync(path, 'theirs')
    const error = await failure(streamToFile(await named('/s4'), path, { onProgress }))
    expect([error.code, readFileSync(path, 'utf8')]).toEqual(['ERR_FILE_EXISTS', 'theirs'])
    expect(readdirSync(join(path, '..'))).toEqual(['x'])
  })

  test.each<[what: string, url: () => string]>([
    ['breaks off', () => `${site().url}/truncated`],
    ['is not what its coding says', () => site().on('/s5', reply(200, { 'Content-Encoding': 'gzip' }, 'not gzip'))],
  ])('leaves nothing when the content %s', async (_what, url) => {
    const where = folder()
    await failure(streamToFile(await session.get(url(), { stream: true }), join(where, 'x')))
    expect(readdirSync(where)).toEqual([])
  })

  test('leaves nothing when somebody closes the response meanwhile', async () => {
    const where = folder()
    const response = await session.get(`${site().url}/download/3000000`, { stream: true })
    const error = await failure(streamToFile(response, join(where, 'x'), { onProgress: () => response.close() }))
    expect([error instanceof RequestException, readdirSync(where)]).toEqual([true, []])
    const other = await session.get(`${site().url}/download/3000000`, { stream: true })
    const read = async (): Promise<void> => {
      for await (const _ of teeToFile(other, join(where, 'y'))) other.close()
    }
    await failure(read())
    expect(readdirSync(where)).toEqual([])
  })

  test('refuses a 404 page', async () => {
    const where = folder()
    expect(
      await failure(streamToFile(await session.get(`${site().url}/status/404`, { stream: true }), where)),
    ).toBeInstanceOf(HTTPError)
    expect(readdirSync(where)).toEqual([])
  })

  test('checks a checksum before the file appears', async () => {
    const where = folder()
    const sha256 = 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73'
    const right = await streamToFile(await named('/s6'), join(where, 'a'), {
      checksum: { algorithm: 'sha256', expected: sha256.toUpperCase() },
    })
    expect(right.checksum).toBe(sha256)
    const error = await failure(
      streamToFile(await named('/s6'), join(where, 'b'), { checksum: { algorithm: 'md5', expected: '00' } }),
    )
    expect([error.code, readdirSync(where)]).toEqual(['ERR_CHECKSUM', ['a']])
  })

  test('stops at maxBytes', async () => {
    const where = folder()
    const response = await session.get(`${site().url}/download/1000000`, { stream: true })
    expect(await failure(streamToFile(response, join(where, 'x'), { maxBytes: 1000 }))).toBeInstanceOf(
      LimitExceededError,
    )
    expect(readdirSync(where)).toEqual([])
  })

  test.each([
    { overwrit: true },
    { checksum: { algorithm: 'sha257' } },
    { checksum: { algorithm: 'md5', expected: 'xyz' } },
    { maxBytes: -1 },
  ])('refuses %j, and closes the response', async (options) => {
    const response = await named('/s7')
    expect(await failure(streamToFile(response, join(folder(), 'x'), options as never))).toBeInstanceOf(UsageError)
    expect(await response.read()).toEqual(Buffer.alloc(0))
  })
})

describe('tee', () => {
  const expected = seededBytes(300_000, 2)
  const start = (): Promise<Response> => session.get(`${site().url}/bytes/300000?seed=2`, { stream: true })

  async function joined(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
    const all: Buffer[] = []
    for await (const piece of pieces) all.push(piece)
    return Buffer.concat(all)
  }

  test('writes to a stream what it yields, and leaves it open', async () => {
    const sink = new PassThrough()
    const seen: Buffer[] = []
    sink.on('data', (piece: Buffer) => seen.push(piece))
    expect((await joined(tee(await start(), sink))).equals(expected)).toBe(true)
    expect([Buffer.concat(seen).equals(expected), sink.writableEnded]).toEqual([true, false])
  })

  test('waits for a stream that is full', async () => {
    let most = 0
    const slow = new Writable({ highWaterMark: 1, write: (_piece, _encoding, done) => void setImmediate(done) })
    for await (const piece of tee(await start(), slow, { chunkSize: 10_000 }))
      most = Math.max(most, slow.writableLength - piece.length)
    expect(most).toBeLessThanOrEqual(0)
  })

  test('fails with the error of the stream, also while it waits', async () => {
    const own = new Error('disk full')
    const failing = new Writable({
      highWaterMark: 1,
      write: (_piece, _encoding, done) => void setImmediate(() => done(own)),
    })
    expect(await failure(joined(tee(await start(), failing)))).toBe(own)
  })

  test('refuses what is no stream, or has ended', async () => {
    expect(await failure(joined(tee(await start(), 'x' as never)))).toBeInstanceOf(UsageError)
    const ended = new PassThrough()
    ended.end()
    expect(await failure(joined(tee(await start(), ended)))).toBeInstanceOf(UsageError)
  })

  test('writes to a file, which appears at the end', async () => {
    const path = join(folder(), 'x')
    for await (const _ of teeToFile(await start(), path)) expect(existsSync(path)).toBe(false)
    expect(readFileSync(path).equals(expected)).toBe(true)
  })

  test('leaves no file when the loop is left', async () => {
    const where = folder()
    for await (const _ of teeToFile(await start(), join(where, 'x'), { chunkSize: 1000 })) break
    expect(readdirSync(where)).toEqual([])
  })

  test('keeps pieces in memory that are not those it yields', async () => {
    const pieces: Uint8Array[] = []
    for await (const piece of teeToBuffer(await start(), pieces)) piece.fill(0)
    expect(Buffer.concat(pieces).equals(expected)).toBe(true)
  })
})
