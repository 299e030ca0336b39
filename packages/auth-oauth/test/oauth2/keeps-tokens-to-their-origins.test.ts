import { get, Session } from '@entreat/core'
import { TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InsecureTransportError, OAuth2Auth, OAuth2Client, TokenRequestError } from '../../src/index.ts'
import { bearer, FakeServer } from '../support/fake-server.ts'

// Where tokens and secrets go, and where they do not. Traps 25 to 27.

const token = { accessToken: 't0ken-canary', tokenType: 'Bearer' }
const metadata = { issuer: 'https://server.example', token_endpoint: 'https://server.example/token' }

function bound(origins?: readonly string[]): OAuth2Auth {
  const client = new OAuth2Client({ metadata, clientId: 'c' })
  return new OAuth2Auth({ client, token, ...(origins === undefined ? {} : { origins }) })
}

let home: TestServer
let away: TestServer

beforeAll(async () => {
  home = await TestServer.start()
  away = await TestServer.start()
})

afterAll(() => Promise.all([home.close(), away.close()]))

/** Whether any request of a server carried the token. */
function sawToken(server: TestServer): boolean {
  return server.requests.some(({ headers, url }) => JSON.stringify([headers, url]).includes('t0ken-canary'))
}

describe('a redirect', () => {
  // Trap 25: scheme, host and port, and every status.
  const places = [
    ['another port', () => `${away.url}/get`],
    ['another host', () => `${home.url.replace('127.0.0.1', 'localhost')}/get`],
    ['https on another port', () => `${away.httpsUrl}/get`],
    ['another host over https', () => `${home.httpsUrl}/get`],
    ['another port with userinfo', () => `${away.url.replace('//', '//t0ken@')}/get`],
    ['another place and back', () => `${away.url}/redirect-to?url=${encodeURIComponent(`${home.url}/headers`)}`],
  ] as const
  const statuses = [301, 302, 303, 307, 308]

  test.each(places.flatMap(([name, place]) => statuses.map((status) => [name, status, place] as const)))(
    'to %s with %i takes no token along',
    async (_, status, place) => {
      home.reset()
      away.reset()
      await using session = new Session({ auth: bound(), verify: home.ca })
      const target = encodeURIComponent(place())
      const response = await session.get(`${home.url}/redirect-to?url=${target}&status_code=${status}`)
      expect(response.statusCode).toBe(200)
      expect(home.requests[0]?.header('authorization')).toBe('Bearer t0ken-canary')
      expect(home.requests.slice(1).map((request) => request.header('authorization'))).toEqual(
        Array.from({ length: home.requests.length - 1 }, () => null),
      )
      expect(sawToken(away)).toBe(false)
    },
  )

  test('within the origin is signed again', async () => {
    home.reset()
    await using session = new Session({ auth: bound() })
    await session.get(`${home.url}/redirect/2`)
    expect(home.requests.map((request) => request.header('authorization'))).toEqual(
      Array.from({ length: 3 }, () => 'Bearer t0ken-canary'),
    )
  })
})

describe('a token', () => {
  // Trap 27.
  test('goes to the first origin that is asked for, and to no other', async () => {
    home.reset()
    away.reset()
    await using session = new Session({ auth: bound() })
    await session.get(`${home.url}/get`)
    await session.get(`${away.url}/get`)
    expect(sawToken(home)).toBe(true)
    expect(sawToken(away)).toBe(false)
  })

  test('goes to the origins that are named', async () => {
    home.reset()
    away.reset()
    await using session = new Session({ auth: bound([away.url]) })
    await session.get(`${home.url}/get`)
    await session.get(`${away.url}/get`)
    expect(sawToken(home)).toBe(false)
    expect(sawToken(away)).toBe(true)
  })

  test('does not travel in the clear to another machine', async () => {
    const auth = bound()
    await expect(get('http://api.example/things', { auth })).rejects.toThrow(InsecureTransportError)
    await expect(get('http://api.example/things', { auth })).rejects.toThrow(
      "OAuth2Auth does not answer http://api.example in plain text. Use https, or allow it by naming it: origins: ['http://api.example']",
    )
    // Elsewhere the request goes without it.
    home.reset()
    await get(`${home.url}/get`, { auth })
    expect(sawToken(home)).toBe(false)
  })

  test('travels in the query where that is asked for, once, and is not shown', async () => {
    home.reset()
    const client = new OAuth2Client({ metadata, clientId: 'c' })
    await using session = new Session({ auth: new OAuth2Auth({ client, token, placement: 'query' }) })
    const response = await session.get(`${home.url}/get?b=1&access_token=old&a=%20x`)
    expect(home.requests[0]?.url).toBe('/get?b=1&a=+x&access_token=t0ken-canary')
    expect(JSON.stringify(response)).not.toContain('t0ken-canary')
    await session.get(`${home.url}/get?a=~%20x`)
    expect(home.requests[1]?.url).toBe('/get?a=~%20x&access_token=t0ken-canary')
  })
})

