import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { TestServer } from '@entreat/testkit'
import { exchange, oneConnection } from './support/exchange.ts'

function openSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => /^(TCP|TLS)/.test(name)).length
}

test('close() leaves no socket, idle, busy or half-open, and can be called again', async () => {
  const before = openSockets()
  const server = await TestServer.start()
  const agents = [server.url, server.httpsUrl].map((url) => oneConnection(url))
  await exchange(`${server.url}/get`, { agent: agents[0] })
  await exchange(`${server.httpsUrl}/get`, { agent: agents[1] })
  const waiting = exchange(`${server.httpsUrl}/never`).catch((error: unknown) => error)
  const silent = connect(Number(new URL(server.httpsUrl).port), '127.0.0.1')
  silent.on('error', () => {})
  await expect.poll(() => server.openConnections).toBe(4)
  await server.close()
  await server.close()
  expect(server.openConnections).toBe(0)
  expect(await waiting).toBeInstanceOf(Error)
  for (const agent of agents) agent.destroy()
  silent.destroy()
  await expect.poll(openSockets).toBe(before)
})

test('nothing listens after close()', async () => {
  const server = await TestServer.start()
  await server.close()
  await expect(exchange(`${server.url}/get`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await expect(exchange(`${server.httpsUrl}/get`)).rejects.toThrow()
})

test('await using closes the server', async () => {
  let url = ''
  {
    await using server = await TestServer.start({ tls: false })
    url = server.url
  }
  await expect(exchange(`${url}/get`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('without TLS there is no httpsUrl', async () => {
  await using server = await TestServer.start({ tls: false })
  expect(() => server.httpsUrl).toThrow('tls: false')
})

test('both loopback addresses are served, where the machine has them', async () => {
  await using server = await TestServer.start()
  const { port } = new URL(server.url)
  const socket: Socket = connect(Number(port), '::1')
  const outcome = await Promise.race([once(socket, 'connect').then(() => 'open'), once(socket, 'error')]).catch(
    () => 'no IPv6',
  )
  socket.destroy()
  if (outcome === 'open') expect((await exchange(`http://[::1]:${port}/ip`)).json()).toEqual({ origin: '::1' })
})

test('a custom handler comes first and leaves the rest to the routes', async () => {
  await using server = await TestServer.start({
    handler: async (request, response) => {
      if (request.url !== '/mine') return false
      await Promise.resolve()
      response.end('mine')
      return true
    },
  })
  expect((await exchange(`${server.url}/mine`)).text).toBe('mine')
  expect((await exchange(`${server.url}/get`, { headers: { 'Content-Length': 0 } })).status).toBe(200)
  expect((await exchange(`${server.url}/post`, { method: 'POST', body: 'kept' })).json()).toMatchObject({
    data: 'kept',
  })
  expect(server.requests).toHaveLength(3)
})

test('an error in a custom handler is a 500 that says so', async () => {
  await using server = await TestServer.start({
    handler: () => {
      throw new Error('broken handler')
    },
  })
  const answer = await exchange(`${server.url}/get`)
  expect([answer.status, answer.json()]).toEqual([500, { error: 'broken handler' }])
})

test('an idle connection is closed after keepAliveTimeoutMs', async () => {
  await using server = await TestServer.start({ keepAliveTimeoutMs: 50, tls: false })
  const agent = oneConnection(server.url)
  const answer = await exchange(`${server.url}/get`, { agent })
  expect(answer.headers.connection).toBe('keep-alive')
  await expect.poll(() => server.openConnections, { timeout: 3000 }).toBe(0)
  agent.destroy()
})
