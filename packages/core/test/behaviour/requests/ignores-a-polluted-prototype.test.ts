import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { useSite } from './support/servers.ts'

const site = useSite({ tls: false })
const built = fileURLToPath(new URL('../../../dist/index.js', import.meta.url))

/** Runs a script with a session for each name, in a process of its own, while that name is on Object.prototype. */
async function underPollution(pollution: Record<string, string>, script: string): Promise<Record<string, unknown>> {
  const source = `
    import { Session, HTTPAdapter, Retry, Request } from ${JSON.stringify(built)}
    const url = ${JSON.stringify(site().url)}
    const results = {}
    for (const [name, value] of Object.entries({ ${Object.entries(pollution).map(([name, value]) => `${name}: ${value}`)} })) {
      Object.defineProperty(Object.prototype, name, { value, configurable: true, writable: true, enumerable: false })
      let session
      try {
        session = new Session()
        results[name] = await (async () => { ${script} })()
      } catch (error) {
        results[name] = String(error)
      } finally {
        delete Object.prototype[name]
      }
      await session?.close()
    }
    process.stdout.write(JSON.stringify(results))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source])
  return JSON.parse(stdout) as Record<string, unknown>
}

/** Every name with the same expected result. */
function each(pollution: Record<string, string>, expected: unknown): Record<string, unknown> {
  return Object.fromEntries(Object.keys(pollution).map((name) => [name, expected]))
}

const REQUEST = {
  headers: `{ 'X-Polluted': '1' }`,
  params: `{ polluted: '1' }`,
  auth: `['polluted', 'polluted']`,
  cookies: `{ polluted: '1' }`,
  data: `'polluted'`,
  json: `{ polluted: 1 }`,
  files: `{ polluted: 'x' }`,
  hooks: `{ bogus() {} }`,
  maxRedirects: '0',
  allowRedirects: 'false',
  sensitiveHeaders: '5',
  proxies: `{ http: 'http://127.0.0.1:9' }`,
  http: `'http://127.0.0.1:9'`,
  all: `'http://127.0.0.1:9'`,
  proxyAuth: `['polluted', 'polluted']`,
  retry: '-1',
  limits: '{ bogus: 1 }',
  decodedBytes: '0',
  headerBytes: '0',
  baseUrl: `'http://127.0.0.1:9/'`,
  trustEnv: '5',
  detectEncoding: `() => 'utf-16'`,
  cert: `'/nowhere'`,
  total: '-1',

  pool: '-1',
  bogus: '1',
}

const run = test.skipIf(!existsSync(built))

run('takes nothing for a request from Object.prototype', async () => {
  const told = await underPollution(
    REQUEST,
    `const r = await session.get(url + '/redirect/1', {}); const told = r.json(); return [r.statusCode, told.url, told.args, told.headers['X-Polluted'] ?? told.headers.Authorization ?? told.headers.Cookie ?? null]`,
  )
  expect(told).toEqual(each(REQUEST, [200, `${site().url}/get`, {}, null]))
})

run('takes nothing for timeouts and limits from Object.prototype', async () => {
  const pollution = { total: '-1', pool: '-1', codings: '-1', decodedBytes: '-1', drainedBytes: '-1' }
  const script = `return (await session.get(url + '/gzip', { timeout: {}, limits: {} })).statusCode`
  expect(await underPollution(pollution, script)).toEqual(each(pollution, 200))
})

run('takes nothing for an HTTPAdapter from Object.prototype', async () => {
  const pollution = {
    dispatcher: '{ dispatch() { throw new Error("polluted") } }',
    socketPath: `'/nowhere'`,
    localAddress: `'203.0.113.1'`,
    localPort: '1',
    servername: `'polluted'`,
    onSocket: '() => { throw new Error("polluted") }',
    verifyPeer: '() => { throw new Error("polluted") }',
    tls: '{ minVersion: "polluted" }',
    owned: 'false',
  }
  const script = `session.mount('http://', new HTTPAdapter({})); return (await session.get(url + '/get')).statusCode`
  expect(await underPollution(pollution, script)).toEqual(each(pollution, 200))
})

run('takes nothing for a Retry from Object.prototype', async () => {
  const pollution = {
    total: '5',
    connect: '5',
    read: '5',
    status: '5',
    backoffMs: '5',
    raiseOnStatus: 'false',
    statusForcelist: '[503]',
  }
  const script = `const r = new Retry({}); return [r.total, r.connect, r.read, r.status, r.backoffMs, r.raiseOnStatus, r.statusForcelist.size]`
  expect(await underPollution(pollution, script)).toEqual(each(pollution, [10, null, null, null, 0, true, 0]))
})

run('takes nothing for a cookie from Object.prototype', async () => {
  const pollution = {
    domain: `'polluted.example'`,
    url: `'http://polluted.example/'`,
    path: `'/polluted'`,
    secure: 'true',
  }
  const script = `session.cookies.set('own', '1'); return (await session.get(String(url) + '/cookies')).json().cookies`
  expect(await underPollution(pollution, script)).toEqual(each(pollution, { own: '1' }))
})

run('takes nothing for reading a body from Object.prototype', async () => {
  const pollution = { decodeUnicode: 'false', delimiter: `'e'`, chunkSize: '-1', graceMs: '-1' }
  const script = `
    const r = await session.get(url + '/lines/2', { stream: true })
    const lines = []
    for await (const line of r.iterLines({})) lines.push(line)
    return lines`
  expect(await underPollution(pollution, script)).toEqual(each(pollution, ['line 1', 'line 2']))
})

/** Every member that may be left out of some object in core, by its declarations: what a polluted prototype could fill in. */
function optionalMembers(): readonly string[] {
  const folder = fileURLToPath(new URL('../../../dist/', import.meta.url))
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.d.ts'))
  const names = files.flatMap((name) =>
    [...readFileSync(folder + name, 'utf8').matchAll(/^\s*(?:readonly )?(\w+)\?[:(]/gm)].map(([, member]) => member),
  )
  return [...new Set(names as string[])].filter((name) => !TAKEN_BY_NODE.has(name)).sort()
}

/** What Node's own emitters and sockets take from any object: nothing in this process could open a socket with these. */
const TAKEN_BY_NODE = new Set(['connect', 'error', 'lookup', 'signal', 'socket'])
/** The same, where they are functions: every stream takes them for its own. */
const METHODS_OF_STREAMS = new Set(['read', 'write'])

const POISONS = [`'polluted'`, '-1', 'true', `['polluted', 'polluted']`, `{ polluted: 'yes' }`, `() => 'polluted'`]

run.each(POISONS)('T8 takes nothing that is left out from Object.prototype: %s under every name', async (poison) => {
  const names = optionalMembers().filter((name) => !poison.includes('=>') || !METHODS_OF_STREAMS.has(name))
  expect(names.length).toBeGreaterThan(80)
  const pollution = Object.fromEntries(names.map((name) => [name, poison]))
  const told = await underPollution(
    pollution,
    `
    session.mount('http://', new HTTPAdapter({}))
    const limits = {}, timeout = {}, hooks = {}, proxies = {}
    const r = await session.post(url + '/redirect-to?status_code=307&url=/anything', { limits, timeout, hooks, proxies, data: { own: '1' } })
    const { method, url: reached, args, form, headers } = r.json()
    const told = [r.statusCode, method, reached, args, form, Object.keys(headers).sort()]
    const s = await session.get(url + '/lines/2', { stream: true, retry: new Retry({}) })
    await s.read()
    return [...told, s.text]`,
  )
  const headers = ['Accept', 'Accept-Encoding', 'Connection', 'Content-Length', 'Content-Type', 'Host', 'User-Agent']
  const expected = [200, 'POST', `${site().url}/anything`, {}, { own: '1' }, headers, 'line 1\nline 2\n']
  expect(told).toEqual(each(pollution, expected))
})
