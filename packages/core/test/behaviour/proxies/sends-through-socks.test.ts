import {
  ConnectionError,
  ConnectTimeout,
  HTTPAdapter,
  InvalidProxyURL,
  InvalidSchema,
  ProxyError,
  Session,
  type SessionOptions,
} from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import type { LookupFunction, Socket } from 'node:net'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { runChild } from '../support/child-process.ts'
import { failure, rejection, within } from '../support/failure.ts'
import { RawServer } from '../support/raw-server.ts'
import { SocksServer } from '../support/socks-server.ts'

let server: TestServer

beforeAll(async () => {
  server = await TestServer.start()
})

afterAll(async () => {
  await server.close()
})

beforeEach(() => server.reset())

function through(url: string, options: SessionOptions = {}): Session {
  return new Session({ trustEnv: false, verify: server.ca, proxies: { all: url }, ...options })
}

/** The server by name, which only the proxy or this machine can resolve. */
const named = (url: string): string => url.replace('127.0.0.1', 'localhost')

describe.each(['socks4', 'socks4a', 'socks5', 'socks5h'])('a %s proxy', (scheme) => {
  const version = scheme.startsWith('socks4') ? 4 : 5
  const isTold = scheme.endsWith('a') || scheme.endsWith('h')

  it.each(['http', 'https'] as const)('carries %s, keeping its connection', async (target) => {
    await using proxy = await SocksServer.start()
    await using session = through(`${scheme}://127.0.0.1:${proxy.port}`)
    const url = named(target === 'http' ? server.url : server.httpsUrl)
    for (let at = 0; at < 3; at++) expect((await session.get(`${url}/get`)).statusCode).toBe(200)
    expect(proxy.connectionCount).toBe(1)
    expect(server.requests.map(({ url: line }) => line)).toEqual(['/get', '/get', '/get'])
  })

  it(isTold ? 'is told the name' : 'is told the address that this machine found', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`${scheme}://127.0.0.1:${proxy.port}`)
    session.mount('http://', new HTTPAdapter({ lookup: lookupInvalid }))
    await session.get(`http://host.invalid:${new URL(server.url).port}/get`)
    const host = isTold ? 'host.invalid' : '127.0.0.1'
    expect(proxy.requests[0]).toMatchObject({ version, host, port: Number(new URL(server.url).port) })
  })

  it('may answer byte by byte', async () => {
    await using proxy = await SocksServer.start({ trickles: true })
    await using session = through(`${scheme}://127.0.0.1:${proxy.port}`)
    expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
  })
})

