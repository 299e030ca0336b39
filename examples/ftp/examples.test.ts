import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { seededBytes, TestFTPServer } from '@entreat/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from '../support/run-program.ts'

const credentials = { username: 'ishmael', password: 'white whale' }
let server: TestFTPServer
let folder: string
const tried = new Set<string>()

beforeAll(async () => {
  server = await TestFTPServer.start({ credentials })
  folder = await mkdtemp(join(tmpdir(), 'entreat-ftp-examples-'))
})

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

function runExample(name: string, ...args: string[]): Promise<string[]> {
  tried.add(name)
  return runProgram(join(import.meta.dirname, name), args, folder)
}

test('mirrors a directory, and fetches nothing twice', async () => {
  for (const name of ['a.bin', 'sub/b.bin', 'sub/c.bin']) server.files.write(`/site/${name}`, seededBytes(50_000, 1))
  const url = `${server.url.replace('://', '://ishmael:white%20whale@')}/site`
  const lines = await runExample('mirror-a-directory.mjs', url, join(folder, 'site'))
  expect(lines.at(-1)).toBe('3 files in 1 directories, 150000 bytes')
  expect((await readFile(join(folder, 'site/sub/b.bin'))).equals(seededBytes(50_000, 1))).toBe(true)
})

test('delivers a file whole, or says why not', async () => {
  const file = join(folder, 'report.csv')
  await writeFile(file, 'name,length\nMoby,26\n')
  await writeFile(join(folder, 'ca.pem'), server.ca)
  await writeFile(join(folder, '.netrc'), 'machine 127.0.0.1 login ishmael password "white whale"\n', { mode: 0o600 })
  const args = [file, `${server.url}/inbox.csv`, join(folder, 'ca.pem')] as const
  expect(await runExample('deliver-a-file.mjs', ...args)).toEqual(['delivered 20 bytes; the server has 20'])
  expect(server.files.read('/inbox.csv')?.toString()).toBe('name,length\nMoby,26\n')
  const refused = await runExample('deliver-a-file.mjs', file, `${server.url}/none/inbox.csv`, join(folder, 'ca.pem'))
  expect(refused).toEqual(['refused with 404: No such directory'])
})

test('every example is tried here', async () => {
  const examples = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.mjs'))
  expect([...tried].toSorted()).toEqual(examples.toSorted())
})
