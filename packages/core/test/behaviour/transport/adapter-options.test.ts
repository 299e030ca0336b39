import { HTTPAdapter, type HTTPAdapterOptions, Session, SSLError, UsageError } from '@entreat/core'
import { testCertificates, TestProxy, TestServer } from '@entreat/testkit'
import { createServer } from 'node:http'
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo, LookupFunction, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, MockAgent } from 'undici'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer, reply } from '../support/raw-server.ts'

const { ca } = testCertificates()
let server: TestServer
let proxy: TestProxy

beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
})

afterAll(async () => {
  await Promise.all([server.close(), proxy.close()])
})

beforeEach(() => {
  server.reset()
  proxy.reset()
})

function sessionWith(options: HTTPAdapterOptions, settings: { proxies?: Record<string, string> } = {}): Session {
  const adapter = new HTTPAdapter(options)
  return new Session({ trustEnv: false, verify: ca, ...settings }).mount('http://', adapter).mount('https://', adapter)
}

/** Resolves every name to this machine, and writes it down. */
function lookingUp(names: string[]): LookupFunction {
  return (name, options, callback) => {
    names.push(name)
    if (options.all === true) (callback as (e: null, a: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }])
    else callback(null, '127.0.0.1', 4)
  }
}

describe('HTTPAdapter option', () => {
  it('lookup resolves names', async () => {
    const names: string[] = []
    await using session = sessionWith({ lookup: lookingUp(names) })
    const { port } = new URL(server.url)
    expect((await session.get(`http://somewhere.test:${port}/get`)).statusCode).toBe(200)
    expect(names).toEqual(['somewhere.test'])
  })

  it('lookup that fails is a ConnectionError with its error as cause', async () => {
    const own = Object.assign(new Error('no such name'), { code: 'ENOTFOUND' })
    await using session = sessionWith({ lookup: (_name, _options, callback) => callback(own, '', 0) })
    const error = await failure(session.get('http://somewhere.test/'))
    expect([error.code, error.cause]).toEqual(['ERR_CONNECTION', own])
  })

  it('localAddress is where connections come from', async () => {
    await using raw = await RawServer.start(({ socket }) => reply(socket.remoteAddress ?? ''))
    await using session = sessionWith({ localAddress: '127.0.0.2' })
    expect((await session.get(raw.url)).text).toBe('127.0.0.2')
  })

  it('localPort is the port that they come from', async () => {
    await using raw = await RawServer.start(({ socket }) => reply(String(socket.remotePort)))
    const localPort = await freePort()
    await using session = sessionWith({ localPort })
    expect((await session.get(raw.url)).text).toBe(String(localPort))
  })

  it('socketPath connects to a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'entreat-socket-'))
    const path = join(folder, 'http.sock')
    const local = createServer((request, response) => response.end(`${request.headers.host}${request.url}`))
    await new Promise<void>((resolve) => local.listen(path, resolve))
    await using session = sessionWith({ socketPath: path })
    const { text } = await session.get('http://docker.test/version')
    await session.close()
    await new Promise((resolve) => local.close(resolve))
    rmSync(folder, { recursive: true })
    expect(text).toBe('docker.test/version')
  })

  it('onSocket sees each new socket once, before a byte is written', async () => {
    const seen: number[] = []
    await using session = sessionWith({ onSocket: (socket: Socket) => seen.push(socket.bytesWritten) })
    await session.get(`${server.httpsUrl}/get`)
    await session.get(`${server.httpsUrl}/get`)
    expect(seen).toEqual([0])
  })

  it('onSocket sees the socket to a proxy', async () => {
    const seen: (number | undefined)[] = []
    await using session = sessionWith(
      { onSocket: (socket: Socket) => seen.push(socket.remotePort) },
      { proxies: { all: proxy.url } },
    )
    await session.get(`${server.httpsUrl}/get`)
    expect(seen).toEqual([Number(new URL(proxy.url).port)])
  })

  it('onSocket that throws fails the connection, with its error as cause', async () => {
    const own = new Error('not this one')
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = sessionWith({
      onSocket: () => {
        throw own
      },
    })
    const error = await failure(session.get(raw.url))
    expect([error.cause, error.requestBytesSent]).toEqual([own, 0])
    await raw.gone()
    expect(raw.heads).toEqual([])
  })

  it('verifyPeer sees the certificate, through a tunnel too', async () => {
    const names: (string | string[] | undefined)[] = []
    const options: HTTPAdapterOptions = { verifyPeer: (certificate) => names.push(certificate.subject.CN) }
    await using direct = sessionWith(options)
    await using tunnelled = sessionWith(options, { proxies: { all: proxy.url } })
    await direct.get(`${server.httpsUrl}/get`)
    await tunnelled.get(`${server.httpsUrl}/get`)
    expect(names).toEqual(['localhost', 'localhost'])
  })

  it('verifyPeer is told whether it sees the origin or an https proxy', async () => {
    await using secure = await TestProxy.start({ tls: true })
    const peers: string[] = []
    const options: HTTPAdapterOptions = { verifyPeer: (_certificate, _socket, peer) => void peers.push(peer) }
    await using session = sessionWith(options, { proxies: { all: secure.url } })
    await session.get(`${server.httpsUrl}/get`)
    expect(peers).toEqual(['proxy', 'origin'])
  })

  it('verifyPeer is asked even when verify is false, and what it throws ends the connection before a byte is sent', async () => {
    const own = new Error('wrong fingerprint')
    await using session = sessionWith({
      verifyPeer: () => {
        throw own
      },
    })
    const error = await failure(session.get(`${server.httpsUrl}/get`, { verify: false }))
    expect([error.cause, error.requestBytesSent]).toEqual([own, 0])
    expect(server.requests).toEqual([])
  })

  it('servername is what TLS is done for', async () => {
    await using session = sessionWith({ servername: 'localhost' })
    const { port } = new URL(server.httpsUrl)
    const { servername } = (await session.get(`https://127.0.0.1:${port}/tls`)).json<{ servername: string }>()
    expect(servername).toBe('localhost')
  })

  it('servername that does not fit the certificate is an SSLError', async () => {
    await using session = sessionWith({ servername: 'other.test' })
    expect(await failure(session.get(`${server.httpsUrl}/get`))).toBeInstanceOf(SSLError)
  })

  it('servername does not hold for the proxy', async () => {
    await using secure = await TestProxy.start({ tls: true })
    await using session = sessionWith({ servername: '127.0.0.1' }, { proxies: { all: secure.url } })
    expect((await session.get(`${server.httpsUrl}/get`)).statusCode).toBe(200)
  })

  it('tls pins a version', async () => {
    await using session = sessionWith({ tls: { maxVersion: 'TLSv1.2' } })
    expect((await session.get(`${server.httpsUrl}/tls`)).json()).toMatchObject({ version: 'TLSv1.2' })
  })

  it('limits hold whatever the Session says', async () => {
    await using raw = await RawServer.start(() => reply('ok'))
    await using session = sessionWith({ limits: { connectionsPerOrigin: 2 } })
    await Promise.all(Array.from({ length: 20 }, () => session.get(raw.url, { limits: { connectionsPerOrigin: 9 } })))
    expect(raw.mostOpen).toBe(2)
  })

  it('that does not exist is a UsageError', () => {
    expect(() => new HTTPAdapter({ keepAlive: true } as HTTPAdapterOptions)).toThrow(UsageError)
  })
})

