import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { FileTokenStore, OAuth2Auth, OAuth2Client } from '@entreat/auth-oauth'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'

/** Paths of GitHub and those of the test server that answer alike. */
const likeGitHub: Readonly<Record<string, string>> = {
  '/login/device/code': '/oauth/device',
  '/login/oauth/access_token': '/oauth/token',
}

let server: TestServer
let folder: string

beforeAll(async () => {
  server = await TestServer.start({
    tls: false,
    handler: (request, response) => {
      request.url = likeGitHub[request.url ?? ''] ?? request.url ?? '/'
      if (request.url !== '/user') return false
      response.writeHead(200, { 'Content-Type': 'application/json' }).end('{"login":"ishmael"}')
      return true
    },
  })
  folder = await mkdtemp(join(tmpdir(), 'entreat-oauth-'))
})

beforeEach(() => server.reset())

afterAll(async () => {
  await server.close()
  await rm(folder, { recursive: true })
})

async function runExample(
  name: string,
  args: string[],
  env: NodeJS.ProcessEnv = {},
): Promise<{ out: string; err: string }> {
  const kept = Object.entries(process.env).filter(([key]) => !/proxy$|^netrc$|_ca_bundle$/i.test(key))
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, name), ...args], {
    env: { ...Object.fromEntries(kept), HOME: folder, ...env },
    timeout: 15_000,
  })
  return { out: stdout.trim(), err: stderr.trim() }
}

/** Requests that reached a path. */
function requestsTo(path: string): number {
  return server.requests.filter(({ url }) => url === path).length
}

test('signs in on a device once, and finds the token in the next run', async () => {
  const env = { GITHUB_URL: server.url, GITHUB_API_URL: server.url }
  const args = ['example-app', join(folder, 'cli')]
  const first = await runExample('device-login.mjs', args, env)
  expect(first.err).toMatch(/^To sign in, open http.* and enter the code [0-9A-F]{8}, or open http/)
  expect(first.out).toBe('signed in as ishmael')
  expect(await runExample('device-login.mjs', args, env)).toEqual({ out: 'signed in as ishmael', err: '' })
  expect(
    server.requests.filter(({ url }) => url === '/user').map((request) => request.header('authorization')),
  ).toEqual(Array.from({ length: 2 }, () => expect.stringMatching(/^Bearer [0-9a-f]{32}$/) as unknown))
})

test('a service asks for one token, however many requests begin at once', async () => {
  const { out } = await runExample('service.mjs', [server.url, `${server.url}/oauth/api`, '20'], {
    CLIENT_SECRET: 'whale',
  })
  expect(out.split('\n')).toEqual(['new token (initial) for reports:read', '20 answers: 200'])
  expect(requestsTo('/oauth/token')).toBe(1)
})

test('two processes with one token refresh it once', async () => {
  const directory = join(folder, 'shared')
  const client = await OAuth2Client.discover(server.url, { clientId: 'worker' })
  const token = await client.password('ishmael', 'whale')
  const auth = new OAuth2Auth({ client, store: new FileTokenStore({ directory }), key: 'ishmael' })
  await auth.setToken(token)
  await client.revoke(token.accessToken, 'access_token')
  server.reset()

  const args = [server.url, `${server.url}/oauth/api`, directory]
  const runs = await Promise.all([runExample('shared-token.mjs', args), runExample('shared-token.mjs', args)])
  expect(runs.map(({ out }) => out).toSorted()).toEqual(['200', 'refreshed\n200'])
  expect(requestsTo('/oauth/token')).toBe(1)
})

test('every example is tried in one of the tests', async () => {
  const examples = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.mjs'))
  expect(examples.toSorted()).toEqual([
    'device-login.mjs',
    'service.mjs',
    'shared-token.mjs',
    'three-legged-oauth1.mjs',
  ])
})
