import { readFileSync } from 'node:fs'
import { DigestAuth, ProxyError, type RequestOptions, Session, type SessionOptions } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type LabNginx,
  type LabSquid,
  NetworkLab,
  networkLabProblem,
  type NginxView,
  proxyPassword,
  proxyUser,
} from '../../../../lab/network/network-lab.ts'
import { runChild } from '../behaviour/support/child-process.ts'
import { failure } from '../behaviour/support/failure.ts'

const problem = networkLabProblem('nginx', 'squid', 'tinyproxy')
const login = [proxyUser, proxyPassword] as const
let lab: NetworkLab
let nginx: LabNginx
let open: LabSquid
let basic: LabSquid
let digest: LabSquid
/** tinyproxy, for everybody, and for those with a password that goes into its configuration as it stands. */
let tiny: string
let lockedTiny: string
const tinyLogin = ['bob', 'pr0xypass'] as const

beforeAll(async () => {
  if (problem !== null) return
  lab = await NetworkLab.open()
  ;[nginx, open, basic, digest, tiny, lockedTiny] = await Promise.all([
    lab.startNginx(),
    lab.startSquid('open'),
    lab.startSquid('basic'),
    lab.startSquid('digest'),
    lab.startTinyproxy().then(({ url }) => url),
    lab.startTinyproxy(tinyLogin).then(({ url }) => url),
  ])
})

beforeEach(async (context) => {
  if (problem !== null) return context.skip(problem)
  await Promise.all([open, basic, digest].map(({ log }) => log.clear()))
})

afterAll(() => lab?.stop())

function sessionThrough(url: string, options: SessionOptions = {}): Session {
  return new Session({ trustEnv: false, verify: lab.certificates.ca, proxies: { all: url }, ...options })
}

async function view(session: Session, url: string, options: RequestOptions = {}): Promise<NginxView> {
  return (await session.get(url, options)).raiseForStatus().json<NginxView>()
}

/** The same URL with a user and a password for the proxy in it. */
function withLogin(url: string, [username, password]: readonly [string, string]): string {
  return url.replace('://', `://${encodeURIComponent(username)}:${encodeURIComponent(password)}@`)
}

/** Over which an https origin is reached, or an http one. */
const TARGETS = ['plain', 'valid'] as const

describe.each<[string, () => string, SessionOptions]>([
  ['Squid', () => open.url, {}],
  ['Squid in TLS', () => open.tlsUrl, {}],
  ['Squid with Basic', () => basic.url, { proxyAuth: login }],
  ['Squid with Basic in TLS', () => basic.tlsUrl, { proxyAuth: login }],
  ['Squid with Basic in its URL', () => withLogin(basic.url, login), {}],
  ['Squid with Digest', () => digest.url, { proxyAuth: new DigestAuth(...login) }],
  ['Squid with Digest in TLS', () => digest.tlsUrl, { proxyAuth: new DigestAuth(...login) }],
  ['tinyproxy', () => tiny, {}],
  ['tinyproxy with Basic', () => lockedTiny, { proxyAuth: tinyLogin }],
  ['tinyproxy with Basic in its URL', () => withLogin(lockedTiny, tinyLogin), {}],
])('%s', (_name, url, options) => {
  it.each(TARGETS)('carries requests for %s, and its credentials end there', async (target) => {
    await using session = sessionThrough(url(), { auth: ['ishmael', 'whale'], ...options })
    for (let at = 0; at < 8; at++) {
      const { authorization, proxyAuthorization, uri } = await view(session, `${nginx.url(target)}/a?b=${at}`)
      expect(authorization).toBe(`Basic ${Buffer.from('ishmael:whale').toString('base64')}`)
      expect([proxyAuthorization, uri]).toEqual(['', `/a?b=${at}`])
    }
  })

  it.each(TARGETS)('carries 40 requests at once for %s', async (target) => {
    await using session = sessionThrough(url(), options)
    const calls = Array.from({ length: 40 }, (_, at) => view(session, `${nginx.url(target)}/${at}`))
    expect((await Promise.all(calls)).map(({ uri }) => uri)).toEqual(calls.map((_, at) => `/${at}`))
  })

  it('carries 3 MB in both directions unchanged', async () => {
    await using server = await TestServer.start()
    const bytes = Buffer.alloc(3_000_000, 'what a proxy carries ')
    for (const origin of [server.url, server.httpsUrl]) {
      // The proxy's certificate and the origin's are of two authorities.
      await using session = sessionThrough(url(), { ...options, verify: `${caOfLab()}${server.ca}` })
      const posted = await session.post(`${origin}/post`, { data: bytes })
      expect([posted.statusCode, posted.json<{ data: string }>().data === bytes.toString()]).toEqual([200, true])
    }
  })
})

