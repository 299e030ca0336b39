import { Readable } from 'node:stream'
import { inspect } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AuthenticationError, LimitExceededError, Session, UsageError } from '@entreat/core'
import { authSuite, TestServer } from '@entreat/testkit'
import { AWSSigV4Auth, type AWSSigV4AuthOptions } from '../src/aws-sigv4-auth.ts'
import { type ServerAccount, signatureServer } from './signature-server.ts'

const account: ServerAccount = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  sessionToken: 'FwoGZXIvYXdzEJr//////////wEaDEXAMPLE==',
  region: 'eu-central-1',
  service: 's3',
}
const { region, service, ...credentials } = account

let s3: TestServer
let api: TestServer
let session: Session

beforeAll(async () => {
  s3 = await TestServer.start({ handler: signatureServer(account) })
  api = await TestServer.start({ tls: false, handler: signatureServer({ ...account, service: 'execute-api' }) })
  session = new Session({ auth: auth(), verify: s3.ca, trustEnv: false })
})
afterAll(async () => {
  for (const each of [session, s3, api]) await each.close()
})

function auth(options: Partial<AWSSigV4AuthOptions> = {}): AWSSigV4Auth {
  return new AWSSigV4Auth({ credentials, region, service, ...options })
}

for (const [name, served] of [
  ['S3', 's3'],
  ['another service', 'execute-api'],
] as const) {
  authSuite({
    name: `AWSSigV4Auth, for ${name}`,
    create: () => auth({ service: served }),
    target: {
      path: '/aws/object',
      refusingPath: '/aws/refused',
      handler: () => signatureServer({ ...account, service: served }),
    },
    secrets: [account.secretAccessKey],
    runner: { describe, test },
  })
}

const URLS = [
  '/aws/',
  '/aws/a b/ü/€?q=a b&q=ü&empty',
  '/aws/100%25/$&+,;=:@!*()',
  "/aws/~'\"<>?'=~*(!)&b=2&a=1&a=0&A=3",
  '/aws/%7Etilde%2Fslash?x=%2B+%20',
]

describe.each([['s3'], ['execute-api']])('a request to %s', (served) => {
  test.each(URLS)('for %s is signed as it is sent', async (url) => {
    const server = served === 's3' ? s3 : api
    const response = await session.get(server.url + url, {
      auth: auth({ service: served }),
      params: { p: 'a b+c/ü', n: [1, 2] },
    })
    expect([response.statusCode, response.text]).toEqual([200, '{"signed":true}'])
  })

  test('with headers and each kind of body is signed', async () => {
    const base = served === 's3' ? s3.url : api.url
    const headers = { 'X-Amz-Meta-Ship': '  Pequod   of  Nantucket'.trim(), 'X-Amz-Acl': 'private', Range: 'bytes=0-9' }
    const bodies = [
      { json: { a: 1 } },
      { data: { form: 'a b' } },
      { data: Buffer.alloc(200_000, 7) },
      { data: () => Readable.from(['a', 'b']) },
      {},
    ]
    for (const body of bodies) {
      const response = await session.put(`${base}/aws/x`, { auth: auth({ service: served }), headers, ...body })
      expect(response.text).toBe('{"signed":true}')
    }
  })
})

test('a body that can be read once is not signed for S3 over https, and is in plain text or if told so', async () => {
  const hashes: (string | null | undefined)[] = []
  const send = async (base: string, options: Partial<AWSSigV4AuthOptions> = {}): Promise<void> => {
    const data = Readable.from([Buffer.from('one '), Buffer.from('shot')])
    expect((await session.put(`${base}/aws/x`, { data, auth: auth(options) })).text).toBe('{"signed":true}')
    hashes.push(
      s3.requests
        .at(-1)
        ?.header('x-amz-content-sha256')
        ?.replace(/^[0-9a-f]{64}$/, 'hash'),
    )
    expect(s3.requests.at(-1)?.body.toString()).toBe('one shot')
  }
  await send(s3.httpsUrl)
  await send(s3.url)
  await send(s3.httpsUrl, { payload: 'signed' })
  await send(s3.url, { payload: 'unsigned' })
  expect(hashes).toEqual(['UNSIGNED-PAYLOAD', 'hash', 'hash', 'UNSIGNED-PAYLOAD'])

  const long = session.put(`${s3.url}/aws/x`, {
    data: Readable.from([Buffer.alloc(100)]),
    auth: auth({ maxPayloadBytes: 99 }),
  })
  await expect(long).rejects.toBeInstanceOf(LimitExceededError)
})

