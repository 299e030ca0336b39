import { generateKeyPairSync } from 'node:crypto'
import { inspect } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Request, Session, UsageError } from '@entreat/core'
import { type RecordedRequest, TestServer } from '@entreat/testkit'
import { OAuth1, type OAuth1Options, OAuth1SignatureError } from '../../src/index.ts'
import { headerParameters, queryParameters } from './support/signed-request.ts'

let server: TestServer
let session: Session

beforeEach(async () => {
  server = await TestServer.start({ tls: false })
  session = new Session({ trustEnv: false })
})

afterEach(async () => {
  await session.close()
  await server.close()
})

const credentials = { clientKey: 'ck', clientSecret: 'cs', token: 'tk', tokenSecret: 'ts' }
const seen = (): RecordedRequest => server.requests.at(-1) as RecordedRequest

describe('OAuth1 sends', () => {
  test('realm, callback and verifier in the header, and no version if asked', async () => {
    const auth = new OAuth1({ ...credentials, realm: 'a "b"', callback: 'oob', verifier: 'v v', version: null })
    await session.get(`${server.url}/get`, { auth })
    const header = seen().header('authorization') as string
    expect(header).toMatch(
      /^OAuth realm="a \\"b\\"", oauth_callback="oob", oauth_consumer_key="ck", oauth_nonce="[0-9a-f]{28}", /,
    )
    const params = headerParameters(seen())
    expect(params.get('oauth_verifier')).toBe('v v')
    expect(params.has('oauth_version')).toBe(false)
  })

  test('no token if there is none, and an empty one if it is empty', async () => {
    await session.get(`${server.url}/get`, { auth: new OAuth1({ clientKey: 'ck' }) })
    expect(headerParameters(seen()).has('oauth_token')).toBe(false)
    await session.get(`${server.url}/get`, { auth: new OAuth1({ clientKey: 'ck', token: '' }) })
    expect(headerParameters(seen()).get('oauth_token')).toBe('')
  })

  test('its parameters after those of the query, and no Authorization', async () => {
    await session.get(`${server.url}/get?b=2&a=%2F`, { auth: new OAuth1({ ...credentials, placement: 'query' }) })
    expect(seen().url).toMatch(/^\/get\?b=2&a=%2F&oauth_consumer_key=ck&oauth_nonce=/)
    expect(queryParameters(seen().url).get('oauth_signature')).toMatch(/=$/)
    expect(seen().header('authorization')).toBe(null)
  })

  test('its parameters after those of a form, or as a form if there is no body', async () => {
    const auth = new OAuth1({ ...credentials, placement: 'body' })
    await session.post(`${server.url}/post`, { auth, data: { b: '2', a: '/' } })
    expect(seen().body.toString()).toMatch(/^b=2&a=%2F&oauth_consumer_key=ck&/)
    expect(seen().header('content-length')).toBe(String(seen().body.length))
    await session.post(`${server.url}/post`, { auth })
    expect(seen().body.toString()).toMatch(/^oauth_consumer_key=ck&/)
    expect(seen().header('content-type')).toBe('application/x-www-form-urlencoded')
  })

  test('no form where none can be', async () => {
    const auth = new OAuth1({ ...credentials, placement: 'body' })
    const refused = [
      session.get(`${server.url}/get`, { auth }),
      session.post(`${server.url}/post`, { auth, json: {} }),
      session.post(`${server.url}/post`, { auth, files: { a: 'b' } }),
    ]
    for (const sent of refused) await expect(sent).rejects.toThrow(/the body must be a form/)
    expect(server.requests).toHaveLength(0)
  })

  test('a charset that the caller gave', async () => {
    const type = 'application/x-www-form-urlencoded; charset=utf-8'
    await session.post(`${server.url}/post`, {
      auth: new OAuth1(credentials),
      data: { a: 'é' },
      headers: { 'Content-Type': type },
    })
    expect(seen().header('content-type')).toBe(type)
  })

  test('a streamed form with its length, once it has been signed', async () => {
    const data = (function* (): Generator<Uint8Array> {
      yield Buffer.from('a=1&')
      yield Buffer.from('b=2')
    })()
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' }
    await session.post(`${server.url}/post`, { auth: new OAuth1(credentials), data, headers })
    expect([seen().body.toString(), seen().header('content-length')]).toEqual(['a=1&b=2', '7'])
  })

  test('a large upload that is no form as it comes, without reading it first', async () => {
    const data = (function* (): Generator<Uint8Array> {
      for (let n = 0; n < 40; n++) yield Buffer.alloc(1_000_000)
    })()
    const auth = new OAuth1({ ...credentials, maxBodyBytes: 10 })
    const response = await session.post(`${server.url}/status/200`, { auth, data })
    expect([response.statusCode, seen().bodyLength]).toEqual([200, 40_000_000])
  })

  test('no more of a form than it may hold in memory', async () => {
    const auth = new OAuth1({ ...credentials, maxBodyBytes: 10 })
    const sent = session.post(`${server.url}/post`, { auth, data: { a: 'x'.repeat(9) } })
    await expect(sent).rejects.toThrow(OAuth1SignatureError)
    await expect(sent).rejects.toThrow(/longer than 10 bytes. Raise maxBodyBytes/)
  })
})