const caOfLab = (): string => readFileSync(lab.certificates.ca, 'utf8')

describe('Squid', () => {
  it.each(['url', 'tlsUrl'] as const)('sees one connection for 20 requests in turn (%s)', async (place) => {
    await using session = sessionThrough(basic[place], { proxyAuth: login })
    for (let at = 0; at < 20; at++) await view(session, nginx.url('plain'))
    const rows = await basic.log.requests({ atLeast: 20 })
    expect(rows.map(({ method, status, user }) => [method, status, user])).toEqual(
      Array.from({ length: 20 }, () => ['GET', 200, proxyUser]),
    )
    expect(new Set(rows.map(({ connection }) => connection)).size).toBe(1)
  })

  it.each(['url', 'tlsUrl'] as const)('sees one CONNECT for 20 requests in turn (%s)', async (place) => {
    const session = sessionThrough(basic[place], { proxyAuth: login })
    for (let at = 0; at < 20; at++) await view(session, nginx.url('valid'))
    await session.close()
    const rows = await basic.log.requests({ atLeast: 1 })
    expect(rows).toMatchObject([{ method: 'CONNECT', status: 200, user: proxyUser }])
  })

  it('sees no more connections than limits allow', async () => {
    const session = sessionThrough(basic.url, { proxyAuth: login, limits: { connectionsPerOrigin: 3 } })
    for (const target of TARGETS) await Promise.all(Array.from({ length: 30 }, () => view(session, nginx.url(target))))
    await session.close()
    const rows = await basic.log.requests({ atLeast: 33 })
    const forwarded = rows.filter(({ method }) => method === 'GET')
    expect(new Set(forwarded.map(({ connection }) => connection)).size).toBeLessThanOrEqual(3)
    expect(rows.length - forwarded.length).toBeLessThanOrEqual(3)
  })

  it('finds hosts that this machine does not know', async () => {
    await using session = sessionThrough(open.url)
    const host = `origin.test:${nginx.port('plain')}`
    expect((await view(session, `http://${host}/`)).host).toBe(host)
    const secure = await session.get(`https://origin.test:${nginx.port('valid')}/`, { verify: false })
    expect(secure.json<NginxView>().sni).toBe('origin.test')
  })

  it.each<[string, RequestOptions]>([
    ['no credentials', {}],
    ['a wrong password', { proxyAuth: [proxyUser, 'hunter2'] }],
    ['a user it does not know', { proxyAuth: ['mallory', proxyPassword] }],
  ])('answers %s with 407: a response for http, a ProxyError with it for https', async (_what, options) => {
    for (const squid of [basic, digest]) {
      await using session = sessionThrough(squid.url)
      const response = await session.get(nginx.url('plain'), options)
      expect([response.statusCode, response.headers.has('proxy-authenticate')]).toEqual([407, true])
      const error = await failure(session.get(nginx.url('valid'), options))
      expect(error).toBeInstanceOf(ProxyError)
      expect([error.code, error.response?.statusCode, error.requestBytesSent]).toEqual(['ERR_PROXY', 407, 0])
      expect(error.message).toContain('407')
      expect(error.response?.text).toContain('Cache Access Denied')
      expect(`${error.message}${String(error.stack)}`).not.toContain('hunter2')
    }
  })

  it('answers a wrong password for Digest with 407, after one attempt', async () => {
    for (const target of TARGETS) {
      await digest.log.clear()
      const session = sessionThrough(digest.url, { proxyAuth: new DigestAuth(proxyUser, 'hunter2') })
      const call = session.get(nginx.url(target))
      const status = target === 'plain' ? (await call).statusCode : (await failure(call)).response?.statusCode
      await session.close()
      const rows = await digest.log.requests({ atLeast: 2 })
      expect([status, rows.map((row) => row.status)]).toEqual([407, [407, 407]])
      expect(new Set(rows.map(({ connection }) => connection)).size).toBe(1)
    }
  })

  it('forbids a host: a response for http, a ProxyError with it for https', async () => {
    await using session = sessionThrough(open.url)
    expect((await session.get('http://www.blocked.test/')).statusCode).toBe(403)
    const error = await failure(session.get('https://www.blocked.test/'))
    expect(error).toBeInstanceOf(ProxyError)
    expect([error.response?.statusCode, error.response?.text.includes('Access Denied')]).toEqual([403, true])
  })

  it('cannot reach an origin: a response for http, a ProxyError with it for https', async () => {
    const gone = await TestServer.start()
    await gone.close()
    await using session = sessionThrough(open.url)
    expect((await session.get(gone.url)).statusCode).toBe(503)
    const error = await failure(session.get(gone.httpsUrl))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.statusCode).toBe(503)
  })
})