describe('an endpoint', () => {
  // Trap 26.
  test.each([301, 302, 303, 307, 308])(
    'that answers %i is not followed: a second server would see the secret',
    async (status) => {
      away.reset()
      await using server = await FakeServer.start({
        '/token': () => ({ status, headers: { Location: `${away.url}/post` } }),
      })
      const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
      const error = await client.clientCredentials().catch((error: unknown) => error as TokenRequestError)
      expect(error).toBeInstanceOf(TokenRequestError)
      expect(error).toMatchObject({ status })
      expect(String(error)).toContain(`answered ${status}: it redirects`)
      const auth = new OAuth2Auth({ client, obtain: 'client_credentials' })
      await expect(get(server.url, { auth })).rejects.toThrow('it redirects')
      expect(away.requests).toEqual([])
    },
  )

  test('over plain http is refused unless it is on this machine, or allowed', async () => {
    const insecure = { token_endpoint: 'http://server.example/token' }
    const client = new OAuth2Client({ metadata: insecure, clientId: 'c' })
    await expect(client.clientCredentials()).rejects.toThrow(InsecureTransportError)
    const options = { clientId: 'c' }
    await expect(OAuth2Client.discover('http://server.example', options)).rejects.toThrow(InsecureTransportError)
    const allowed = new OAuth2Client({ metadata: insecure, clientId: 'c', allowInsecure: true })
    await expect(allowed.clientCredentials({ timeout: 5000 })).rejects.not.toThrow(InsecureTransportError)
    for (const token_endpoint of ['http://localhost:1/token', 'http://127.1.2.3:1/token', 'http://[::1]:1/token']) {
      const local = new OAuth2Client({ metadata: { token_endpoint }, clientId: 'c' })
      await expect(local.clientCredentials()).rejects.toThrow(TokenRequestError)
    }
    for (const token_endpoint of ['http://localhost.evil.example/', 'http://127.0.0.1.evil.example/']) {
      const evil = new OAuth2Client({ metadata: { token_endpoint }, clientId: 'c' })
      await expect(evil.clientCredentials()).rejects.toThrow(InsecureTransportError)
    }
  })

  test('is reached through the proxy of the Session whose request needs a token', async () => {
    await using server = await FakeServer.start({ '*': () => bearer('t0ken') })
    await using proxy = await TestProxy.start()
    const client = new OAuth2Client({ metadata: server.metadata, clientId: 'c' })
    const auth = new OAuth2Auth({ client, obtain: 'client_credentials' })
    await using session = new Session({ auth, proxies: { all: proxy.url } })
    await session.get(`${server.url}/api`)
    expect(proxy.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `POST ${server.url}/token`,
      `GET ${server.url}/api`,
    ])
  })

  test('gets neither the cookies nor the headers and auth of the Session that lends its connections', async () => {
    await using server = await FakeServer.start({ '*': () => bearer('t0ken') })
    await using session = new Session({ headers: { 'X-Secret': 'yes' }, auth: ['ahab', 'ivory'], params: { page: 1 } })
    await new OAuth2Client({ metadata: server.metadata, clientId: 'c', session }).clientCredentials()
    const [seen] = server.seen
    expect(seen?.headers).not.toHaveProperty('x-secret')
    expect(seen?.headers).not.toHaveProperty('authorization')
    expect(String(seen?.query)).toBe('')
  })
})
