import { once } from 'node:events'
import { get, type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { exchange, oneConnection } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()
const schemes = ['url', 'httpsUrl'] as const

test.each(schemes)('/connections tells requests on one connection apart from new ones (%s)', async (scheme) => {
  const url = `${server()[scheme]}/connections`
  const agent = oneConnection(url)
  const first = (await exchange(url, { agent })).json<{ connection: number }>()
  const second = (await exchange(url, { agent })).json()
  const other = (await exchange(url)).json()
  expect(first).toMatchObject({ connectionCount: 1, requestsOnConnection: 1 })
  expect(second).toEqual({ connection: first.connection, connectionCount: 1, requestsOnConnection: 2 })
  expect(other).toEqual({ connection: first.connection + 1, connectionCount: 2, requestsOnConnection: 1 })
  expect(server().requests.map(({ connection }) => connection - first.connection)).toEqual([0, 0, 1])
  agent.destroy()
})

test.each(schemes)('/close ends the connection without a byte (%s)', async (scheme) => {
  await expect(exchange(`${server()[scheme]}/close`)).rejects.toMatchObject({ message: 'socket hang up' })
})

test('/close is a FIN and no reset', async () => {
  const socket = connect(Number(new URL(server().url).port), '127.0.0.1')
  socket.write('GET /close HTTP/1.1\r\nHost: x\r\n\r\n')
  socket.resume()
  await once(socket, 'end')
  expect(socket.bytesRead).toBe(0)
})

test('/reset is a TCP reset', async () => {
  await expect(exchange(`${server().url}/reset`)).rejects.toMatchObject({ code: 'ECONNRESET', syscall: 'read' })
})

test('/reset resets below TLS too', async () => {
  await expect(exchange(`${server().httpsUrl}/reset`)).rejects.toMatchObject({ code: 'ECONNRESET' })
})

test.each(['', '?chunked=true'])('/truncated%s ends before its body does', async (query) => {
  const [response] = (await once(get(server().url + '/truncated' + query), 'response')) as [IncomingMessage]
  let received = 0
  response.on('data', (chunk: Buffer) => (received += chunk.length))
  const [error] = (await once(response, 'error')) as [NodeJS.ErrnoException]
  expect([received, error.code]).toEqual([50, 'ECONNRESET'])
})

test('/never keeps the client waiting, and forgets it when it leaves', async () => {
  const waiting = request(`${server().url}/never`, { method: 'POST', agent: false })
  waiting.on('error', () => {})
  waiting.end('body')
  await expect.poll(() => server().requests[0]?.bodyLength).toBe(4)
  expect(server().openConnections).toBeGreaterThan(0)
  const before = server().openConnections
  waiting.destroy()
  await expect.poll(() => server().openConnections).toBe(before - 1)
})

test('/never?read=false leaves a long body unread', async () => {
  const waiting = request(`${server().url}/never?read=false`, { method: 'POST', agent: false })
  waiting.on('error', () => {})
  for (let block = 0; block < 32; block += 1) waiting.write(Buffer.alloc(1_048_576))
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(waiting.writableLength).toBeGreaterThan(0)
  expect(server().requests[0]?.bodyLength).toBeLessThan(1_048_576)
  waiting.destroy()
})

test('/flaky fails as often as asked, for each key', async () => {
  const status = async (key: string) => (await exchange(`${server().url}/flaky/${key}/2/502?retry_after=1`)).status
  expect([await status('a'), await status('a'), await status('b'), await status('a')]).toEqual([502, 502, 502, 200])
})

test('reset() forgets requests and counts, and connections keep their numbers', async () => {
  const url = `${server().url}/connections`
  const agent = oneConnection(url)
  const { connection } = (await exchange(url, { agent })).json<{ connection: number }>()
  server().reset()
  expect(server().requests).toEqual([])
  expect(server().connectionCount).toBe(0)
  expect((await exchange(url, { agent })).json()).toMatchObject({ connection, connectionCount: 0 })
  agent.destroy()
})

test('a record has the request as it was on the wire', async () => {
  await exchange(`${server().httpsUrl}/anything?x=%20`, { method: 'PUT', body: 'bytes', headers: { 'X-Case': 'a' } })
  const [record] = server().requests
  expect(record).toMatchObject({ method: 'PUT', url: '/anything?x=%20', httpVersion: '1.1', secure: true })
  expect(record?.headers[0]).toEqual(['X-Case', 'a'])
  expect(record?.header('x-case')).toBe('a')
  expect(record?.header('absent')).toBeNull()
  expect(record?.remotePort).toBeGreaterThan(0)
  expect(record?.body.toString()).toBe('bytes')
})