describe('HTTPAdapter option dispatcher', () => {
  function mocked(): { agent: MockAgent; session: Session } {
    const agent = new MockAgent()
    agent.disableNetConnect()
    return { agent, session: new Session({ trustEnv: false }).mount('http://', new HTTPAdapter({ dispatcher: agent })) }
  }

  it('sends through a MockAgent', async () => {
    const { agent, session } = mocked()
    const origin = agent.get('http://mocked.test')
    origin.intercept({ path: '/hello?a=1', method: 'GET' }).reply(200, { hi: 'there' }, { headers: { 'X-Mock': '1' } })
    const response = await session.get('http://mocked.test/hello', { params: { a: 1 } })
    expect([response.json(), response.headers.get('x-mock')]).toEqual([{ hi: 'there' }, '1'])
  })

  it('sends headers and body through a MockAgent', async () => {
    const { agent, session } = mocked()
    const seen: unknown[] = []
    agent
      .get('http://mocked.test')
      .intercept({ path: '/in', method: 'POST' })
      .reply(201, ({ body }) => {
        seen.push(Buffer.from(body as unknown as Uint8Array).toString())
        return ''
      })
    const response = await session.post('http://mocked.test/in', { json: { a: 1 } })
    expect([response.statusCode, seen]).toEqual([201, ['{"a":1}']])
  })

  it('gives what a MockAgent fails with as a ConnectionError', async () => {
    const { agent, session } = mocked()
    const own = Object.assign(new Error('pulled out'), { code: 'ECONNRESET' })
    agent.get('http://mocked.test').intercept({ path: '/' }).replyWithError(own)
    const error = await failure(session.get('http://mocked.test/'))
    expect([error.code, error.cause]).toEqual(['ERR_CONNECTION', own])
  })

  it('gives a request that a MockAgent does not know as an error of the library', async () => {
    const { session } = mocked()
    expect((await failure(session.get('http://unknown.test/'))).request?.url).toBe('http://unknown.test/')
  })

  it('streams both ways through an Agent', async () => {
    const agent = new Agent()
    await using session = sessionWith({ dispatcher: agent })
    async function* data(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 20; at++) yield await Promise.resolve(Buffer.alloc(50_000))
    }
    const uploaded = await session.post(`${server.url}/upload`, { data: data(), verify: true })
    const downloaded = await session.get(`${server.url}/download/1000000`, { verify: true })
    await agent.close()
    expect([uploaded.json<{ bytes: number }>().bytes, downloaded.content.length]).toEqual([1_000_000, 1_000_000])
  })

  it('honours the signal and timeout.read', async () => {
    const agent = new Agent()
    await using session = new Session({ trustEnv: false }).mount('http://', new HTTPAdapter({ dispatcher: agent }))
    const slow = await failure(session.get(`${server.url}/never`, { timeout: { read: 80 } }))
    const controller = new AbortController()
    const aborted = rejection(session.get(`${server.url}/never`, { signal: controller.signal }))
    controller.abort('enough')
    expect([slow.code, await within(1000, aborted)]).toEqual(['ERR_READ_TIMEOUT', 'enough'])
    await agent.destroy()
  })

  it.each([
    ['verify', { verify: false }],
    ['cert', { cert: [testCertificates().client.cert, testCertificates().client.key] as const }],
    ['proxies', { proxies: { all: 'http://127.0.0.1:1' } }],
  ])('refuses %s, which it cannot carry', async (_what, options) => {
    const { session } = mocked()
    expect(await failure(session.get('http://mocked.test/', options))).toBeInstanceOf(UsageError)
  })

  it('has no connections to bind', async () => {
    const { session } = mocked()
    const { SocketAuth } = await import('../support/bound-scheme.ts')
    const error = await failure(session.get('http://mocked.test/', { auth: new SocketAuth() }))
    expect(['ERR_USAGE', 'ERR_AUTHENTICATION']).toContain(error.code)
  })
})

async function freePort(): Promise<number> {
  const local = createServer()
  await new Promise<void>((resolve) => local.listen(0, '127.0.0.1', resolve))
  const { port } = local.address() as AddressInfo
  await new Promise((resolve) => local.close(resolve))
  return port
}