/** Knows `host.invalid`, which DNS never does (RFC 6761 section 6.4). */
const lookupInvalid: LookupFunction = (host, options, callback) => {
  const all = (options as { all?: boolean }).all === true
  if (!/^(?:host\.invalid|127\.0\.0\.1)$/.test(host)) return callback(new Error(`no ${host}`), '', 0)
  if (all) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

describe('credentials of a SOCKS proxy', () => {
  it('are taken from its URL, decoded', async () => {
    await using proxy = await SocksServer.start({ credentials: ['b@b', 'p:@/ß'] })
    await using session = through(`socks5://b%40b:p%3A%40%2F%C3%9F@127.0.0.1:${proxy.port}`)
    expect((await session.get(`${server.url}/get`)).statusCode).toBe(200)
    expect(proxy.requests[0]).toMatchObject({ username: 'b@b', password: 'p:@/ß' })
  })

  it('are the user of SOCKS4', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`socks4://alice@127.0.0.1:${proxy.port}`)
    await session.get(`${server.url}/get`)
    expect(proxy.requests[0]?.username).toBe('alice')
  })

  it('that are wrong are a ProxyError without them', async () => {
    await using proxy = await SocksServer.start({ credentials: ['user', 'right'] })
    await using session = through(`socks5://user:hunter2@127.0.0.1:${proxy.port}`)
    const error = await failure(session.get(`${server.url}/get`))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain('does not know these credentials')
    expect(inspect(error, { depth: 9, showHidden: true }) + JSON.stringify(error)).not.toContain('hunter2')
  })

  it('that are missing are a ProxyError that says where they go', async () => {
    await using proxy = await SocksServer.start({ credentials: ['user', 'right'] })
    await using session = through(`socks5://127.0.0.1:${proxy.port}`)
    expect((await failure(session.get(`${server.url}/get`))).message).toContain('put them into its URL')
  })

  it('have connections of their own', async () => {
    await using proxy = await SocksServer.start()
    await using session = through('')
    for (const user of ['one', 'two', 'one'])
      await session.get(`${server.url}/get`, { proxies: { all: `socks4://${user}@127.0.0.1:${proxy.port}` } })
    expect(proxy.requests.map(({ username }) => username)).toEqual(['one', 'two'])
  })

  it('are not shown to hooks', async () => {
    await using proxy = await SocksServer.start({ credentials: ['user', 'hunter2'] })
    let shown = ''
    await using session = through(`socks5://user:hunter2@127.0.0.1:${proxy.port}`)
    session.hooks.response = (_response, info) => void (shown = inspect(info, { depth: 9, showHidden: true }))
    await session.get(`${server.url}/get`)
    expect(shown).toContain('stream')
    expect(shown).not.toContain('hunter2')
  })

  it.each([
    ['socks4://user:password@127.0.0.1', InvalidProxyURL],
    [`socks5://${'u'.repeat(256)}:p@127.0.0.1`, InvalidProxyURL],
    ['socks4://us%00er@127.0.0.1', InvalidProxyURL],
    ['socks5://', InvalidProxyURL],
    ['socks6://127.0.0.1', InvalidSchema],
    ['socks://127.0.0.1', InvalidSchema],
  ])('and proxies as in %s are refused before a connection', async (url, type) => {
    await using session = through(url)
    expect(await failure(session.get(`${server.url}/get`))).toBeInstanceOf(type)
  })
})

describe('through a SOCKS proxy', () => {
  it('no request carries what is meant for an HTTP proxy', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`socks5://127.0.0.1:${proxy.port}`, { proxyAuth: ['user', 'hunter2'] })
    await session.get(`${server.url}/get`, { headers: { 'Proxy-Authorization': 'Basic c2VjcmV0' } })
    expect(server.requests[0]?.header('proxy-authorization')).toBeNull()
  })

  it('schemes can reserve connections', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`socks5://127.0.0.1:${proxy.port}`, { auth: ['user', 'password'] })
    const response = await session.get(`${server.httpsUrl}/basic-auth/user/password`)
    expect(response.statusCode).toBe(200)
  })

  it('an address of IPv6 is named as one', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`socks5h://127.0.0.1:${proxy.port}`)
    await session.get('http://[::1]:1/').catch(() => null)
    expect(proxy.requests[0]?.host).toBe('0000:0000:0000:0000:0000:0000:0000:0001')
  })

  it('an address of IPv6 cannot be asked for with SOCKS4', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`socks4://127.0.0.1:${proxy.port}`)
    expect(await failure(session.get('http://[::1]:1/'))).toBeInstanceOf(InvalidProxyURL)
  })

  it('a name that this machine does not know is a ConnectionError that names it', async () => {
    await using proxy = await SocksServer.start()
    await using session = through(`socks5://127.0.0.1:${proxy.port}`)
    session.mount('http://', new HTTPAdapter({ lookup: lookupInvalid }))
    const error = await failure(session.get('http://other.invalid/'))
    expect(error).toBeInstanceOf(ConnectionError)
    expect(error.message).toContain('other.invalid')
  })

  it('the environment leads too', async () => {
    await using proxy = await SocksServer.start()
    const env = { ALL_PROXY: `socks5h://127.0.0.1:${proxy.port}`, NO_PROXY: '' }
    const script = 'report((await core.get(input)).statusCode)'
    const { reports } = await runChild(script, { env, input: `${server.url}/get` })
    expect([reports, proxy.requests.length]).toEqual([[200], 1])
  })
})

