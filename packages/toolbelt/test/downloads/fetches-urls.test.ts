import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LimitExceededError, Session, UsageError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { download, DownloadError } from '@entreat/toolbelt/downloads'
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

describe('download', () => {
  test('names the file after the response in a folder', async () => {
    const where = folder()
    const url = site().on('/d1', reply(200, { 'Content-Disposition': 'attachment; filename=d.txt' }, 'content'))
    const { path } = await download(url, where, { session })
    expect([path, readFileSync(path, 'utf8'), site().received('/d1').length]).toEqual([
      join(where, 'd.txt'),
      'content',
      1,
    ])
  })

  test('makes a Session of its own', async () => {
    const { path } = await download(`${site().url}/bytes/10`, join(folder(), 'x'))
    expect(readFileSync(path).length).toBe(10)
  })

  test('sends the headers that it is given, but for those that are its own', async () => {
    await download(site().on('/d2', reply(200, {}, 'x')), join(folder(), 'x'), {
      session,
      request: { headers: { 'X-A': 'b', range: 'bytes=1-', 'accept-encoding': 'gzip' } },
    })
    const [seen] = site().received('/d2')
    expect([seen?.header('x-a'), seen?.header('range'), seen?.header('accept-encoding')]).toEqual([
      'b',
      null,
      'identity',
    ])
  })

  test('refuses a second download to the same path', async () => {
    const path = join(folder(), 'x')
    const [first, second] = await Promise.allSettled([
      download(`${site().url}/bytes/100000`, path, { session }),
      download(`${site().url}/bytes/100000`, path, { session }),
    ])
    expect([first.status, second.status]).toEqual(['fulfilled', 'rejected'])
  })

  test('gives up on content that keeps changing', async () => {
    const path = join(folder(), 'x')
    let version = 0
    const url = site().on('/d3', (_request, response) => {
      version++
      // Never what was asked for.
      response
        .writeHead(206, { ETag: `"${version}"`, 'Content-Range': 'bytes 5-9/10', 'Content-Length': 5 })
        .end('56789')
    })
    const error = await failure(download(url, path, { session, backoffMs: 0 }))
    expect([error.code, readdirSync(join(path, '..'))]).toEqual(['ERR_CONTENT_CHANGED', []])
    expect(version).toBeLessThan(10)
  })

  test('goes on asking while a server gives less than it was asked for', async () => {
    const content = seededBytes(5000, 4)
    const url = site().on('/d4', (request, response) => {
      const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      const piece = content.subarray(first, first + 1000)
      const range = `bytes ${first}-${first + piece.length - 1}/5000`
      response.writeHead(206, { ETag: '"v"', 'Content-Range': range, 'Content-Length': piece.length }).end(piece)
    })
    const path = join(folder(), 'x')
    await download(url, path, { session })
    expect(readFileSync(path)).toEqual(content)
  })

  test('refuses more than was announced, and keeps nothing of it', async () => {
    const url = site().on('/d8', (_request, response) => {
      response
        .writeHead(206, { ETag: '"v"', 'Content-Range': 'bytes 0-9/10', 'Content-Length': 100 })
        .end('x'.repeat(100))
    })
    const where = folder()
    const error = await failure(download(url, join(where, 'x'), { session, backoffMs: 0 }))
    expect([error.code, readdirSync(where)]).toEqual(['ERR_DOWNLOAD', []])
  })

  test.each([1, 4])('does not ask for ever for what never comes, in %i segments', async (segments) => {
    let asked = 0
    const url = site().on(`/d9-${segments}`, (request, response) => {
      asked++
      const [, first = '0', last = ''] = /^bytes=(\d+)-(\d*)/.exec(request.headers.range ?? '') ?? []
      const range = `bytes ${first}-${last === '' ? 9_999_999 : last}/10000000`
      response.writeHead(206, { ETag: '"v"', 'Content-Range': range, 'Content-Length': 0 }).end()
    })
    const where = folder()
    const error = await failure(download(url, join(where, 'x'), { session, segments, backoffMs: 0 }))
    expect(error).toBeInstanceOf(DownloadError)
    expect([asked < 20, readdirSync(where)]).toEqual([true, []])
  })

  test('does not go on with a weak ETag (RFC 9110 section 13.1.5)', async () => {
    const path = join(folder(), 'x')
    const ranges: (string | undefined)[] = []
    const url = site().on('/d5', (request, response) => {
      ranges.push(request.headers.range)
      response.writeHead(200, { ETag: 'W/"v"', 'Content-Length': 10 })
      if (ranges.length === 1) response.write('01234', () => response.destroy())
      else response.end('0123456789')
    })
    await download(url, path, { session, backoffMs: 0 })
    expect([ranges, readFileSync(path, 'utf8')]).toEqual([[undefined, undefined], '0123456789'])
  })

  test('leaves nothing of content that is too long, or wrong', async () => {
    const where = folder()
    const url = site().on('/d6', reply(200, { ETag: '"v"' }, 'content'))
    expect(await failure(download(url, join(where, 'x'), { session, maxBytes: 3 }))).toBeInstanceOf(LimitExceededError)
    expect(
      (await failure(download(url, join(where, 'x'), { session, checksum: { algorithm: 'sha1', expected: '00' } })))
        .code,
    ).toBe('ERR_CHECKSUM')
    expect(readdirSync(where)).toEqual([])
  })

  test('follows no link that somebody put where its part belongs', async () => {
    const where = folder()
    writeFileSync(join(where, 'victim'), 'precious')
    symlinkSync(join(where, 'victim'), join(where, 'x.part'))
    expect((await failure(download(`${site().url}/bytes/10`, join(where, 'x'), { session }))).code).toBe('ELOOP')
    expect(readFileSync(join(where, 'victim'), 'utf8')).toBe('precious')
  })

  test('keeps no URL on disk, which may hold secrets', async () => {
    const path = join(folder(), 'x')
    const url = site().on('/d7', (_request, response) => {
      response.writeHead(200, { ETag: '"v"', 'Content-Length': 10 })
      response.write('01234', () => response.destroy())
    })
    await failure(download(`${url}?token=s3cret`, path, { session, retries: 0 }))
    expect(readFileSync(`${path}.part.json`, 'utf8')).not.toContain('s3cret')
  })

  test.each([{ segments: 0 }, { segments: 17 }, { retries: -1 }, { segmnts: 2 }])('refuses %j', async (options) => {
    expect(await failure(download(`${site().url}/get`, folder(), options as never))).toBeInstanceOf(UsageError)
  })
})
