import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import * as fc from 'fast-check'
import { DigestAuth, HTTPAdapter, Session, UsageError } from '@entreat/core'
import {
  Cassette,
  RecordingAdapter,
  ReplayAdapter,
  type ReplayOptions,
  StubAdapter,
  UnmatchedRequestError,
} from '@entreat/testkit'
import { useTestServer } from '../support/server.ts'

const server = useTestServer({ tls: false })
let folder: string
beforeAll(async () => void (folder = await mkdtemp(join(tmpdir(), 'entreat-cassettes-'))))
afterAll(() => rm(folder, { recursive: true, force: true }))

function recorder(options: ConstructorParameters<typeof RecordingAdapter>[1] = {}): [Session, RecordingAdapter] {
  const adapter = new RecordingAdapter(new HTTPAdapter(), options)
  return [new Session({ trustEnv: false }).mount('http://', adapter), adapter]
}

function player(cassette: Cassette, options: ReplayOptions = {}): [Session, ReplayAdapter] {
  const adapter = new ReplayAdapter(cassette, options)
  return [new Session({ trustEnv: false }).mount('http://', adapter), adapter]
}

test('replays redirects, cookies, codings and digest authentication without the server', async () => {
  const [session, { cassette }] = recorder()
  const ask = async (session: Session): Promise<unknown[]> => {
    const results: unknown[] = []
    results.push((await session.get(`${server().url}/redirect/2`)).history.length)
    await session.get(`${server().url}/cookies/set/whale/white`)
    results.push((await session.get(`${server().url}/gzip`)).json<{ gzipped: boolean }>().gzipped)
    const auth = new DigestAuth('ahab', 'ivory')
    results.push((await session.get(`${server().url}/digest-auth/auth/ahab/ivory`, { auth })).statusCode)
    results.push(
      (await session.post(`${server().url}/post`, { json: { colour: 'white' } })).json<{ json: unknown }>().json,
    )
    results.push((await session.get(`${server().url}/bytes/1000?seed=1`)).content.toString('hex').slice(0, 20))
    return results
  }
  const live = await ask(session)
  await session.close()
  const path = join(folder, 'whole.json')
  await cassette.save(path)
  const asked = server().requests.length
  const [replayed, adapter] = player(await Cassette.load(path), { isOrdered: true })
  expect(await ask(replayed)).toEqual(live)
  expect(server().requests.length).toBe(asked)
  adapter.assertAllUsed()
})

test('masks credentials, cookies, tokens in URLs, forms and JSON, and what it is told to', async () => {
  const secrets = [
    'hush-basic',
    'hush-cookie',
    'hush-query',
    'hush-form',
    'hush-json',
    'hush value',
    'hush-named',
    'hush-path',
  ]
  const [session, adapter] = recorder({ secretNames: ['X-Custom', 'pin'], secretValues: ['hush value', 'hush-path'] })
  const url = `${server().url}/post?access_token=hush-query&page=1`
  const cookies = { id: 'hush-cookie' }
  await session.post(url, { auth: ['ahab', 'hush-basic'], cookies, data: { password: 'hush-form', q: 'hush value' } })
  await session.post(`${server().url}/post`, {
    json: { deep: [{ client_secret: 'hush-json', pin: 12345678 }], n: 'hush value' },
  })
  await session.get(`${server().url}/cookies/set/sid/hush-path`, { headers: { 'X-Custom': 'hush-named' } })
  const text = JSON.stringify(adapter.cassette)
  for (const secret of [
    ...secrets,
    encodeURIComponent('hush value'),
    Buffer.from('ahab:hush-basic').toString('base64'),
    '12345678',
  ]) {
    // The echo server repeats what it was sent; that is JSON, and covered too, except for nested echoes of the raw body.
    const kept = adapter.cassette.interactions.map(({ request }) => JSON.stringify(request)).join('\n')
    expect(kept).not.toContain(secret)
  }
  expect(text).toContain('Basic ***')
  expect(text).toContain('sid=***')
  expect(text).toContain('page=1')
})

test('a recorded secret still fits another one at replay', async () => {
  const [session, { cassette }] = recorder()
  await session.get(`${server().url}/get?token=recorded`, { auth: ['ahab', 'recorded'] })
  const [replayed] = player(cassette, { matchHeaders: ['Authorization'] })
  const response = await replayed.get(`${server().url}/get?token=other`, { auth: ['ahab', 'other'] })
  expect(response.statusCode).toBe(200)
})

