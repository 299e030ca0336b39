import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { Request, type RequestOptions, Session } from '@entreat/core'
import { type RecordedRequest, TestServer } from '@entreat/testkit'
import { toCurl } from '@entreat/toolbelt/curl'

// Every command is run by a real shell with a real curl, and the server compares what arrived.

const run = promisify(execFile)
let server: TestServer
let folder: string
let hasCurl = false
const session = new Session({ trustEnv: false })

beforeAll(async () => {
  server = await TestServer.start({ tls: false })
  folder = await mkdtemp(join(tmpdir(), 'entreat-curl-'))
  hasCurl = await run('curl', ['--version']).then(
    () => true,
    () => false,
  )
})
beforeEach((ctx) => {
  if (!hasCurl) ctx.skip('curl is not installed')
})
afterAll(async () => {
  await session.close()
  await server.close()
  await rm(folder, { recursive: true, force: true })
})

async function runCommand(command: string): Promise<RecordedRequest> {
  const script = join(folder, 'command.sh')
  await writeFile(script, command.replace(/\bcurl\b/, 'curl --silent --output /dev/null --noproxy "*"'))
  await run('sh', [script])
  return server.requests.at(-1) as RecordedRequest
}

/** Sends the request with entreat, then with curl: both must be the same on the wire. */
async function expectSame(method: string, path: string, options: RequestOptions = {}): Promise<void> {
  const prepared = await session.prepareRequest(new Request(method, server.url + path, options))
  const response = await session.send(prepared, { allowRedirects: false })
  const ours = server.requests.at(-1) as RecordedRequest
  for (const isMultiline of [true, false]) {
    const theirs = await runCommand(toCurl(response, { redaction: null, isMultiline }))
    expect([theirs.method, theirs.url]).toEqual([ours.method, ours.url])
    expect(Buffer.compare(theirs.body, ours.body)).toBe(0)
    expect(headersOf(theirs)).toEqual(headersOf(ours))
  }
}

/** By name: curl has an order of its own. The connection is curl's business. */
function headersOf({ headers }: RecordedRequest): string[] {
  const lines = headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`)
  return lines.filter((line) => !line.startsWith('connection:')).sort()
}

test.each([
  ['a GET', 'GET', '/get?a=1&b=two%20words', {}],
  ['a HEAD', 'HEAD', '/get', {}],
  ['a DELETE', 'DELETE', '/delete', {}],
  ['an OPTIONS', 'OPTIONS', '/get', {}],
  ['a form', 'POST', '/post', { data: { name: 'Ahab\'s $whale `ls` !! \\ "', n: 1 } }],
  ['JSON', 'PUT', '/put', { json: { text: 'Ünïcödé 🐳\n\r\t', nested: [1, null] } }],
  ['multipart', 'POST', '/post', { files: { file: ['a "b".txt', Buffer.from([0, 1, 255]), 'application/x-whale'] } }],
  ['credentials', 'GET', '/get', { auth: ['ahab', 'iv:ory'] }],
  ['cookies', 'GET', '/get', { cookies: { a: 'b', c: 'd' } }],
  ['a GET with a body', 'GET', '/anything', { data: 'x' }],
  ['no User-Agent and no Accept', 'GET', '/get', { headers: { 'User-Agent': null, Accept: null } }],
  ['an empty header', 'GET', '/get', { headers: { 'X-Empty': '' } }],
  ['repeated headers', 'GET', '/get', { headers: [['X-Two', '1'], ['X-Two', '2']] }], // prettier-ignore
  ['a Latin-1 header', 'GET', '/get', { headers: { 'X-Latin': 'caf\u00e9 %s \\101' } }],
  ['a UTF-8 header', 'GET', '/get', { headers: { 'X-Utf8': Buffer.from('käpt’n') } }],
  ['brackets and dot segments', 'GET', '/anything/[a]{b,c}?x[]=1&y={1-3}', {}],
  ['a Host header', 'GET', '/get', { headers: { Host: 'virtual.test' } }],
  ['a body of all bytes', 'POST', '/post', { data: Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)) }],
  ['a body that begins with an @', 'POST', '/post', { data: '@/etc/passwd' }],
  ['a body that ends with line feeds', 'POST', '/post', { data: 'x\n\n' }],
  ['a body that is a format of printf', 'POST', '/post', { data: Buffer.from('%s%d\\n\u0000') }],
  ['a long body', 'POST', '/post', { data: "it's ".repeat(60_000) }],
  ['an empty POST', 'POST', '/post', {}],
] satisfies [string, string, string, RequestOptions][])(
  'curl sends %s as entreat does',
  async (_, method, path, options) => {
    await expectSame(method, path, options)
  },
)

test('curl sends any body, header and query as entreat does', { timeout: 60_000 }, async () => {
  const value = fc.stringMatching(/^[!-~][ -~]{0,30}$/)
  const body = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 60 }), fc.string({ minLength: 1, unit: 'grapheme' }))
  await fc.assert(
    fc.asyncProperty(value, body, fc.string({ maxLength: 10 }), async (header, data, query) => {
      await expectSame('POST', '/anything', { headers: { 'X-Any': header }, data, params: { q: query } })
    }),
    { numRuns: 25 },
  )
})

test('a body that is a stream is read from a file, or from standard input', async () => {
  async function* once(): AsyncGenerator<Uint8Array, void, undefined> {
    yield await Promise.resolve(Buffer.from('streamed'))
  }
  const prepared = await new Request('POST', `${server.url}/post`, { data: once() }).prepare()
  expect(toCurl(prepared)).toContain('--data-binary @-')
  const file = join(folder, "it's a body.bin")
  await writeFile(file, 'from a file')
  const theirs = await runCommand(toCurl(prepared, { bodyFile: file }))
  expect(theirs.body.toString()).toBe('from a file')
  expect(prepared.body?.isSpent).toBe(false)
})

test('masks secrets unless it is told otherwise, and follows no redirects', async () => {
  const prepared = await new Request('POST', `${server.url}/post?token=hush`, {
    auth: ['ahab', 'hush'],
    cookies: { sid: 'hush' },
    json: { password: 'hush' },
  }).prepare()
  const signed = await session.send(prepared)
  const command = toCurl(signed)
  expect(command).not.toMatch(/hush|YWhhYjpodXNo/)
  expect(command).not.toContain('--location')
  expect(toCurl(signed, { redaction: null })).toContain('YWhhYjpodXNo')
})

test('nothing in a request is a command to the shell', async () => {
  const evil = `'; touch ${join(folder, 'pwned')}; echo '$(touch ${join(folder, 'pwned')})\``
  await expectSame('POST', `/anything/${encodeURIComponent(evil)}`, { headers: { 'X-Evil': evil }, data: evil })
  await expect(run('ls', [join(folder, 'pwned')])).rejects.toThrow()
})
