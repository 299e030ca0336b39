import { type PreparedRequest, Response, Session, type Timings, TransportAdapter } from '@entreat/core'
import { TestProxy } from '@entreat/testkit'
import { expect, it } from 'vitest'
import { RawServer } from '../support/raw-server.ts'
import { server, session, useServerAndSession } from '../support/server-and-session.ts'

useServerAndSession(() => ({ verify: server.ca }))

/** The phases in the order in which they must be over. */
function phases({ dns, connect, tls, sent, firstByte, end }: Timings): (number | null)[] {
  return [dns, connect, tls, sent, firstByte, end]
}

function expectAscending(response: Response): void {
  const moments = phases(response.timings).filter((moment) => moment !== null)
  expect(moments).toEqual([...moments].sort((a, b) => a - b))
  expect(moments.every((moment) => moment >= 0)).toBe(true)
}

const happened = (response: Response): boolean[] => phases(response.timings).map((moment) => moment !== null)

it('dates every phase of the first request on a connection, in order', async () => {
  const response = await session.get(`${server.httpsUrl.replace('127.0.0.1', 'localhost')}/get`)
  expect(happened(response)).toEqual([true, true, true, true, true, true])
  expectAscending(response)
  expect(response.timings.firstByte).toBe(response.elapsed)
  expect(Math.abs(response.timings.startedAt - Date.now())).toBeLessThan(60_000)
})

it('dates no opening on a connection that was kept', async () => {
  await session.get(`${server.httpsUrl}/get`)
  const response = await session.get(`${server.httpsUrl}/get`)
  expect(happened(response)).toEqual([false, false, false, true, true, true])
})

it('dates no name and no TLS where there is none', async () => {
  const response = await session.get(`${server.url}/get`)
  expect(happened(response)).toEqual([false, true, false, true, true, true])
  expectAscending(response)
})

it('dates TLS through a proxy after the tunnel', async () => {
  await using proxy = await TestProxy.start()
  const response = await session.get(`${server.httpsUrl}/get`, { proxies: { all: proxy.url } })
  expect(happened(response).slice(1)).toEqual([true, true, true, true, true])
  expectAscending(response)
})

it('dates the end of a streamed body when it is there', async () => {
  let finish = (): void => {}
  await using raw = await RawServer.start(({ socket }) => {
    finish = () => socket.write('rest')
    return 'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf'
  })
  const response = await session.get(raw.url, { stream: true })
  expect(response.timings.end).toBeNull()
  finish()
  await response.read()
  expect(response.timings.end).toBeGreaterThanOrEqual(response.timings.firstByte)
})

it('dates the end of an upload', async () => {
  const response = await session.post(`${server.url}/post`, { data: Buffer.alloc(1_000_000) })
  expect(response.timings.sent).toBeGreaterThan(0)
  expectAscending(response)
})

it('dates each response of the history by itself', async () => {
  const response = await session.get(`${server.url}/redirect/2`)
  const starts = [...response.history, response].map(({ timings }) => timings.startedAt)
  expect(starts).toHaveLength(3)
  expect(starts).toEqual([...starts].sort((a, b) => a - b))
  expect(response.history.map((leg) => leg.timings.end !== null)).toEqual([true, true])
})

it('knows the head alone of an adapter that notes nothing', async () => {
  class Silent extends TransportAdapter {
    async send(request: PreparedRequest): Promise<Response> {
      return new Response({ request, statusCode: 200, body: 'x' })
    }
    async close(): Promise<void> {}
  }
  session.mount('silent://', new Silent())
  const response = await new Session().mount('silent://', new Silent()).get('silent://x')
  expect(happened(response)).toEqual([false, false, false, false, true, false])
})
