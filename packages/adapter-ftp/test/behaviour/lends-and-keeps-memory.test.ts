import { createHash } from 'node:crypto'
import { createReadStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FTPResponse, type FTPSession, ftpSession } from '@entreat/adapter-ftp'
import { ChunkedEncodingError, HTTPError, StreamConsumedError, TotalTimeout } from '@entreat/core'
import { seededBytes, TestFTPServer } from '@entreat/testkit'

const BYTES = 24_000_000
const content = Buffer.from(seededBytes(BYTES, 7))

let server: TestFTPServer
let session: FTPSession
let folder: string
/** Bytes after which the next download breaks off. */
let breaksAfter: number | null = null

beforeEach(async () => {
  breaksAfter = null
  folder = mkdtempSync(join(tmpdir(), 'entreat-lending-'))
  server = await TestFTPServer.start({
    intercept: async ({ verb }, conversation) => {
      if (verb !== 'RETR' || breaksAfter === null) return false
      const data = await conversation.openData()
      data.end(content.subarray(0, breaksAfter))
      breaksAfter = null
      conversation.reply('426 broken')
      return true
    },
  })
  server.files.write('/large.bin', content)
  session = ftpSession({ trustEnv: false, verify: server.ca, limits: { connectionsPerOrigin: 1 } })
})
afterEach(async () => {
  await session.close()
  await server.close()
  rmSync(folder, { recursive: true })
})

function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

async function retr(from: FTPSession = session, headers?: Record<string, string>): Promise<FTPResponse> {
  const response = await from.retr(`${server.url}/large.bin`, headers === undefined ? {} : { headers })
  if (!(response instanceof FTPResponse)) throw new Error('no FTPResponse')
  return response
}

test('pieces that a loop keeps stay what they were, to the end and after', async () => {
  const pieces: Buffer[] = []
  for await (const piece of await retr()) pieces.push(piece)
  const others = await retr()
  await others.lendPieces(() => {})
  expect(digest(Buffer.concat(pieces))).toBe(digest(content))
})

test('pieces of a slow reader stay what they were while others are on the way', async () => {
  const hash = createHash('sha256')
  const kept: Buffer[] = []
  for await (const piece of await retr()) {
    kept.push(piece)
    if (kept.length > 3) hash.update(kept.shift() as Buffer)
    await new Promise(setImmediate)
  }
  for (const piece of kept) hash.update(piece)
  expect(hash.digest('hex')).toBe(digest(content))
})

test('lent pieces come in order and whole, and their memory serves again', async () => {
  const hash = createHash('sha256')
  const slabs = new Set<ArrayBufferLike>()
  const response = await retr()
  await response.lendPieces((piece) => {
    hash.update(piece)
    slabs.add(piece.buffer)
  })
  expect(hash.digest('hex')).toBe(digest(content))
  expect(slabs.size).toBeLessThan(12)
  expect(await response.read()).toHaveLength(0)
  expect((await retr()).statusCode).toBe(200)
  expect(server.connectionCount).toBe(1)
})

test('a lent piece stays what it is until the callback has resolved, however long that takes', async () => {
  const hash = createHash('sha256')
  let isBusy = false
  await (
    await retr()
  ).lendPieces(async (piece) => {
    expect(isBusy).toBe(false)
    isBusy = true
    const before = digest(piece)
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate)
    expect(digest(piece)).toBe(before)
    hash.update(piece)
    isBusy = false
  })
  expect(hash.digest('hex')).toBe(digest(content))
})

test('what came before pieces were lent is not received over', async () => {
  const response = await retr()
  // The server fills what is read ahead meanwhile.
  for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate)
  const hash = createHash('sha256')
  await response.lendPieces((piece) => void hash.update(piece))
  expect(hash.digest('hex')).toBe(digest(content))
})

test('a range, TLS and a body that was read or begun give their pieces too', async () => {
  const ranged: Buffer[] = []
  await (
    await retr(session, { Range: 'bytes=1000000-1999999' })
  ).lendPieces((piece) => void ranged.push(Buffer.from(piece)))
  expect(Buffer.concat(ranged).equals(content.subarray(1_000_000, 2_000_000))).toBe(true)
  const secured = ftpSession({ trustEnv: false, verify: server.ca, ftp: { explicitTls: true } })
  const whole = createHash('sha256')
  await (await retr(secured)).lendPieces((piece) => void whole.update(piece))
  expect(whole.digest('hex')).toBe(digest(content))
  await secured.close()
  const read = await retr()
  await read.read()
  const hash = createHash('sha256')
  await read.lendPieces((piece) => void hash.update(piece))
  expect(hash.digest('hex')).toBe(digest(content))
  const begun = await retr()
  let bytes = 0
  for await (const piece of begun) {
    bytes = piece.length
    break
  }
  await begun.lendPieces((piece) => void (bytes += piece.length))
  expect(bytes).toBe(BYTES)
  const consumed = await retr()
  for await (const piece of consumed) bytes -= piece.length
  await expect(consumed.lendPieces(() => {})).rejects.toBeInstanceOf(StreamConsumedError)
})

