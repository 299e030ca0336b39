import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Session } from '@entreat/core'
import { type CustomHandler, TestServer } from '@entreat/testkit'
import { OAuth1 } from '../../src/index.ts'
import { headerParameters } from './support/signed-request.ts'

// Trap 4: a server whose clock is not ours refuses every timestamp.

const HOUR = 3_600_000

let server: TestServer
let session: Session
/** The server's clock, ahead of ours. */
let aheadMs: number
/** How far a timestamp may be off, in milliseconds. */
let windowMs: number
let headers: (now: number) => Record<string, string>

const handler: CustomHandler = async (request, response) => {
  for await (const _ of request) continue
  const now = Date.now() + aheadMs
  const sent = Number(headerParameters(request).get('oauth_timestamp')) * 1000
  const isGood = Math.abs(now - sent) < windowMs
  response.writeHead(isGood ? 200 : 401, isGood ? {} : headers(now)).end()
  return true
}

beforeEach(async () => {
  server = await TestServer.start({ tls: false, handler })
  session = new Session({ trustEnv: false })
  aheadMs = HOUR
  windowMs = 30_000
  headers = (now) => ({ Date: new Date(now).toUTCString() })
})

afterEach(async () => {
  await session.close()
  await server.close()
})

const credentials = { clientKey: 'ck', clientSecret: 'cs', token: 'tk', tokenSecret: 'ts' }
const signatures = (): (string | undefined)[] =>
  server.requests.map((seen) => headerParameters(seen).get('oauth_nonce'))

describe('a server whose clock is ahead or behind', () => {
  test.each([HOUR, -HOUR])(
    'by %i ms is asked once more, with another nonce, and its clock is remembered',
    async (ahead) => {
      aheadMs = ahead
      session.auth = new OAuth1(credentials)
      const response = await session.post(`${server.url}/a`, { data: { a: '1' } })
      expect(response.statusCode).toBe(200)
      expect(response.history.map(({ statusCode }) => statusCode)).toEqual([401])
      expect(new Set(signatures()).size).toBe(2)
      expect(server.requests[1]?.body.toString()).toBe('a=1')
      await session.get(`${server.url}/b`)
      expect(server.requests).toHaveLength(3)
    },
  )

  test('that says timestamp_refused is believed, however small the difference', async () => {
    aheadMs = 40_000
    headers = (now) => ({
      Date: new Date(now).toUTCString(),
      'WWW-Authenticate': 'OAuth realm="x", oauth_problem="timestamp_refused"',
    })
    const response = await session.get(server.url, { auth: new OAuth1(credentials) })
    expect(response.statusCode).toBe(200)
  })

  test('that names the timestamps it takes needs no Date', async () => {
    headers = (now) => {
      const seconds = Math.floor(now / 1000)
      const range = `oauth_acceptable_timestamps="${seconds - 30}-${seconds + 30}"`
      return { Date: '', 'WWW-Authenticate': `OAuth oauth_problem="timestamp_refused", ${range}` }
    }
    const response = await session.get(server.url, { auth: new OAuth1(credentials) })
    expect(response.statusCode).toBe(200)
  })

  test('is asked no more than twice, and not believed if that did not help', async () => {
    windowMs = 0
    session.auth = new OAuth1(credentials)
    expect((await session.get(server.url)).statusCode).toBe(401)
    expect(server.requests).toHaveLength(2)
    await session.get(server.url)
    const times = server.requests.map((seen) => Number(headerParameters(seen).get('oauth_timestamp')) * 1000)
    expect(Math.abs((times[2] as number) - Date.now())).toBeLessThan(60_000)
  })
})

describe('a refusal is not about the clock', () => {
  test.each<[string, () => void]>([
    ['if the clocks agree', () => (aheadMs = 45_000)],
    ['if nothing says what time it is', () => (headers = () => ({ Date: 'yesterday' }))],
  ])('%s', async (_, arrange) => {
    arrange()
    const response = await session.get(server.url, { auth: new OAuth1(credentials) })
    expect([response.statusCode, server.requests.length]).toEqual([401, 1])
  })

  test('if the caller gives the timestamps', async () => {
    const auth = new OAuth1({ ...credentials, timestamp: () => 1_700_000_000 })
    await session.get(server.url, { auth })
    expect(server.requests).toHaveLength(1)
    expect(headerParameters(server.requests[0]!).get('oauth_timestamp')).toBe('1700000000')
  })

  test('if the body cannot be sent again', async () => {
    const stream = (function* (): Generator<Uint8Array> {
      yield Buffer.from('once')
    })()
    const response = await session.post(server.url, { auth: new OAuth1(credentials), data: stream })
    expect([response.statusCode, server.requests.length]).toEqual([401, 1])
  })
})