describe('Digest on Squid, whose nonces are good for three requests', () => {
  it('is answered on the connection that asked, for http', async () => {
    await using session = sessionThrough(digest.url, { proxyAuth: new DigestAuth(...login) })
    for (let at = 0; at < 12; at++) await view(session, `${nginx.url('plain')}/${at}`)
    const rows = await digest.log.requests({ atLeast: 12 })
    const refused = rows.filter(({ status }) => status === 407).length
    expect(rows.length - refused).toBe(12)
    // The first, and each nonce that has gone stale.
    expect(refused).toBeGreaterThanOrEqual(3)
    expect(refused).toBeLessThanOrEqual(5)
    expect(new Set(rows.map(({ connection }) => connection)).size).toBe(1)
  })

  it('refuses a body before it has read it, which is sent again', async () => {
    await using server = await TestServer.start({ tls: false })
    const piece = Buffer.alloc(100_000, 'x')
    async function* pieces(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < 20; at++) yield await Promise.resolve(piece)
    }
    for (const data of [pieces, Buffer.alloc(2_000_000, 'x')]) {
      await using session = sessionThrough(digest.url, { proxyAuth: new DigestAuth(...login) })
      for (let at = 0; at < 5; at++)
        expect((await session.post(`${server.url}/upload`, { data })).json()).toMatchObject({ bytes: 2_000_000 })
    }
  })

  it('is asked once for a tunnel, on the connection that becomes it', async () => {
    const session = sessionThrough(digest.url, { proxyAuth: new DigestAuth(...login) })
    for (let at = 0; at < 12; at++) await view(session, `${nginx.url('valid')}/${at}`)
    await session.close()
    const rows = await digest.log.requests({ atLeast: 2 })
    expect(rows.map(({ method, status }) => [method, status])).toEqual([
      ['CONNECT', 407],
      ['CONNECT', 200],
    ])
    expect(new Set(rows.map(({ connection }) => connection)).size).toBe(1)
  })

  it('opens further tunnels at once, until the nonce is stale', async () => {
    const auth = new DigestAuth(...login)
    for (let at = 0; at < 9; at++) {
      await using session = sessionThrough(digest.url, { proxyAuth: auth })
      await view(session, nginx.url('valid'))
    }
    const statuses = (await digest.log.requests({ atLeast: 9 })).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200).length).toBe(9)
    expect(statuses.filter((status) => status === 407).length).toBeLessThan(5)
  })

  it('goes together with Digest of the origin', async () => {
    await using server = await TestServer.start()
    await using session = sessionThrough(digest.url, {
      proxyAuth: new DigestAuth(...login),
      auth: new DigestAuth('ishmael', 'whale'),
      verify: server.ca,
    })
    for (const origin of [server.url, server.httpsUrl])
      expect((await session.get(`${origin}/digest-auth/auth/ishmael/whale`)).statusCode).toBe(200)
    expect(server.requests.flatMap(({ headers }) => headers).join('\n')).not.toContain(proxyUser)
  })
})

