import { once } from 'node:events'
import { connect, constants, type IncomingHttpHeaders } from 'node:http2'
import { expect, test } from 'vitest'
import { TestServer } from '@entreat/testkit'

/** Status and text of one GET over HTTP/2, or how its stream ended. */
async function get(server: TestServer, path: string): Promise<readonly [status: unknown, text: string]> {
  const session = connect(server.httpsUrl, { ca: server.ca })
  try {
    const stream = session.request({ ':path': path })
    const ended = new Promise<void>((resolve) => void stream.once('close', () => resolve()))
    stream.on('error', () => {})
    const [head] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    let text = ''
    stream.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    await ended
    return [head[':status'], stream.rstCode === 0 ? text : `reset ${stream.rstCode}`]
  } finally {
    session.destroy()
  }
}

test('headers that HTTP/2 refuses when they go out are answered with 500', async () => {
  await using server = await TestServer.start({
    http2: true,
    handler: (_request, response) => {
      response.setHeader('Content-Encoding', ['gzip', 'gzip'])
      response.end('x')
      return true
    },
  })
  const [status, text] = await get(server, '/')
  expect(status).toBe(500)
  expect(JSON.parse(text)).toEqual({ error: expect.stringMatching(/content-encoding/i) })
})

test('a handler that fails after its head resets its stream', async () => {
  await using server = await TestServer.start({
    http2: true,
    handler: (_request, response) => {
      response.writeHead(200, { 'Content-Length': '10' })
      response.write('four')
      throw new Error('a handler fails')
    },
  })
  expect(await get(server, '/')).toEqual([200, `reset ${constants.NGHTTP2_INTERNAL_ERROR}`])
})