test('a wrong secret, a changed body hash and an old time are refused by the server', async () => {
  const wrong = auth({ credentials: { ...credentials, secretAccessKey: 'wrong' } })
  expect((await session.get(`${s3.url}/aws/x`, { auth: wrong })).json()).toEqual({ Code: 'SignatureDoesNotMatch' })
  const elsewhere = auth({ region: 'us-east-1' })
  expect((await session.get(`${s3.url}/aws/x`, { auth: elsewhere })).json()).toEqual({ Code: 'SignatureDoesNotMatch' })
  const late = await TestServer.start({ tls: false, handler: signatureServer(account, () => Date.now() + 600_000) })
  expect((await session.get(`${late.url}/aws/x`)).json()).toEqual({ Code: 'RequestExpired' })
  await late.close()
})

test('a redirect to another origin carries no signature, no token and no hash', async () => {
  await session.get(`${s3.url}/redirect-to`, { params: { url: `${api.url}/headers` } })
  const seen = api.requests.at(-1)
  for (const name of ['authorization', 'x-amz-security-token', 'x-amz-content-sha256', 'x-amz-date'])
    expect([name, seen?.header(name) ?? null]).toEqual([name, null])
})

test('a redirect within the origin, and a retry, are signed anew', async () => {
  const there = await session.get(`${s3.url}/redirect-to`, { params: { url: '/aws/there?x=1' } })
  expect([there.statusCode, there.history.length]).toEqual([200, 1])
})

test('credentials may come from a function, which is asked for each request', async () => {
  let asked = 0
  const rotating = auth({ credentials: () => Promise.resolve(((asked += 1), credentials)) })
  for (let n = 0; n < 3; n++) expect((await session.get(`${s3.url}/aws/${n}`, { auth: rotating })).statusCode).toBe(200)
  expect(asked).toBe(3)
})

describe('a presigned URL', () => {
  test('needs no header, and serves its own method and query alone', async () => {
    const bare = new Session({ trustEnv: false })
    const url = await auth().presign(`${s3.url}/aws/a b?response-content-type=text/plain&x=+`, { expiresIn: 60 })
    expect((await bare.get(url)).text).toBe('{"signed":true}')
    expect((await bare.delete(url)).json()).toEqual({ Code: 'SignatureDoesNotMatch' })
    expect((await bare.get(`${url}&more=1`)).json()).toEqual({ Code: 'SignatureDoesNotMatch' })
    const put = await auth().presign(`${s3.url}/aws/upload`, { method: 'PUT' })
    expect((await bare.put(put, { data: 'body' })).text).toBe('{"signed":true}')
    const called = await auth({ service: 'execute-api' }).presign(`${api.url}/aws/call`)
    expect((await bare.get(called)).text).toBe('{"signed":true}')
    await bare.close()
  })

  test('is over in its time, which AWS limits', async () => {
    const past = await auth().presign(`${s3.url}/aws/a`, { expiresIn: 60, nowMs: Date.now() - 61_000 })
    expect((await session.get(past, { auth: null })).json()).toEqual({ Code: 'RequestExpired' })
    for (const expiresIn of [0, 1.5, 604_801, Number.NaN])
      await expect(auth().presign(s3.url, { expiresIn })).rejects.toBeInstanceOf(UsageError)
    await expect(auth().presign(s3.url, { expires: 1 } as never)).rejects.toThrow(/Did you mean "expiresIn"/)
  })
})

test('origins are held to where they are named; a proxy is not answered', async () => {
  const named = auth({ origins: ['https://*.amazonaws.com'] })
  await expect(session.get(`${s3.url}/aws/x`, { auth: named })).rejects.toBeInstanceOf(AuthenticationError)
  const proxied = session.get(`${s3.url}/aws/x`, { auth: null, proxyAuth: auth(), proxies: { all: s3.url } })
  await expect(proxied).rejects.toThrow(/not for proxies/)
})

test('options that cannot be are refused, and secrets are not shown', async () => {
  const bad: Partial<AWSSigV4AuthOptions>[] = [
    { region: '' },
    { service: 'a b' },
    { payload: 'some' as never },
    { service: 'sts', payload: 'unsigned' },
    { origins: ['x'] },
    { regoin: 'x' } as never,
  ]
  for (const options of bad) expect(() => auth(options)).toThrow(UsageError)
  const incomplete = { accessKeyId: 'AKIDEXAMPLE' } as never
  expect(() => auth({ credentials: incomplete })).toThrow(AuthenticationError)
  await expect(session.get(s3.url, { auth: auth({ credentials: () => incomplete }) })).rejects.toBeInstanceOf(
    AuthenticationError,
  )
  expect(inspect(auth(), { depth: 9 }) + JSON.stringify(auth())).not.toContain(account.secretAccessKey)
})
