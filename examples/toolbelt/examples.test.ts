import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededBytes, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from '../support/run-program.ts'

let server: TestServer
let folder: string
const tried = new Set<string>()

beforeAll(async () => {
  server = await TestServer.start({
    handler: (request, response) => {
      if (request.url !== '/moved') return false
      request.resume().on('end', () => response.writeHead(307, { Location: '/upload' }).end())
      return true
    },
  })
  folder = await mkdtemp(join(tmpdir(), 'entreat-examples-'))
})

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

function runExample(name: string, ...args: string[]): Promise<string[]> {
  tried.add(name)
  return runProgram(join(import.meta.dirname, name), args, folder)
}

test('asks for many URLs in order', async () => {
  const urls = [`${server.url}/bytes/10`, `${server.url}/status/404`, 'http://127.0.0.1:1/', `${server.url}/bytes/20`]
  expect(await runExample('fetch-many.mjs', ...urls)).toEqual([
    `${urls[0]} 200, 10 bytes`,
    `${urls[1]} 404, 0 bytes`,
    `${urls[2]} failed: ERR_CONNECTION`,
    `${urls[3]} 200, 20 bytes`,
  ])
})

test('uploads a form, and again where it is sent elsewhere', async () => {
  const file = join(folder, 'upload.bin')
  await writeFile(file, seededBytes(2_000_000))
  const lines = await runExample('upload-a-form.mjs', `${server.url}/moved`, file)
  expect(lines.at(-1)).toBe('200 true')
  expect(lines).toContain('attempt 1: 100 %')
  expect(lines).toContain('attempt 2: 100 %')
})

test('downloads and checks', async () => {
  const content = seededBytes(100_000, 3)
  const file = join(folder, 'download.bin')
  const hash = createHash('sha256').update(content).digest('hex')
  const lines = await runExample('resume-a-download.mjs', `${server.url}/bytes/100000?seed=3`, file, hash)
  expect(lines).toEqual([`100000 bytes, sha256 ${hash}`])
  expect((await readFile(file)).equals(content)).toBe(true)
})

test('every example is tried', async () => {
  const examples = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.mjs'))
  expect(examples.filter((name) => !tried.has(name))).toEqual([])
})
