import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ConnectionError, InvalidURL, Session, UsageError } from '@entreat/core'
import { adapterSuite, TestServer } from '@entreat/testkit'
import { UnixSocketAdapter, unixUrl } from '../src/unix-socket-adapter.ts'
import { dockerApi } from './docker-api.ts'
import { UnixServer } from './unix-server.ts'
import { capabilities, unixTarget } from './unix-target.ts'

let server: TestServer
let relay: UnixServer
let docker: UnixServer
let session: Session

beforeAll(async () => {
  server = await TestServer.start({ tls: false })
  relay = await UnixServer.relay(Number(new URL(server.url).port))
  docker = await UnixServer.http(dockerApi())
  session = new Session({ baseUrl: unixUrl(docker.path, '/v1.45/'), trustEnv: false })
  session.mount('http+unix://', new UnixSocketAdapter())
})
afterAll(async () => {
  await session.close()
  for (const each of [docker, relay, server]) await each.close()
})

adapterSuite({
  name: 'UnixSocketAdapter',
  create: () => new UnixSocketAdapter(),
  capabilities,
  target: () => unixTarget(server, relay),
  runner: { describe, test },
})

test('a container is made, started, listed, read and removed', async () => {
  const created = await session.post('containers/create', { params: { name: 'pequod' }, json: { Image: 'whaler' } })
  const { Id } = created.raiseForStatus().json<{ Id: string }>()
  expect((await session.get('containers/json')).json()).toEqual([])
  expect((await session.post(`containers/${Id}/start`)).statusCode).toBe(204)
  expect((await session.post(`containers/${Id}/start`)).statusCode).toBe(304)
  expect((await session.get('containers/json')).json()).toEqual([{ Id, Image: 'whaler', State: 'running' }])
  expect((await session.delete(`containers/${Id}`)).statusCode).toBe(204)
  expect((await session.get(`containers/${Id}/json`)).statusCode).toBe(404)
})

test('logs are read as they come', async () => {
  await session.post('containers/create', { params: { name: 'talker' }, json: { Image: 'whaler' } })
  await using response = await session.get('containers/talker/logs', { params: { stdout: true }, stream: true })
  const lines: string[] = []
  for await (const frame of response) lines.push(Buffer.from(frame as Uint8Array).toString('latin1'))
  expect(lines.join('')).toMatch(/Ishmael\.\n[^]*rough\.\n$/)
})

test('responses and errors speak of the URL that was asked for, in the case that paths have', async () => {
  const response = await session.get('version')
  expect(response.url).toBe(unixUrl(docker.path, '/v1.45/version'))
  expect(response.request.url).toBe(response.url)
  expect(response.json()).toEqual({ ApiVersion: '1.45', Host: 'localhost' })

  const missing = unixUrl('/nowhere/Docker.sock')
  const error = (await session.get(missing).catch((reason: unknown) => reason)) as ConnectionError
  expect(error).toBeInstanceOf(ConnectionError)
  expect(error.request?.url).toBe(missing)
  expect(String(error)).toContain('/nowhere/Docker.sock')
})

test('connections are kept, for each path its own', async () => {
  const own = new Session({ trustEnv: false }).mount('http+unix://', new UnixSocketAdapter())
  for (let n = 0; n < 5; n++) await own.get(unixUrl(docker.path, '/_ping'))
  await own.get(unixUrl(relay.path, '/connections'))
  const answers = await own.get(unixUrl(relay.path, '/connections'))
  expect(answers.json<{ requestCount?: number }>()).toMatchObject({ connection: expect.any(Number) as number })
  expect(docker.openConnections).toBeLessThanOrEqual(2)
  await own.close()
})

test('cookies and credentials of one socket are not for another', async () => {
  const own = new Session({ trustEnv: false }).mount('http+unix://', new UnixSocketAdapter())
  await own.get(unixUrl(relay.path, '/cookies/set/ship/Pequod'), { allowRedirects: false })
  expect(server.requests.at(-1)?.header('cookie')).toBeNull()
  const other = await UnixServer.http((request, response) => response.end(String(request.headers.cookie)))
  expect((await own.get(unixUrl(other.path))).text).toBe('undefined')
  await own.close()
  await other.close()
})

test('what names no socket is refused, and so is a proxy', async () => {
  for (const url of [
    'http+unix://docker.sock/',
    'http+unix://run%2Fdocker.sock/',
    'http+unix://%2Frun%00/',
    'http+unix://%2F%ff/',
  ])
    await expect(session.get(url)).rejects.toBeInstanceOf(InvalidURL)
  const proxied = session.get('version', { proxies: { all: 'http://127.0.0.1:1' } })
  await expect(proxied).rejects.toBeInstanceOf(UsageError)
  const direct = await session.get('version', { proxies: { all: 'http://127.0.0.1:1', 'http+unix': null } })
  expect(direct.statusCode).toBe(200)
  expect(() => new UnixSocketAdapter({ limit: {} } as never)).toThrow(/Did you mean "limits"/)
})
