import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Request, Session } from '@entreat/core'
import { type RecordedRequest, TestServer } from '@entreat/testkit'
import { InsecureTransportError, OAuth1, OAuth1SignatureError } from '../../src/index.ts'
import { headerParameters } from './support/signed-request.ts'

// Traps 2, 3 and 27: no signature for a foreign origin, and never the secrets themselves.

let server: TestServer
let stranger: TestServer
let session: Session

beforeEach(async () => {
  server = await TestServer.start()
  stranger = await TestServer.start({ tls: false })
  session = new Session({ trustEnv: false, verify: server.ca })
})

afterEach(async () => {
  await session.close()
  await server.close()
  await stranger.close()
})

const credentials = {
  clientKey: 'key-canary',
  clientSecret: 'secret-canary',
  token: 'token-canary',
  tokenSecret: 'other-canary',
}

function assertUnsigned(requests: readonly RecordedRequest[], count = 1): void {
  expect(requests).toHaveLength(count)
  for (const { url, headers, body } of requests) {
    expect(JSON.stringify([url, headers, body.toString('latin1')])).not.toMatch(/canary|oauth_|authorization/i)
  }
}

describe('OAuth1', () => {
  test.each(['header', 'query', 'body'] as const)(
    'placed in the %s, does not follow a redirect to another origin',
    async (placement) => {
      for (const signatureMethod of ['HMAC-SHA1', 'PLAINTEXT'] as const) {
        for (const status of [301, 302, 303, 307, 308]) {
          stranger.reset()
          const auth = new OAuth1({ ...credentials, signatureMethod, placement })
          const target = `${stranger.url.replace('127.0.0.1', 'localhost')}/anything`
          const params = { url: target, status_code: status }
          await session.post(`${server.url}/redirect-to`, { auth, params, data: { a: '1' } })
          assertUnsigned(stranger.requests)
        }
      }
    },
  )

  test('does not follow a redirect from https to http', async () => {
    const auth = new OAuth1({ ...credentials, signatureMethod: 'PLAINTEXT' })
    await session.get(`${server.httpsUrl}/redirect-to`, { auth, params: { url: `${stranger.url}/get` } })
    assertUnsigned(stranger.requests)
  })

  test('signs nothing when it comes back after another origin', async () => {
    const auth = new OAuth1(credentials)
    const back = `${stranger.url}/redirect-to?url=${encodeURIComponent(`${server.url}/get`)}`
    await session.get(`${server.url}/redirect-to`, { auth, params: { url: back } })
    assertUnsigned(server.requests.filter(({ url }) => url.startsWith('/get')))
  })

  test('as the auth of a Session, signs for the first origin alone', async () => {
    session.auth = new OAuth1(credentials)
    await session.get(`${server.url}/get`)
    await session.get(`${stranger.url}/get`)
    assertUnsigned(stranger.requests)
    expect(headerParameters(server.requests[0] as RecordedRequest).get('oauth_token')).toBe('token-canary')
  })

  test('signs for all of the origins that it is given, and for no other', async () => {
    const origins = [server.url, server.httpsUrl]
    session.auth = new OAuth1({ ...credentials, origins })
    for (const url of [stranger.url, server.url, server.httpsUrl]) await session.get(`${url}/get`)
    assertUnsigned(stranger.requests)
    expect(server.requests.map((request) => headerParameters(request).has('oauth_signature'))).toEqual([true, true])
  })

  test('refuses to sign a request to a foreign origin by hand', async () => {
    const auth = new OAuth1({ ...credentials, origins: ['https://api.example.com'] })
    const request = await new Request('GET', 'https://other.example.com/?token=canary').prepare()
    await expect(auth.sign(request)).rejects.toThrow(OAuth1SignatureError)
    await expect(auth.sign(request)).rejects.toThrow(
      /^GET https:\/\/other.example.com\/: OAuth1 does not answer .*Add it to them/,
    )
  })

  test('refuses PLAINTEXT over http but to this machine (RFC 5849 section 3.4.4)', async () => {
    const plain = new OAuth1({
      ...credentials,
      signatureMethod: 'PLAINTEXT',
      origins: ['http://api.example.com', 'https://api.example.com', 'http://127.0.0.1'],
    })
    const request = (url: string): Promise<Awaited<ReturnType<Request['prepare']>>> => new Request('GET', url).prepare()
    await expect(plain.sign(await request('http://api.example.com/'))).rejects.toThrow(InsecureTransportError)
    await expect(plain.sign(await request('https://api.example.com/'))).resolves.toBeDefined()
    await expect(plain.sign(await request('http://127.0.0.1/'))).resolves.toBeDefined()
    const allowed = new OAuth1({ ...credentials, signatureMethod: 'PLAINTEXT', allowPlaintextOverHttp: true })
    await expect(allowed.sign(await request('http://api.example.com/'))).resolves.toBeDefined()
    const disguised = new OAuth1({ ...credentials, signatureMethod: { name: 'plaintext', sign: (_, key) => key } })
    await expect(disguised.sign(await request('http://api.example.com/'))).rejects.toThrow(InsecureTransportError)
  })

  test('signs over plain http where it was used first, and from there follows an upgrade to https', async () => {
    const auth = new OAuth1(credentials)
    const signed = async (url: string): Promise<boolean> => {
      const sent = auth.sign(await new Request('GET', url).prepare())
      return sent.then(
        () => true,
        () => false,
      )
    }
    expect(await signed('http://api.example.com/')).toBe(true)
    expect(await signed('https://api.example.com/')).toBe(true)
    for (const origin of [
      'http://api.example.com:8080',
      'https://api.example.com:8443',
      'http://example.com',
      'http://api.example.com.evil.test',
    ]) {
      expect(await signed(origin)).toBe(false)
    }
  })

  test('is no scheme for proxies', async () => {
    const url = 'http://example.com/'
    const sent = session.get(url, { proxies: { http: server.url }, proxyAuth: new OAuth1(credentials) })
    await expect(sent).rejects.toThrow(OAuth1SignatureError)
    assertUnsigned(server.requests, 0)
  })
})
