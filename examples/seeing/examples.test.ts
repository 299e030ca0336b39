import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from '../support/run-program.ts'

let server: TestServer
let folder: string
const tried = new Set<string>()

beforeAll(async () => {
  server = await TestServer.start({
    tls: false,
    handler: (request, response) => {
      if (request.url !== '/events') return false
      const isOver = request.headers['last-event-id'] === '1'
      if (isOver) response.writeHead(204).end()
      else response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end('retry: 10\nid: 1\ndata: whale\n\n')
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

test('draws what went out of a session with a cache', async () => {
  const page = join(folder, 'page.html')
  const url = `${server.url}/cache/60`
  expect(await runExample('draw-a-session.mjs', page, url, url, `${server.url}/redirect/1`)).toEqual([
    '200 entreat; fwd=miss',
    '200 entreat; hit',
    '200 entreat; fwd=miss',
    `3 exchanges in ${page}`,
  ])
  const html = await readFile(page, 'utf8')
  expect(html.match(/<li class="row"/g)).toHaveLength(3)
})

test('follows events to the end', async () => {
  expect(await runExample('follow-events.mjs', `${server.url}/events`)).toEqual([
    '1 message: whale',
    'again in 10 ms (1)',
  ])
})

test('shows a request as a command for curl', async () => {
  const [line = ''] = await runExample('as-curl.mjs', `${server.url}/post`, 'name=Ahab', 'password=ivory')
  expect(line).toMatch(/^curl http:\S+\/post /)
  expect(line).toContain("--data-raw 'name=Ahab&password=***'")
})

test('every example is tried', async () => {
  const examples = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.mjs'))
  expect(examples.filter((name) => !tried.has(name))).toEqual([])
})
