import { Readable } from 'node:stream'
import type { Response, Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collectGarbage } from '../support/collect-garbage.ts'
import { http2Session } from '../support/http2-session.ts'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start({ http2: true })
})
afterAll(() => server.close())

const body = 'x'.repeat(100_000)

/** What a caller does, who then has no use for the response any more. */
const calls: [string, (session: Session, url: string) => Promise<Response>][] = [
  ['read whole', (session, url) => session.get(`${url}/bytes/100000`)],
  ['that refused it', (session, url) => session.get(`${url}/status/404`)],
  [
    'read piece by piece',
    async (session, url) => {
      const response = await session.get(`${url}/bytes/100000`, { stream: true })
      for await (const _piece of response);
      return response
    },
  ],
  [
    'read as a stream',
    async (session, url) => {
      const response = await session.get(`${url}/bytes/100000`, { stream: true })
      for await (const _piece of response.raw);
      return response
    },
  ],
  ['to a body from memory', (session, url) => session.post(`${url}/post`, { data: body })],
  ['to a body from a stream', (session, url) => session.post(`${url}/post`, { data: Readable.from([body]) })],
]

describe.each([
  ['http', (): string => server.url, false],
  ['https', (): string => server.httpsUrl, false],
  ['HTTP/2', (): string => server.httpsUrl, true],
])('an idle connection over %s', (_protocol, url, http2) => {
  it.each(calls)('holds nothing of a response %s', async (_what, call) => {
    await using session = http2Session({ timeout: 30_000 }, { http2 })
    const dropped = await (async () => {
      const response = await call(session, url())
      return [response, response.request, response.headers].map((held) => new WeakRef(held))
    })()
    await expect
      .poll(
        async () => {
          await collectGarbage()
          return dropped.filter((held) => held.deref() !== undefined).length
        },
        { timeout: 3000 },
      )
      .toBe(0)
  })
})
