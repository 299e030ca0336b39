import { createHash } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { labProblem, startLab } from '../../lab/kerberos-ntlm/start-lab.ts'
import { seededBlocks, seededBytes, TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runProgram } from '../support/run-program.ts'

let server: TestServer
let folder: string
const tried = new Set<string>()

beforeAll(async () => {
  server = await TestServer.start()
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

async function writeTemporary(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

test('downloads to a file and tells how far it is', async () => {
  const file = join(folder, 'download.bin')
  const lines = await runExample('download-with-progress.mjs', `${server.url}/download/5000000?seed=3`, file)
  expect((await readFile(file)).equals(Buffer.concat([...seededBlocks(5_000_000, 3)]))).toBe(true)
  expect(lines.at(-2)).toBe('100 %')
  expect(lines.at(-1)).toBe(`wrote ${file}`)
})

test('uploads a file as a stream, alone and in a form', async () => {
  const content = seededBytes(3_000_000, 4)
  const file = await writeTemporary('upload.bin', content)
  const lines = await runExample('upload-a-stream.mjs', `${server.url}/upload`, file)
  expect(lines.join('\n')).toContain(createHash('sha256').update(content).digest('hex'))
  expect(lines.at(-1)).toBe('200')
  const [plain, form] = server.requests.slice(-2)
  expect(plain?.bodyLength).toBe(content.length)
  expect(form?.body.toString('latin1')).toContain('name="log"; filename="app.log"\r\nContent-Type: text/plain')
})

test('retries by a policy until the server is well, or gives up', async () => {
  const well = await runExample('retry-policy.mjs', `${server.url}/flaky/example/2`)
  expect(well).toEqual([
    'attempt 1 failed (status 503), next in 0 ms',
    expect.stringMatching(/^attempt 2 failed \(status 503\), next in 1\d\d ms$/),
    'answered with 200',
  ])
  const unwell = await runExample('retry-policy.mjs', `${server.url}/status/502`)
  expect(unwell).toHaveLength(5)
  expect(unwell.at(-1)).toBe('gave up: ERR_RETRIES_EXHAUSTED')
})

test('trusts its own CA and shows a client certificate', async () => {
  const { client } = server.certificates
  const files = [
    await writeTemporary('ca.pem', server.ca),
    await writeTemporary('client.pem', client.cert),
    await writeTemporary('client-key.pem', client.key),
  ]
  const lines = await runExample('client-certificate.mjs', `${server.httpsUrl}/client-certificate`, ...files)
  expect(lines.join('\n')).toContain("subject: { CN: 'entreat test client' }")
  expect(lines.at(-1)).toBe('ERR_SSL')
})

test('goes through a proxy with a password', async () => {
  const proxy = await TestProxy.start({ credentials: { username: 'ahab', password: 'ivory leg' } })
  const ca = await writeTemporary('proxy-ca.pem', server.ca)
  const lines = await runExample('proxy.mjs', `${server.httpsUrl}/get`, proxy.url, ca)
  await proxy.close()
  expect(lines).toEqual(['through the proxy: 200', 'refused by the proxy: 407', 'direct: 200'])
  expect(proxy.requests.every(({ method }) => method === 'CONNECT')).toBe(true)
})

test('logs in by NTLM once, and uploads a stream with each request', async () => {
  const lines = await runExample('ntlm.mjs', `${server.url}/ntlm-auth/ali/opensesame`, 'CORP\\ali', 'opensesame')
  expect(lines).toEqual(['first: 200 after 1 refused', 'second: 200 after 0 refused', 'wrong password: 401'])
  const bodies = server.requests.slice(-5, -2).map(({ bodyLength }) => bodyLength)
  expect(bodies).toEqual([0, 5, 6])
})

test('gives an SDK a fetch with cookies and credentials', async () => {
  const lines = await runExample('fetch-for-an-sdk.mjs', server.url)
  expect(lines).toEqual(["{ cookie: 'user=ishmael', authorization: 'Basic aXNobWFlbDp3aGFsZQ==' }"])
})

test('says what an origin answers that does not ask for Kerberos', async () => {
  const lines = await runExample('kerberos.mjs', `${server.url}/basic-auth/ishmael/whale`)
  expect(lines[0]).toMatch(/^401 /)
})

test('signs in with a Kerberos ticket, and says what to do without one', { timeout: 60_000 }, async (context) => {
  const needs = { kdc: true, apache: true }
  const problem = labProblem(needs)
  if (problem !== null) return context.skip(problem)
  await using lab = await startLab(needs)
  const before = { ...process.env }
  try {
    Object.assign(process.env, lab.clientEnv())
    const url = `${lab.apache.url}/krb/echo`
    expect(await runExample('kerberos.mjs', url)).toEqual([
      expect.stringMatching(/^no ticket \(no-credentials\): .*kinit/),
    ])
    const lines = await runExample('kerberos.mjs', url, lab.kdc.ccache('alice'))
    expect(lines.map((line) => line.replace(/ mech.* after/, ' after'))).toEqual([
      '200 user=alice@TEST.LOCAL after 1 refusals',
      '200 user=alice@TEST.LOCAL after 0 refusals',
      '200 user=alice@TEST.LOCAL after 0 refusals',
    ])
  } finally {
    for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
    Object.assign(process.env, before)
  }
})

test('every example is tried here', async () => {
  const examples = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.mjs'))
  expect([...tried].toSorted()).toEqual(examples.toSorted())
})
