import type { Session } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { http2Session } from '../support/http2-session.ts'

let server: TestServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start({ http2: true })
  session = http2Session()
})
afterAll(async () => {
  await session.close()
  await server.close()
})

describe.each(['HTTP/1.1', 'HTTP/2'])('trailers over %s (RFC 9110 section 6.5)', (protocol) => {
  const url = (path: string): string => (protocol === 'HTTP/2' ? server.httpsUrl : server.url) + path

  it('are there with the body, and apart from the headers', async () => {
    const response = await session.get(url('/trailers'))
    expect(response.trailers.size).toBeGreaterThan(0)
    for (const [name] of response.trailers) expect(response.headers.has(name)).toBe(false)
  })

  it('are there after a streamed body has ended', async () => {
    const response = await session.get(url('/trailers'), { stream: true })
    for await (const _piece of response.iterContent()) continue
    expect(response.trailers.size).toBeGreaterThan(0)
  })

  it('are there after raw was read', async () => {
    const response = await session.get(url('/trailers'), { stream: true })
    for await (const _piece of response.raw) continue
    expect(response.trailers.size).toBeGreaterThan(0)
  })

  it('are empty where none came', async () => {
    expect((await session.get(url('/get'))).trailers.size).toBe(0)
  })
})
