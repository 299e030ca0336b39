import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Request, Retry, Session } from '@entreat/core'
import { type CustomHandler, TestServer } from '@entreat/testkit'
import { OAuth1 } from '../../src/index.ts'
import { headerParameters, queryParameters } from './support/signed-request.ts'

// Trap 1: a nonce that is used twice is refused, so a retry or a redirect must not repeat the header.

let server: TestServer
let session: Session

const handler: CustomHandler = (request, response) => {
  const url = request.url ?? ''
  if (url.startsWith('/busy')) {
    const isThird = server.requests.filter((seen) => seen.url.startsWith('/busy')).length >= 3
    response.writeHead(isThird ? 200 : 503).end()
    return true
  }
  if (url.startsWith('/slash?') || url === '/slash') {
    response.writeHead(308, { Location: url.replace('/slash', '/slash/') }).end()
    return true
  }
  if (url.startsWith('/slash/')) {
    response.writeHead(200).end()
    return true
  }
  return false
}

beforeEach(async () => {
  server = await TestServer.start({ tls: false, handler })
  session = new Session({ trustEnv: false })
})

afterEach(async () => {
  await session.close()
  await server.close()
})

const credentials = { clientKey: 'ck', clientSecret: 'cs', token: 'tk', tokenSecret: 'ts' }

describe('OAuth1', () => {
  test('gives every retry a nonce of its own', async () => {
    const auth = new OAuth1(credentials)
    const retry = new Retry({ total: 3, statusForcelist: [503], backoffMs: 0 })
    await session.get(`${server.url}/busy`, { auth, retry })
    const nonces = server.requests.map((request) => headerParameters(request).get('oauth_nonce'))
    expect(nonces).toHaveLength(3)
    expect(new Set(nonces).size).toBe(3)
  })

  test('signs each hop of a redirect within the origin anew', async () => {
    const auth = new OAuth1(credentials)
    await session.get(`${server.url}/redirect/3`, { auth })
    const signed = server.requests.map((request) => headerParameters(request))
    expect(new Set(signed.map((params) => params.get('oauth_nonce'))).size).toBe(4)
    expect(new Set(signed.map((params) => params.get('oauth_signature'))).size).toBe(4)
  })

  test('replaces its own parameters when a redirect repeats the query that carried them', async () => {
    const auth = new OAuth1({ ...credentials, placement: 'query' })
    const response = await session.get(`${server.url}/slash?a=1`, { auth })
    expect(response.statusCode).toBe(200)
    const [first, second] = server.requests.map(({ url }) => url)
    expect(second?.match(/oauth_nonce=/g)).toHaveLength(1)
    expect(queryParameters(second as string).get('a')).toBe('1')
    const nonce = (url?: string): string | undefined => queryParameters(url as string).get('oauth_nonce')
    expect(nonce(second)).not.toBe(nonce(first))
  })

  test('keeps the form unsigned above, so that a redirect with the body carries one signature', async () => {
    const auth = new OAuth1({ ...credentials, placement: 'body' })
    await session.post(`${server.url}/slash`, { auth, data: { a: '1' } })
    const forms = server.requests.map(({ body }) => new URLSearchParams(body.toString()))
    expect(forms.map((form) => form.getAll('oauth_nonce').length)).toEqual([1, 1])
    expect(forms[0]?.get('oauth_nonce')).not.toBe(forms[1]?.get('oauth_nonce'))
    expect(forms[1]?.get('a')).toBe('1')
  })

  test('a thousand requests at once have a thousand nonces', async () => {
    const auth = new OAuth1(credentials)
    await Promise.all(Array.from({ length: 1000 }, () => session.get(`${server.url}/status/204`, { auth })))
    expect(new Set(server.requests.map((request) => headerParameters(request).get('oauth_nonce'))).size).toBe(1000)
  })

  test('signs a prepared request when it is sent, each time', async () => {
    const request = await session.prepareRequest(
      new Request('GET', `${server.url}/get`, { auth: new OAuth1(credentials) }),
    )
    expect(request.headers.has('authorization')).toBe(false)
    await session.send(request)
    await session.send(request)
    expect(new Set(server.requests.map((seen) => headerParameters(seen).get('oauth_nonce'))).size).toBe(2)
  })
})
