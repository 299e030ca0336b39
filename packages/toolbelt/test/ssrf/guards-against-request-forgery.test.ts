import type { LookupFunction } from 'node:net'
import * as fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BlockedAddressError, GuardedAdapter, type GuardOptions, isPublicAddress } from '@entreat/toolbelt/ssrf'
import { RequestException, Session, UsageError } from '@entreat/core'
import { adapterSuite, HTTP_CAPABILITIES, httpTarget, TestProxy, TestServer } from '@entreat/testkit'

let server: TestServer
const sessions: Session[] = []
beforeAll(async () => void (server = await TestServer.start()))
beforeEach(() => server.reset())
afterEach(() => Promise.all(sessions.splice(0).map((session) => session.close())))
afterAll(() => server.close())

function guarded(options: GuardOptions = {}): Session {
  const session = new Session({ trustEnv: false })
  const adapter = new GuardedAdapter(options)
  sessions.push(session.mount('http://', adapter).mount('https://', adapter))
  return session
}

/** Resolves every name to these addresses, in turn. */
function resolvesTo(...turns: string[][]): LookupFunction {
  let turn = 0
  return (_name, options, callback) => {
    const addresses = (turns[Math.min(turn++, turns.length - 1)] as string[]).map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    if ((options as { all?: boolean }).all === true) callback(null, addresses)
    else callback(null, addresses[0]?.address as string, addresses[0]?.family)
  }
}

describe('addresses', () => {
  test.each([
    '8.8.8.8',
    '1.1.1.1',
    '93.184.216.34',
    '172.15.255.255',
    '172.32.0.0',
    '100.63.255.255',
    '192.0.1.0',
    '223.255.255.255',
    '2606:4700:4700::1111',
    '2a00:1450::1',
    '::ffff:8.8.8.8',
    '::ffff:808:808',
    '64:ff9b::8.8.8.8',
    '2001:4860:4860::8888',
  ])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true))

  test.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '0:0:0:0:0:ffff:a00:1',
    '::ffff:169.254.169.254',
    '64:ff9b::10.0.0.1',
    '64:ff9b::7f00:1',
    '64:ff9b:1::1',
    'fe80::1',
    'fe80::1%eth0',
    'fc00::1',
    'fd00:ec2::254',
    'ff02::1',
    '2001:db8::1',
    '2001::1',
    '2002:7f00:1::',
    '100::1',
    '::127.0.0.1',
    '3fff::1',
    '5f00::1',
    '',
    'localhost',
    '127.1',
    '0x7f000001',
    '[::1]',
  ])('%j is not', (address) => expect(isPublicAddress(address)).toBe(false))

  test('an IPv4 address is as public as the same inside an IPv6 one', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(isPublicAddress(`::ffff:${address}`)).toBe(isPublicAddress(address))
        const hex = new URL(`http://[::ffff:${address}]/`).hostname.slice(1, -1)
        expect(isPublicAddress(hex)).toBe(isPublicAddress(address))
      }),
    )
  })
})