test('is strict: each interaction once, and everything equal', async () => {
  const [session, { cassette }] = recorder()
  await session.post(`${server().url}/post`, { json: { a: 1 } })
  const [replayed, adapter] = player(cassette)
  const refused = await replayed.post(`${server().url}/post`, { json: { a: 2 } }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(UnmatchedRequestError)
  expect(String(refused)).toContain(String.raw`the body is "{\"a\":2}", was "{\"a\":1}"`)
  await expect(replayed.post(`${server().url}/post`, { data: '{"a":1}' })).rejects.toThrow(/Content-Type is absent/)
  expect(() => adapter.assertAllUsed()).toThrow(/POST .*\/post/)
  expect((await replayed.post(`${server().url}/post`, { json: { a: 1 } })).statusCode).toBe(200)
  await expect(replayed.post(`${server().url}/post`, { json: { a: 1 } })).rejects.toThrow(/no interaction left/)
})

test('an ordered replay refuses what comes too early', async () => {
  const [session, { cassette }] = recorder()
  await session.get(`${server().url}/get?n=1`)
  await session.get(`${server().url}/get?n=2`)
  const [replayed] = player(cassette, { isOrdered: true })
  await expect(replayed.get(`${server().url}/get?n=2`)).rejects.toThrow(/the URL is .*n=2", was .*n=1"/)
})

test('records in the order of sending, whatever is read first', async () => {
  const [session, { cassette }] = recorder()
  const first = await session.get(`${server().url}/get?n=1`, { stream: true })
  await session.get(`${server().url}/get?n=2`)
  expect(cassette.interactions).toHaveLength(0)
  await first.read()
  expect(cassette.interactions.map(({ request }) => request.url.at(-1))).toEqual(['1', '2'])
})

test('what was read of a body that was given up is kept, and ends with an error at replay', async () => {
  const [session, adapter] = recorder()
  const unread = await session.get(`${server().url}/download/5000000`, { stream: true })
  await unread.iterContent(1000).next()
  await session.close()
  expect(adapter.cassette.interactions[0]?.response.body?.isTruncated).toBe(true)
  const [replayed] = player(adapter.cassette)
  await expect(replayed.get(`${server().url}/download/5000000`)).rejects.toMatchObject({ code: 'ERR_BODY_TRUNCATED' })
})

test('keeps no more of a body than it is told', async () => {
  const [session, { cassette }] = recorder({ maxBodyBytes: 100 })
  const response = await session.post(`${server().url}/post`, { data: Buffer.alloc(5000, 'a') })
  expect(response.json<{ data: string }>().data).toHaveLength(5000)
  const [{ request }] = cassette.interactions as [(typeof cassette.interactions)[0]]
  expect(request.body?.isTruncated).toBe(true)
  expect(JSON.stringify(cassette).length).toBeLessThan(3000)
})

test('requests without a response are not recorded', async () => {
  const [session, { cassette }] = recorder()
  await expect(session.get(`${server().url}/close`)).rejects.toThrow()
  await session.get(`${server().url}/get`)
  expect(cassette.interactions).toHaveLength(1)
})

test('a cassette is written whole, and leaves no temporary file', async () => {
  const own = await mkdtemp(join(folder, 'save-'))
  await new Cassette().save(join(own, 'a b.json'))
  expect(await readdir(own)).toEqual(['a b.json'])
  expect(await readFile(join(own, 'a b.json'), 'utf8')).toContain('entreat-cassette/1')
})

test.each([null, {}, { format: 'har' }, { format: 'entreat-cassette/1', interactions: [{}] }])(
  'refuses %j as a cassette',
  (value) => {
    expect(() => Cassette.fromJSON(value)).toThrow(UsageError)
  },
)

test('any body of bytes and any header survives a cassette', async () => {
  const latin1 = fc.stringMatching(/^[!-~][ -~]{0,20}$/)
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), latin1, async (bytes, value) => {
      const stub = new StubAdapter().on('POST', 'http://stub.test/', { body: bytes, headers: { 'X-Any': value } })
      const recording = new RecordingAdapter(stub)
      const session = new Session({ trustEnv: false }).mount('http://', recording)
      await session.post('http://stub.test/', { data: bytes })
      const again = Cassette.fromJSON(JSON.parse(JSON.stringify(recording.cassette)))
      const response = await player(again)[0].post('http://stub.test/', { data: bytes })
      expect(Buffer.compare(response.content, bytes)).toBe(0)
      expect(response.headers.get('x-any')).toBe(value)
    }),
    { numRuns: 60 },
  )
})
