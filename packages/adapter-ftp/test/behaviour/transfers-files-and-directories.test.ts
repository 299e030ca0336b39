import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type DirectoryProgress, type FTPSession, ftpSession, type TransferProgress } from '@entreat/adapter-ftp'
import { ChunkedEncodingError, HTTPError, UsageError } from '@entreat/core'
import { seededBytes, TestFTPServer } from '@entreat/testkit'

let server: TestFTPServer
let session: FTPSession
let folder: string
/** Bytes after which the next download breaks off. */
let breaksAfter: number | null = null

beforeEach(async () => {
  breaksAfter = null
  folder = mkdtempSync(join(tmpdir(), 'entreat-transfers-'))
  server = await TestFTPServer.start({
    intercept: async ({ verb, argument }, conversation) => {
      if (verb !== 'RETR' || breaksAfter === null) return false
      const data = await conversation.openData()
      data.end(conversation.files.read(`/${argument}`)?.subarray(0, breaksAfter) ?? '')
      breaksAfter = null
      conversation.reply('426 broken')
      return true
    },
  })
  session = ftpSession({ trustEnv: false })
})
afterEach(async () => {
  await session.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

function here(name: string): string {
  return join(folder, name)
}

test('downloads a file and tells how far it is', async () => {
  const content = Buffer.from(seededBytes(3_000_000, 1))
  server.files.write('/a.bin', content)
  const seen: TransferProgress[] = []
  const onProgress = (progress: TransferProgress): void => void seen.push(progress)
  expect(await session.download(`${server.url}/a.bin`, here('a.bin'), { onProgress })).toEqual({
    bytes: 3_000_000,
    offset: 0,
  })
  expect(readFileSync(here('a.bin')).equals(content)).toBe(true)
  expect(seen.at(-1)).toEqual({ bytes: 3_000_000, totalBytes: 3_000_000 })
  expect(existsSync(here('a.bin.part'))).toBe(false)
})

test('a download that broke off goes on where it ended', async () => {
  const content = Buffer.from(seededBytes(500_000, 2))
  server.files.write('/a.bin', content)
  breaksAfter = 200_000
  const url = `${server.url}/a.bin`
  await expect(session.download(url, here('a.bin'))).rejects.toBeInstanceOf(ChunkedEncodingError)
  expect(existsSync(here('a.bin'))).toBe(false)
  const kept = readFileSync(here('a.bin.part')).length
  expect(kept).toBeGreaterThan(0)
  const seen: TransferProgress[] = []
  const onProgress = (progress: TransferProgress): void => void seen.push(progress)
  const result = await session.download(url, here('a.bin'), { resume: true, onProgress })
  expect(result).toEqual({ bytes: 500_000 - kept, offset: kept })
  expect(seen.at(-1)).toEqual({ bytes: 500_000, totalBytes: 500_000 })
  expect(readFileSync(here('a.bin')).equals(content)).toBe(true)
})

test('a part that is whole already is only renamed, and one that is too long is thrown away', async () => {
  server.files.write('/a.txt', 'content')
  writeFileSync(here('a.txt.part'), 'content')
  expect(await session.download(`${server.url}/a.txt`, here('a.txt'), { resume: true })).toEqual({
    bytes: 0,
    offset: 7,
  })
  writeFileSync(here('a.txt.part'), 'something longer')
  expect(await session.download(`${server.url}/a.txt`, here('a.txt'), { resume: true })).toEqual({
    bytes: 7,
    offset: 0,
  })
  expect(readFileSync(here('a.txt'), 'utf8')).toBe('content')
})

test('a missing file is an HTTPError, and no file', async () => {
  await expect(session.download(`${server.url}/none`, here('none'))).rejects.toBeInstanceOf(HTTPError)
  expect(existsSync(here('none.part'))).toBe(false)
})

test('uploads a file, and goes on where the server’s copy ends', async () => {
  const content = Buffer.from(seededBytes(2_000_000, 3))
  writeFileSync(here('a.bin'), content)
  const url = `${server.url}/a.bin`
  const seen: TransferProgress[] = []
  const onProgress = (progress: TransferProgress): void => void seen.push(progress)
  expect(await session.upload(here('a.bin'), url, { onProgress })).toEqual({ bytes: 2_000_000, offset: 0 })
  expect(seen.at(-1)).toEqual({ bytes: 2_000_000, totalBytes: 2_000_000 })
  server.files.write('/a.bin', content.subarray(0, 1_500_000))
  expect(await session.upload(here('a.bin'), url, { resume: true })).toEqual({ bytes: 500_000, offset: 1_500_000 })
  expect(server.files.read('/a.bin')?.equals(content)).toBe(true)
  expect(await session.upload(here('a.bin'), url, { resume: true })).toEqual({ bytes: 0, offset: 2_000_000 })
  server.files.write('/a.bin', Buffer.alloc(3_000_000))
  await session.upload(here('a.bin'), url, { resume: true })
  expect(server.files.read('/a.bin')?.equals(content)).toBe(true)
  await expect(session.upload(here('a.bin'), url, { resume: true, atomic: true })).rejects.toBeInstanceOf(UsageError)
})

function fillTree(): Record<string, Buffer> {
  const tree: Record<string, Buffer> = { 'top.txt': Buffer.from('top') }
  for (let index = 0; index < 20; index++) {
    tree[`one/file ${index}.bin`] = Buffer.from(seededBytes(1000 * index, index))
    tree[`one/two/ü #${index} 100%.bin`] = Buffer.from(seededBytes(10, index))
  }
  return tree
}

test('a directory goes up and comes down as it was, several files at a time', async () => {
  const tree = fillTree()
  for (const [name, content] of Object.entries(tree)) {
    mkdirSync(join(here('source'), name, '..'), { recursive: true })
    writeFileSync(join(here('source'), name), content)
  }
  mkdirSync(here('source/empty'))
  symlinkSync('/etc/passwd', here('source/link'))
  const url = `${server.url}/target`
  const bytes = Object.values(tree).reduce((sum, content) => sum + content.length, 0)
  const up = await session.uploadDirectory(here('source'), url, { concurrency: 3, atomic: true })
  expect(up).toEqual({ files: 41, directories: 3, bytes, skipped: ['link'] })
  expect(server.connectionCount).toBeLessThanOrEqual(3)
  const seen: DirectoryProgress[] = []
  const onProgress = (progress: DirectoryProgress): void => void seen.push(progress)
  const down = await session.downloadDirectory(`${url}/`, here('back'), { concurrency: 3, onProgress })
  expect(down).toEqual({ files: 41, directories: 3, bytes, skipped: [] })
  for (const [name, content] of Object.entries(tree))
    expect(readFileSync(join(here('back'), name)).equals(content)).toBe(true)
  expect(existsSync(here('back/empty'))).toBe(true)
  expect(seen.at(-1)?.bytes).toBe(bytes)
  // Again over what is there: with resume nothing travels.
  expect((await session.uploadDirectory(here('source'), url, { resume: true })).bytes).toBe(0)
})

test('the first failure ends the transfer of a directory, and so does a signal', async () => {
  for (let index = 0; index < 50; index++) server.files.write(`/dir/${index}.bin`, seededBytes(100_000, index))
  breaksAfter = 10
  await expect(session.downloadDirectory(`${server.url}/dir`, here('dir'))).rejects.toBeInstanceOf(ChunkedEncodingError)
  const controller = new AbortController()
  const reason = new Error('enough')
  const { signal } = controller
  const onProgress = (): void => controller.abort(reason)
  await expect(session.downloadDirectory(`${server.url}/dir`, here('dir'), { signal, onProgress })).rejects.toBe(reason)
  expect((await session.size(`${server.url}/dir/1.bin`)) ?? 0).toBe(100_000)
})