describe('proxies of different schemes and hosts', () => {
  it('are chosen by the most telling rule', async () => {
    const plain = nginx.port('plain')
    const session = sessionThrough('', {
      proxies: {
        http: open.url,
        https: withLogin(basic.url, login),
        'http://127.0.0.1': withLogin(basic.url, login),
        'all://origin.test': open.url,
        'https://localhost': null,
      },
    })
    for (const url of [
      `http://localhost:${plain}/`, // by http
      `http://127.0.0.1:${plain}/`, // by http and host
      `http://origin.test:${plain}/`, // by http, which beats all and host
      `https://127.0.0.1:${nginx.port('valid')}/`, // by https
      `https://localhost:${nginx.port('valid')}/`, // directly
    ])
      expect((await session.get(url)).statusCode).toBe(200)
    await session.close()
    const paths = async ({ log }: LabSquid, atLeast: number): Promise<string[]> =>
      (await log.requests({ atLeast })).map(({ path }) => path)
    expect(await paths(open, 2)).toEqual([`http://localhost:${plain}/`, `http://origin.test:${plain}/`])
    expect((await paths(basic, 2)).toSorted()).toEqual([
      `127.0.0.1:${nginx.port('valid')}`,
      `http://127.0.0.1:${plain}/`,
    ])
  })
})

describe('the environment', () => {
  it('leads through Squid what NO_PROXY does not keep away from it', async () => {
    const plain = nginx.port('plain')
    const secure = nginx.port('valid')
    const cases: [name: string, noProxy: string, url: string][] = [
      ['nothing', '', `http://127.0.0.1:${plain}/nothing`],
      ['https', '', `https://localhost:${secure}/https`],
      ['address', '127.0.0.1', `http://127.0.0.1:${plain}/address`],
      ['CIDR', '10.0.0.0/8, 127.0.0.0/8', `http://127.0.0.1:${plain}/cidr`],
      ['other-CIDR', '10.0.0.0/8', `http://127.0.0.1:${plain}/other-cidr`],
      ['port', `localhost:${plain}`, `http://localhost:${plain}/port`],
      ['other-port', `localhost:${secure}`, `http://localhost:${plain}/other-port`],
      ['https-port', `localhost:${secure}`, `https://localhost:${secure}/https-port`],
      ['loopback', '[::1]', `http://127.0.0.1:${plain}/loopback`],
      ['mapped', '::ffff:127.0.0.0/104', `http://127.0.0.1:${plain}/mapped`],
      ['everything', '*', `https://localhost:${secure}/everything`],
    ]
    const script = `
      for (const [name, noProxy, url] of input.cases) {
        process.env.NO_PROXY = noProxy
        const session = new core.Session({ verify: input.ca })
        report([name, await session.get(url).then(({ statusCode }) => statusCode, String)])
        await session.close()
      }`
    const proxy = withLogin(basic.url, login)
    const { reports, stderr } = await runChild(script, {
      env: { HTTP_PROXY: proxy, https_proxy: proxy },
      input: { cases, ca: lab.certificates.ca },
    })
    expect([reports, stderr]).toEqual([cases.map(([name]) => [name, 200]), ''])
    const rows = await basic.log.requests({ atLeast: 4 })
    expect(rows.map(({ path, user }) => [path, user])).toEqual([
      [`http://127.0.0.1:${plain}/nothing`, proxyUser],
      [`localhost:${secure}`, proxyUser],
      [`http://127.0.0.1:${plain}/other-cidr`, proxyUser],
      [`http://localhost:${plain}/other-port`, proxyUser],
    ])
  })
})

describe('tinyproxy, which speaks HTTP/1.0 and closes', () => {
  // It knows 407 for missing credentials only.
  it.each<[string, number, RequestOptions]>([
    ['no credentials', 407, {}],
    ['a wrong password', 401, { proxyAuth: ['bob', 'hunter2'] }],
  ])('answers %s with %d: a response for http, a ProxyError with it for https', async (_what, status, options) => {
    await using session = sessionThrough(lockedTiny)
    expect((await session.get(nginx.url('plain'), options)).statusCode).toBe(status)
    const error = await failure(session.get(nginx.url('valid'), options))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.statusCode).toBe(status)
  })

  it('cannot reach an origin: a response for http, a ProxyError with it for https', async () => {
    const gone = await TestServer.start()
    await gone.close()
    await using session = sessionThrough(tiny)
    expect((await session.get(gone.url)).statusCode).toBe(500)
    const error = await failure(session.get(gone.httpsUrl))
    expect(error).toBeInstanceOf(ProxyError)
    expect(error.response?.statusCode).toBe(500)
  })
})