describe('a SOCKS proxy that misbehaves', () => {
  const replies: Record<string, [scheme: string, steps: (number[] | 'end')[], message: string]> = {
    'closes at once': ['socks5', ['end'], 'closed the connection'],
    'closes after the method': ['socks5', [[5, 0], 'end'], 'closed the connection'],
    'closes inside its reply': ['socks5', [[5, 0], [5, 0, 0], 'end'], 'closed the connection'],
    'is an HTTP server': ['socks5', [[...Buffer.from('HTTP/1.1 400 Bad\r\n\r\n')]], 'did not answer as a SOCKS proxy'],
    'chooses a method that was not offered': ['socks5', [[5, 2]], 'it wants credentials'],
    'takes no method': ['socks5', [[5, 255]], 'it wants credentials'],
    'refuses the connection': [
      'socks5',
      [
        [5, 0],
        [5, 5, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'the connection was refused',
    ],
    'refuses by its rules': [
      'socks5',
      [
        [5, 0],
        [5, 2, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'its rules do not allow',
    ],
    'has a code of its own': [
      'socks5',
      [
        [5, 0],
        [5, 99, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'reply 99',
    ],
    'has an unknown type of address': [
      'socks5',
      [
        [5, 0],
        [5, 0, 0, 9, 0, 0, 0, 0, 0, 0],
      ],
      'did not answer as',
    ],
    'changes its version': [
      'socks5',
      [
        [5, 0],
        [4, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      ],
      'did not answer as',
    ],
    'refuses SOCKS4': ['socks4', [[0, 91, 0, 0, 0, 0, 0, 0]], 'rejected or failed'],
    'answers SOCKS4 with something else': ['socks4', [[5, 90, 0, 0, 0, 0, 0, 0]], 'did not answer as'],
    'closes on SOCKS4': ['socks4a', ['end'], 'closed the connection'],
  }

  it.each(Object.entries(replies))('%s: a ProxyError in time', async (_what, [scheme, steps, message]) => {
    await using raw = await RawServer.start(() => {}, { onConnection: (socket) => answerInTurn(socket, [...steps]) })
    await using session = through(`${scheme}://127.0.0.1:${raw.port}`)
    const error = await within(3000, failure(session.get(`${server.url}/get`)))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.message).toContain(message)
    expect([error.requestBytesSent, error.responseStarted]).toEqual([0, false])
    await raw.gone()
  })

  it('says nothing: a ConnectTimeout', async () => {
    await using raw = await RawServer.start(() => {}, { onConnection: (socket) => void socket.resume() })
    await using session = through(`socks5://127.0.0.1:${raw.port}`, { timeout: { connect: 50 } })
    expect(await within(3000, failure(session.get(`${server.url}/get`)))).toBeInstanceOf(ConnectTimeout)
    await raw.gone()
  })

  it('says nothing until the caller gives up: the reason, and no socket stays', async () => {
    const controller = new AbortController()
    const reason = { why: 'enough' }
    await using raw = await RawServer.start(() => {}, {
      onConnection: (socket) => void socket.resume().once('data', () => controller.abort(reason)),
    })
    await using session = through(`socks5://127.0.0.1:${raw.port}`)
    const running = rejection(session.get(`${server.url}/get`, { signal: controller.signal }))
    expect(await within(3000, running)).toBe(reason)
    await raw.gone()
  })
})

/** Writes one step for each piece that arrives, beginning with the first. */
function answerInTurn(socket: Socket, steps: (number[] | 'end')[]): void {
  socket.on('data', () => {
    for (let step = steps.shift(); step !== undefined; step = undefined) {
      if (step === 'end') socket.end()
      else socket.write(Buffer.from(step))
    }
    if (steps[0] === 'end') socket.end()
  })
}