describe('requests', () => {
  const port = (): string => new URL(server.url).port

  test.each([
    '127.0.0.1',
    '[::1]',
    'localhost',
    '0.0.0.0',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.1',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    'localhost.',
  ])('nothing is sent to %s', async (host) => {
    const failure = await guarded()
      .get(`http://${host}:${port()}/get`)
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(RequestException)
    expect(failure).toMatchObject({
      code: expect.stringMatching(/ERR_BLOCKED_ADDRESS|ERR_CONNECTION|ERR_INVALID_URL/) as string,
    })
    expect(server.connectionCount).toBe(0)
  })

  test('a name that resolves to a private address is refused, also if it has public ones beside it', async () => {
    for (const addresses of [['127.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::1'], []]) {
      const session = guarded({ adapter: { lookup: resolvesTo(addresses) } })
      await expect(session.get(`http://innocent.test:${port()}/get`)).rejects.toThrow(BlockedAddressError)
    }
    expect(server.connectionCount).toBe(0)
  })

  test('a name is resolved once, and the connection goes where it was checked', async () => {
    // Allowed the first time, forbidden ever after: a second lookup would be seen.
    const lookup = resolvesTo(['127.0.0.1'], ['10.0.0.1'])
    const session = guarded({ allow: ['127.0.0.1'], adapter: { lookup } })
    expect((await session.get(`http://rebinds.test:${port()}/get`)).statusCode).toBe(200)
    await session.close()
    await expect(session.get(`http://rebinds.test:${port()}/get`)).rejects.toThrow(/10\.0\.0\.1/)
  })

  test('a redirect is a request like any other', async () => {
    const open = await TestServer.start({
      tls: false,
      handler: (_, response) => {
        response.writeHead(302, { Location: 'http://169.254.169.254/latest/meta-data/' }).end()
        return true
      },
    })
    const session = guarded({ allow: ['127.0.0.1'] })
    await expect(session.get(open.url)).rejects.toThrow(BlockedAddressError)
    const named = guarded({ allow: ['127.0.0.1'], hosts: ['127.0.0.1'] })
    await expect(
      named.get(`${server.url}/redirect-to?url=${encodeURIComponent('http://other.test/')}`),
    ).rejects.toThrow(/host other\.test is not allowed/)
    await open.close()
  })

  test('allow, deny, hosts and ports', async () => {
    const allowed = guarded({ allow: ['127.0.0.0/8', '::1'] })
    expect((await allowed.get(`${server.url}/get`)).statusCode).toBe(200)
    await expect(guarded({ allow: ['127.0.0.1'], deny: ['127.0.0.0/8'] }).get(server.url)).rejects.toThrow(
      BlockedAddressError,
    )
    await expect(guarded({ allow: ['127.0.0.1'], ports: [443] }).get(server.url)).rejects.toThrow(
      /port \d+ is not allowed/,
    )
    const below = guarded({ allow: ['127.0.0.1'], hosts: ['.e.test'], adapter: { lookup: resolvesTo(['127.0.0.1']) } })
    expect((await below.get(`http://api.e.test:${port()}/get`)).statusCode).toBe(200)
    await expect(below.get(`http://e.test.evil.test:${port()}/get`)).rejects.toThrow(BlockedAddressError)
    await expect(below.get(`http://evile.test:${port()}/get`)).rejects.toThrow(BlockedAddressError)
  })

  test('a proxy would resolve the name itself, and is refused', async () => {
    const proxy = await TestProxy.start()
    const session = guarded({ allow: ['127.0.0.1'] })
    await expect(session.get(server.url, { proxies: { all: proxy.url } })).rejects.toThrow(/may not take a proxy/)
    expect(proxy.requests).toHaveLength(0)
    await proxy.close()
  })

  test('a refusal says what and why, is not retried and shows no secret', async () => {
    const session = guarded()
    session.retry = 3
    const failure = await session.get('http://user:hush@10.0.0.1/?token=hush').catch((error: unknown) => error)
    expect(failure).toMatchObject({ name: 'BlockedAddressError', code: 'ERR_BLOCKED_ADDRESS', requestBytesSent: 0 })
    expect(String(failure)).toBe(
      'BlockedAddressError: GET http://10.0.0.1/?token=***: 10.0.0.1 is not a public address',
    )
  })

  test('what goes around the guard is refused', () => {
    expect(() => new GuardedAdapter({ adapter: { socketPath: '/var/run/docker.sock' } })).toThrow(UsageError)
    expect(() => new GuardedAdapter({ adapter: { dispatcher: {} as never } })).toThrow(UsageError)
    expect(() => new GuardedAdapter({ allow: ['localhost'] })).toThrow(/no address and no network/)
    expect(() => new GuardedAdapter({ allowed: [] } as object)).toThrow(/has no option "allowed"/)
  })

  test('the adapter\u2019s own lookup and onSocket still run', async () => {
    const seen: string[] = []
    const lookup = resolvesTo(['127.0.0.1'])
    const session = guarded({
      allow: ['127.0.0.1'],
      adapter: { lookup, onSocket: ({ remoteAddress }) => seen.push(remoteAddress ?? '') },
    })
    await session.get(`http://name.test:${port()}/get`)
    expect(seen).toEqual(['127.0.0.1'])
  })
})

adapterSuite({
  name: 'GuardedAdapter',
  create: () => new GuardedAdapter({ allow: ['127.0.0.1', '::1'] }),
  // A proxy would resolve the name itself: it is refused.
  capabilities: { ...HTTP_CAPABILITIES, proxies: false },
  runner: { describe, test },
  target: async () => {
    await Promise.all(sessions.splice(0).map((session) => session.close()))
    return httpTarget(server)
  },
})
