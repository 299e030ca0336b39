import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HTTPError, post, put, Session, UnrewindableBodyError, UsageError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { describe, expect, test } from 'vitest'
import { BodyLengthError, fileBody, sizedBody, urlBody } from '@entreat/toolbelt/body'
import { type Progress, trackDownload, trackUpload } from '@entreat/toolbelt/progress'
import { failure } from '../support/failure.ts'
import { reply, useSite } from '../support/site.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const site = useSite()
const folder = temporaryFolder()
const path = join(folder, 'alphabet')
writeFileSync(path, 'abcdefghij')

async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts
}

describe('fileBody', () => {
  test.each([
    ['all of it', {}, 'abcdefghij'],
    ['from a position', { start: 7 }, 'hij'],
    ['a part', { start: 2, length: 3 }, 'cde'],
    ['nothing', { length: 0 }, ''],
  ])('sends %s, with its length', async (what, options, expected) => {
    const url = site().on(`/file/${what}`, reply(200))
    await put(url, { data: await fileBody(path, options) })
    const seen = site().received(new URL(url).pathname)[0]
    expect([seen?.body.toString(), seen?.header('content-length')]).toEqual([expected, String(expected.length)])
  })

  test('takes a file URL, and a type', async () => {
    const body = await fileBody(pathToFileURL(path), { contentType: 'text/x' })
    expect([body.name, body.length, body.contentType]).toEqual(['alphabet', 10, 'text/x'])
  })

  test.each([
    ['a folder', folder, {}],
    ['a position past the end', path, { start: 11 }],
    ['more than there is', path, { start: 5, length: 6 }],
    ['a fraction', path, { start: 0.5 }],
    ['an unknown option', path, { begin: 1 }],
  ])('refuses %s', async (_what, file, options) => {
    expect(await failure(fileBody(file, options as never))).toBeInstanceOf(UsageError)
  })

  test('gives the error of the system for a file that is not there', async () => {
    expect((await failure(fileBody(join(folder, 'none')))).code).toBe('ENOENT')
  })

  test('fails, and does not hang, when the file is gone by the time it is sent', async () => {
    const short = join(folder, 'short-lived')
    writeFileSync(short, 'x')
    const body = await fileBody(short)
    rmSync(short)
    expect((await failure(post(`${site().url}/upload`, { data: body }))).code).toBe('ENOENT')
  })
})

describe('sizedBody', () => {
  test('sends a stream with a length', async () => {
    await post(site().on('/sized', reply(200)), { data: sizedBody(5, pieces('he', 'llo')) })
    const [seen] = site().received('/sized')
    expect([seen?.body.toString(), seen?.header('content-length'), seen?.header('transfer-encoding')]).toEqual([
      'hello',
      '5',
      null,
    ])
  })

  test.each([
    ['shorter', 6],
    ['longer', 4],
  ])('fails when the stream is %s', async (_what, length) => {
    expect(
      await failure(post(`${site().url}/upload`, { data: sizedBody(length, pieces('he', 'llo')) })),
    ).toBeInstanceOf(BodyLengthError)
  })

  test('can be sent again if it is made of a function, else not', async () => {
    const replayable = sizedBody(2, () => pieces('hi'))
    expect(replayable.isReplayable).toBe(true)
    const once = sizedBody(2, pieces('hi'))
    await post(`${site().url}/upload`, { data: once })
    expect(await failure(post(`${site().url}/upload`, { data: once }))).toBeInstanceOf(UnrewindableBodyError)
  })

  test.each([-1, 1.5, Number.NaN, '5'])('refuses %s as a length', (length) => {
    expect(() => sizedBody(length as number, 'x')).toThrow(UsageError)
  })

  test('refuses content that is known to be of another length', () => {
    expect(() => sizedBody(3, 'four')).toThrow(/has 4 bytes, not 3/)
  })
})

