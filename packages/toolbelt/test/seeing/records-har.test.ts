import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Ajv } from 'ajv'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { DigestAuth, Redaction, Retry, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { type Har, type HarEntry, HarRecorder, type HarRecorderOptions } from '@entreat/toolbelt/har'
import { VERSION } from '../../src/version.ts'

let server: TestServer
const sessions: Session[] = []
beforeAll(async () => void (server = await TestServer.start()))
beforeEach(() => server.reset())
afterAll(async () => {
  await Promise.all(sessions.map((session) => session.close()))
  await server.close()
})

function recorded(options?: HarRecorderOptions): { session: Session; recorder: HarRecorder; stop: () => void } {
  const session = new Session({ trustEnv: false, verify: server.ca })
  sessions.push(session)
  const recorder = new HarRecorder(options)
  return { session, recorder, stop: recorder.attach(session) }
}

const load = createRequire(import.meta.url)
const schemas = load('har-schema') as Record<string, object>
const ajv = new Ajv({ strict: false, allErrors: true })
ajv.addMetaSchema(load('ajv/lib/refs/json-schema-draft-06.json') as object)
ajv.addFormat('date-time', (text: string) => !Number.isNaN(Date.parse(text)) && text.includes('T'))
ajv.addFormat('uri', (text: string) => URL.canParse(text))
ajv.addFormat('ipv4', true).addFormat('ipv6', true)
for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(schema, name)

/** Checks against the schema, and what the specification says in words. */
function expectValid(har: Har): readonly HarEntry[] {
  const parsed = JSON.parse(JSON.stringify(har)) as Har
  expect(ajv.validate('har', parsed), ajv.errorsText()).toBe(true)
  for (const { time, timings } of parsed.log.entries) {
    const { blocked, dns, connect, ssl, send, wait, receive } = timings
    for (const required of [send, wait, receive]) expect(required).toBeGreaterThanOrEqual(0)
    const sum = [blocked, dns, connect, send, wait, receive].filter((ms) => ms > 0).reduce((a, b) => a + b, 0)
    expect(time).toBeCloseTo(sum, 6)
    expect(ssl).toBeLessThanOrEqual(connect)
  }
  return parsed.log.entries
}

test('the schema refuses what is no HAR', () => {
  expect(ajv.validate('har', { log: { version: '1.2' } })).toBe(false)
})

test('records redirects, refused credentials and retries, each as it travelled', async () => {
  const { session, recorder } = recorded()
  await session.get(`${server.httpsUrl}/redirect/1`, { params: { q: 'white whale' } })
  await session.get(`${server.url}/digest-auth/auth/ahab/ivory`, { auth: new DigestAuth('ahab', 'ivory') })
  const retry = new Retry({ total: 2, statusForcelist: [503] })
  await session.get(`${server.url}/flaky/har/1/503`, { retry })
  await session.post(`${server.url}/post`, { json: { name: 'Ahab', password: 'hush' } })
  const entries = expectValid(recorder.toHar())
  const shown = entries.map(({ request, response, _hop, _attempt, _leg }) => [
    request.method,
    new URL(request.url).pathname,
    response.status,
    _hop,
    _attempt,
    _leg,
  ])
  expect(shown).toEqual([
    ['GET', '/redirect/1', 302, 0, 0, 0],
    ['GET', '/get', 200, 1, 0, 0],
    ['GET', '/digest-auth/auth/ahab/ivory', 401, 0, 0, 0],
    ['GET', '/digest-auth/auth/ahab/ivory', 200, 0, 0, 1],
    ['GET', '/flaky/har/1/503', 503, 0, 0, 0],
    ['GET', '/flaky/har/1/503', 200, 0, 1, 0],
    ['POST', '/post', 200, 0, 0, 0],
  ])
  expect(new Set(entries.map(({ _call }) => _call)).size).toBe(4)
  expect(entries[0]?.response.redirectURL).toBe('/get')
  expect(entries[0]?.request.queryString).toEqual([{ name: 'q', value: 'white whale' }])
  expect(entries[6]?.request.postData?.text).toBe('{"name":"Ahab","password":"***"}')
  // The server echoes what it was sent, inside text: that has no name to be known by.
  expect(JSON.stringify(entries.map(({ request }) => request))).not.toMatch(/hush|response=/)
})

test('tells the phases of a new connection from those of a kept one', async () => {
  const { session, recorder } = recorded()
  await session.get(`${server.httpsUrl}/get`)
  await session.get(`${server.httpsUrl}/get`)
  const [opened, kept] = expectValid(recorder.toHar()) as [HarEntry, HarEntry]
  expect(opened.timings.ssl).toBeGreaterThan(0)
  expect(opened.timings.connect).toBeGreaterThanOrEqual(opened.timings.ssl)
  expect([kept.timings.dns, kept.timings.connect, kept.timings.ssl]).toEqual([-1, -1, -1])
  expect(Date.parse(kept.startedDateTime)).toBeGreaterThanOrEqual(Date.parse(opened.startedDateTime))
})

test('keeps text as text, bytes as base64, codings by their sizes, and cookies with attributes', async () => {
  const { session, recorder } = recorded({ redaction: null })
  const bytes = await session.get(`${server.url}/bytes/100?seed=1`)
  await session.get(`${server.url}/gzip`)
  await session.get(`${server.url}/cookies/set?whale=white`)
  await session.head(`${server.url}/get`)
  const [binary, gzip, cookie, , head] = expectValid(recorder.toHar()) as [
    HarEntry,
    HarEntry,
    HarEntry,
    HarEntry,
    HarEntry,
  ]
  expect(binary.response.content.encoding).toBe('base64')
  expect(Buffer.from(binary.response.content.text ?? '', 'base64').equals(bytes.content)).toBe(true)
  expect(gzip.response.content.text).toContain('"gzipped": true')
  const { content, bodySize } = gzip.response
  expect(content.compression).toBe(content.size - bodySize)
  expect(cookie.response.cookies).toEqual([expect.objectContaining({ name: 'whale', value: 'white', path: '/' })])
  expect(head.response.bodySize).toBe(0)
})

test('keeps no more of a body than it may, and streams are not kept', async () => {
  const { session, recorder } = recorded({ maxBodyBytes: 50 })
  await session.post(`${server.url}/post`, { data: 'x'.repeat(1000) })
  const streamed = await session.get(`${server.url}/download/100000`, { stream: true })
  for await (const _piece of streamed.iterContent()) continue
  const [long, stream] = expectValid(recorder.toHar()) as [HarEntry, HarEntry]
  expect(long.response.content.text).toBeUndefined()
  expect(long.request.postData?.comment).toMatch(/1000 bytes, more than the 50/)
  expect(stream.response.content.comment).toBe('The body was streamed')
})

test('an exchange is there once its body is over, in the order of sending', async () => {
  const { session, recorder } = recorded()
  const first = await session.get(`${server.url}/get?n=1`, { stream: true })
  await session.get(`${server.url}/get?n=2`)
  expect(recorder.toHar().log.entries).toHaveLength(1)
  first.close()
  expect(recorder.toHar().log.entries.map(({ request }) => request.url.at(-1))).toEqual(['1', '2'])
})

test('a request without a response has status 0 and says why', async () => {
  const { session, recorder } = recorded()
  await session.get(`${server.url}/close`).catch(() => {})
  await session.get(`${server.url}/truncated`).catch(() => {})
  const [closed, truncated] = expectValid(recorder.toHar()) as [HarEntry, HarEntry]
  expect(closed.response.status).toBe(0)
  expect(closed.response._error).toMatch(/^ConnectionError: /)
  expect(truncated.response.status).toBe(200)
  expect(truncated.response._error).toBeDefined()
})

test('masks what it is told to', async () => {
  const { session, recorder } = recorded({ redaction: new Redaction({ secretNames: ['X-Account'] }) })
  await session.get(`${server.url}/get`, { headers: { 'X-Account': '4711' } })
  expect(recorder.toHar().log.entries[0]?.request.headers).toContainEqual({ name: 'X-Account', value: '***' })
})

test('stops, forgets, and keeps the newest', async () => {
  const { session, recorder, stop } = recorded({ maxEntries: 5 })
  for (let n = 0; n < 12; n++) await session.get(`${server.url}/get?n=${n}`)
  expect(recorder.toHar().log.entries.map(({ request }) => request.url.split('=')[1])).toEqual([
    '7',
    '8',
    '9',
    '10',
    '11',
  ])
  recorder.clear()
  stop()
  await session.get(`${server.url}/get`)
  expect(recorder.toHar().log.entries).toEqual([])
  expect(() => new HarRecorder({ redact: true } as object)).toThrow(/has no option "redact"/)
})

test('drops the oldest bodies when all of them take more than they may', async () => {
  const { session, recorder } = recorded({ maxBytes: 5000 })
  for (let n = 0; n < 8; n++) await session.post(`${server.url}/post`, { data: 'x'.repeat(500), params: { n } })
  const entries = expectValid(recorder.toHar())
  const kept = entries.map(({ response }) => response.content.text !== undefined)
  expect(kept).toEqual(kept.toSorted((a, b) => Number(a) - Number(b)))
  expect([kept[0], kept[7]]).toEqual([false, true])
  const bytes = entries.reduce(
    (sum, { request, response }) => sum + (request.postData?.text.length ?? 0) + (response.content.text?.length ?? 0),
    0,
  )
  expect(bytes).toBeLessThanOrEqual(5000)
  recorder.clear()
  await session.get(`${server.url}/get`)
  expect(recorder.toHar().log.entries[0]?.response.content.text).toBeDefined()
})

test('1,000 requests at once are 1,000 entries', async () => {
  const { session, recorder } = recorded()
  await Promise.all(Array.from({ length: 1000 }, (_, n) => session.get(`${server.url}/get?n=${n}`)))
  const entries = expectValid(recorder.toHar())
  expect(new Set(entries.map(({ request }) => request.url)).size).toBe(1000)
})

test('says the version of package.json', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(VERSION).toBe(manifest.version)
})