describe('oauth_body_hash (trap 5)', () => {
  test.each<[OAuth1Options['bodyHash'], string]>([
    [true, 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='],
    ['sha1', 'qvTGHdzF6KLavt4PO0gs2a6pQ00='],
  ])('%s sums up a body that is no form', async (bodyHash, expected) => {
    const auth = new OAuth1({ ...credentials, signatureMethod: 'HMAC-SHA256', bodyHash })
    for (const data of ['hello', new Blob(['hello']), () => [Buffer.from('hel'), Buffer.from('lo')]]) {
      await session.post(`${server.url}/post`, { auth, data, headers: { 'Content-Type': 'text/plain' } })
      expect(headerParameters(seen()).get('oauth_body_hash')).toBe(expected)
      expect(seen().body.toString()).toBe('hello')
    }
  })

  test('is never sent with a form, and only if asked', async () => {
    await session.post(`${server.url}/post`, { auth: new OAuth1({ ...credentials, bodyHash: true }), data: { a: '1' } })
    expect(headerParameters(seen()).has('oauth_body_hash')).toBe(false)
    await session.post(`${server.url}/post`, { auth: new OAuth1(credentials), json: {} })
    expect(headerParameters(seen()).has('oauth_body_hash')).toBe(false)
  })
})

describe('a signature method of its own', () => {
  test('may take its time, and gets base string and key', async () => {
    const calls: string[][] = []
    const sign = async (...given: [string, string]): Promise<string> => {
      await Promise.resolve()
      calls.push(given)
      return 'a+b/c='
    }
    await session.get(`${server.url}/get?x=1`, {
      auth: new OAuth1({ ...credentials, signatureMethod: { name: 'KMS-1', sign } }),
    })
    expect(headerParameters(seen()).get('oauth_signature')).toBe('a+b/c=')
    expect(headerParameters(seen()).get('oauth_signature_method')).toBe('KMS-1')
    expect(calls[0]?.[0]).toMatch(/^GET&http%3A%2F%2F127.0.0.1%3A[0-9]+%2Fget&oauth_consumer_key%3Dck/)
    expect(calls[0]?.[1]).toBe('cs&ts')
  })

  test('that fails fails the request, and one that gives no text is named', async () => {
    const failure = new Error('the key service is away')
    const failing = new OAuth1({
      ...credentials,
      signatureMethod: { name: 'KMS-1', sign: () => Promise.reject(failure) },
    })
    await expect(session.get(server.url, { auth: failing })).rejects.toBe(failure)
    const silent = new OAuth1({ ...credentials, signatureMethod: { name: 'KMS-1', sign: () => undefined as never } })
    await expect(session.get(server.url, { auth: silent })).rejects.toThrow(
      'The signature method KMS-1 gave undefined instead of text',
    )
    expect(server.requests).toHaveLength(0)
  })
})

describe('parameters of ours that the caller sends (trap 6)', () => {
  test.each([
    ['the query', '/get?oauth_nonce=FIXED', {}],
    ['the query', '/get?oauth%5Fsignature=x', {}],
    ['the form', '/post', { data: { oauth_token: 'other' } }],
  ])('in %s are refused', async (place, path, options) => {
    const sent = session.request(path === '/post' ? 'POST' : 'GET', server.url + path, {
      auth: new OAuth1(credentials),
      ...options,
    })
    await expect(sent).rejects.toThrow(OAuth1SignatureError)
    await expect(sent).rejects.toThrow(new RegExp(`: ${place} has oauth_[a-z]+ already`))
    expect(server.requests).toHaveLength(0)
  })

  test("of another client's signed URL are refused too, not replaced", async () => {
    const url = `${server.url}/get?oauth_consumer_key=other&oauth_signature=x`
    await expect(session.get(url, { auth: new OAuth1({ ...credentials, placement: 'query' }) })).rejects.toThrow(
      OAuth1SignatureError,
    )
  })

  test('are signed if allowed, and others always', async () => {
    const auth = new OAuth1({ ...credentials, allowDuplicateParameters: true })
    await session.get(`${server.url}/get?oauth_nonce=FIXED`, { auth })
    await session.get(`${server.url}/get?oauth_foo=1&xoauth_requestor_id=2&oauth_verifier=3`, {
      auth: new OAuth1(credentials),
    })
    expect(server.requests).toHaveLength(2)
    expect(headerParameters(server.requests[0]!).get('oauth_nonce')).not.toBe('FIXED')
  })
})

describe('what a program sees', () => {
  test('sign() gives a copy that any client can send, and baseString() what was signed', async () => {
    const auth = new OAuth1({ ...credentials, nonce: () => 'n', timestamp: () => 1 })
    const request = await new Request('POST', 'http://example.com/a?b=c%20d', { data: { e: 'f' } }).prepare()
    const signed = await auth.sign(request)
    expect(request.headers.has('authorization')).toBe(false)
    expect(signed.headers.get('authorization')).toContain('oauth_signature="')
    const expected =
      'POST&http%3A%2F%2Fexample.com%2Fa&b%3Dc%2520d%26e%3Df%26oauth_consumer_key%3Dck%26oauth_nonce%3Dn%26' +
      'oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D1%26oauth_token%3Dtk%26oauth_version%3D1.0'
    expect(await auth.baseString(signed)).toBe(expected)
    for (const placement of ['query', 'body'] as const) {
      const other = new OAuth1({ ...credentials, placement, nonce: () => 'n', timestamp: () => 1 })
      expect(await other.baseString(await other.sign(request))).toBe(expected)
    }
  })

  test('wrong options are named', () => {
    const make = (options: object) => () => new OAuth1({ ...credentials, ...options })
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    expect(make({ consumerKey: 'x' })).toThrow(/has no option "consumerKey"/)
    expect(make({ clientKey: undefined })).toThrow(/clientKey must be text/)
    expect(make({ signatureMethod: 'HMAC-MD5' })).toThrow(/must be one of HMAC-SHA1, .*PLAINTEXT/)
    expect(make({ signatureMethod: 'RSA-SHA1' })).toThrow(/RSA-SHA1 needs a privateKey/)
    expect(make({ signatureMethod: 'RSA-SHA1', privateKey: 'canary' })).toThrow(/no private key in PEM/)
    expect(make({ signatureMethod: 'RSA-SHA1', privateKey })).toThrow(/needs a private RSA key/)
    expect(make({ privateKey })).toThrow(/privateKey is for the RSA methods/)
    expect(make({ signatureMethod: { name: 'x' } })).toThrow(/needs a name and a function/)
    expect(make({ placement: 'cookie' })).toThrow(/placement must be/)
    expect(make({ placement: 'query', realm: 'x' })).toThrow(/in the header only/)
    expect(make({ realm: 'a\r\nb' })).toThrow(/no header can carry/)
    expect(make({ bodyHash: 'md5' })).toThrow(/bodyHash must be/)
    expect(make({ maxBodyBytes: -1 })).toThrow(/maxBodyBytes/)
    expect(make({ origins: ['example.com'] })).toThrow(UsageError)
  })

  test('a polluted Object.prototype says nothing', async () => {
    const polluted = Object.prototype as Record<string, unknown>
    Object.assign(polluted, { placement: 'query', oauth_nonce: 'polluted', realm: 'polluted' })
    try {
      await session.get(`${server.url}/get`, { auth: new OAuth1(credentials) })
    } finally {
      for (const name of ['placement', 'oauth_nonce', 'realm']) delete polluted[name]
    }
    expect(seen().url).toBe('/get')
    expect(seen().header('authorization')).not.toContain('polluted')
  })

  test('it shows no secret, and neither do its errors', async () => {
    const secret = { clientKey: 'ck', clientSecret: 'canary-1', token: 'canary-2', tokenSecret: 'canary-3' }
    const auth = new OAuth1({
      ...secret,
      signatureMethod: 'PLAINTEXT',
      placement: 'query',
      allowPlaintextOverHttp: true,
    })
    const response = await session.get(`${server.url}/status/500`, { auth })
    const shown = [auth, response, response.request, session]
    try {
      response.raiseForStatus()
    } catch (error) {
      shown.push(error as never)
    }
    for (const value of shown) {
      expect(inspect(value, { depth: 10 })).not.toContain('canary')
      expect(JSON.stringify(value) ?? '').not.toContain('canary')
    }
  })
})