test('what the callback throws passes unchanged, and the session goes on', async () => {
  const reason = new Error('enough')
  for (const onPiece of [
    () => {
      throw reason
    },
    () => Promise.reject(reason),
  ])
    await expect((await retr()).lendPieces(onPiece)).rejects.toBe(reason)
  expect(await session.size(`${server.url}/large.bin`)).toBe(BYTES)
})

test('a signal and the total timeout end the lending', async () => {
  const controller = new AbortController()
  const reason = new Error('stop')
  const response = await session.retr(`${server.url}/large.bin`, { signal: controller.signal })
  const lending = (response as FTPResponse).lendPieces(() => controller.abort(reason))
  await expect(lending).rejects.toBe(reason)
  const late = await session.retr(`${server.url}/large.bin`, { timeout: { total: 100 } })
  const waiting = (late as FTPResponse).lendPieces(async () => {
    for (const end = Date.now() + 200; Date.now() < end;) await new Promise(setImmediate)
  })
  await expect(waiting).rejects.toBeInstanceOf(TotalTimeout)
})

test('a transfer that breaks off is the same error as in a loop, and knows its response', async () => {
  breaksAfter = 100_000
  const response = await retr()
  const error = await response.lendPieces(() => {}).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(ChunkedEncodingError)
  expect((error as ChunkedEncodingError).response).toBe(response)
})

test('a file that cannot be written fails its download, and the session goes on', async () => {
  const missing = session.download(`${server.url}/large.bin`, join(folder, 'none', 'large.bin'))
  await expect(missing).rejects.toMatchObject({ code: 'ENOENT' })
  const reason = new Error('no more')
  const onProgress = (): void => {
    throw reason
  }
  const download = session.download(`${server.url}/large.bin`, join(folder, 'large.bin'), { onProgress })
  await expect(download).rejects.toBe(reason)
  expect(await session.size(`${server.url}/large.bin`)).toBe(BYTES)
})

test('a file goes up whole from memory that serves again, over TLS too', async () => {
  const path = join(folder, 'source.bin')
  writeFileSync(path, content)
  const url = `${server.url}/up.bin`
  const tls = ftpSession({ trustEnv: false, verify: server.ca, ftp: { explicitTls: true } })
  for (const client of [session, tls]) {
    server.files.remove('/up.bin', false)
    expect(await client.upload(path, url)).toEqual({ bytes: BYTES, offset: 0 })
    expect(digest(server.files.read('/up.bin') ?? Buffer.alloc(0))).toBe(digest(content))
  }
  await tls.close()
  await session.put(url, { data: createReadStream(path) })
  expect(digest(server.files.read('/up.bin') ?? Buffer.alloc(0))).toBe(digest(content))
})

test('an upload ends with what its progress throws, with the signal, and with a file that is not there', async () => {
  const path = join(folder, 'source.bin')
  writeFileSync(path, content)
  const reason = new Error('no further')
  const onProgress = (): void => {
    throw reason
  }
  await expect(session.upload(path, `${server.url}/up.bin`, { onProgress })).rejects.toBe(reason)
  const controller = new AbortController()
  const abort = (): void => controller.abort(reason)
  const { signal } = controller
  await expect(session.upload(path, `${server.url}/up.bin`, { onProgress: abort, signal })).rejects.toBe(reason)
  await expect(session.upload(join(folder, 'none'), `${server.url}/up.bin`)).rejects.toMatchObject({ code: 'ENOENT' })
  await expect(session.upload(path, `${server.url}/none/up.bin`)).rejects.toBeInstanceOf(HTTPError)
  expect(await session.upload(path, `${server.url}/up.bin`)).toEqual({ bytes: BYTES, offset: 0 })
  expect(readFileSync(path).equals(server.files.read('/up.bin') ?? Buffer.alloc(0))).toBe(true)
})