describe('urlBody', () => {
  test('uploads what it downloads, with length and type, twice if asked', async () => {
    const content = seededBytes(200_000).toString('latin1')
    const source = site().on('/source', reply(200, { 'Content-Type': 'x/y' }, content))
    await using session = new Session({ trustEnv: false })
    const body = await urlBody(source, { session })
    const target = site().on('/mirrored', reply(200))
    await session.post(site().on('/mirror', reply(307, { Location: target })), { data: body })
    const [seen] = site().received('/mirrored')
    expect([seen?.header('content-length'), seen?.header('content-type')]).toEqual([
      String(Buffer.byteLength(content)),
      'x/y',
    ])
    expect(seen?.body.toString()).toBe(content)
    expect(
      site()
        .received('/source')
        .map((one) => one.header('accept-encoding')),
    ).toEqual(['identity', 'identity'])
  })

  test('refuses a 404 page', async () => {
    expect(await failure(urlBody(`${site().url}/status/404`))).toBeInstanceOf(HTTPError)
  })

  test.each([
    ['without a length', (): string => `${site().url}/stream/2`, /no Content-Length/],
    ['that is coded', (): string => `${site().url}/gzip`, /coded \(gzip\)/],
  ])('refuses an answer %s', async (_what, url, message) => {
    const error = await failure(urlBody(url()))
    expect(error).toBeInstanceOf(BodyLengthError)
    expect(error.message).toMatch(message)
  })

  test('that is never sent can be closed, and holds no connection', async () => {
    await using session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1 } })
    const body = await urlBody(`${site().url}/download/1000000`, { session })
    body.close()
    expect((await session.get(`${site().url}/get`)).ok).toBe(true)
  })
})

describe('trackUpload', () => {
  test('tells of each piece that was taken, and of the end', async () => {
    const seen: Progress[] = []
    await post(`${site().url}/upload`, { data: trackUpload(seededBytes(200_000), (progress) => seen.push(progress)) })
    expect(seen.map(({ transferred }) => transferred)).toEqual([65_536, 131_072, 196_608, 200_000, 200_000])
    expect(seen.map(({ isDone }) => isDone)).toEqual([false, false, false, false, true])
    expect(seen[0]).toEqual({ transferred: 65_536, total: 200_000, isDone: false, attempt: 1 })
  })

  test('counts attempts, from 0 each', async () => {
    const seen: Progress[] = []
    const target = site().on('/attempts-2', reply(200))
    await post(site().on('/attempts-1', reply(307, { Location: target })), {
      data: trackUpload('hello', (progress) => seen.push(progress)),
    })
    expect(seen.filter(({ isDone }) => isDone)).toEqual([
      { transferred: 5, total: 5, isDone: true, attempt: 1 },
      { transferred: 5, total: 5, isDone: true, attempt: 2 },
    ])
  })

  test('knows no total of a stream', async () => {
    const seen: Progress[] = []
    await post(`${site().url}/upload`, { data: trackUpload(pieces('a', 'b'), (progress) => seen.push(progress)) })
    expect(seen.at(-1)).toEqual({ transferred: 2, total: null, isDone: true, attempt: 1 })
  })
})

describe('trackDownload', () => {
  test('tells of each piece, and of the end', async () => {
    await using session = new Session({ trustEnv: false })
    const response = await session.get(`${site().url}/bytes/100000`, { stream: true })
    const seen: Progress[] = []
    let length = 0
    for await (const piece of trackDownload(response, (progress) => seen.push(progress))) length += piece.length
    expect(length).toBe(100_000)
    expect(seen.at(-1)).toEqual({ transferred: 100_000, total: 100_000, isDone: true, attempt: 1 })
    expect(seen.slice(0, -1).every(({ isDone, total }) => !isDone && total === 100_000)).toBe(true)
  })

  test('knows no total of a coded body', async () => {
    await using session = new Session({ trustEnv: false })
    const response = await session.get(`${site().url}/gzip`, { stream: true })
    const totals = new Set<number | null>()
    for await (const _ of trackDownload(response, ({ total }) => totals.add(total)));
    expect([...totals]).toEqual([null])
  })
})
