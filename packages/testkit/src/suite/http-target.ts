import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Proxy, Response } from '@entreat/core'
import type { TestProxy } from '../test-proxy.ts'
import { TestServer } from '../test-server.ts'
import type {
  AdapterCapabilities,
  AdapterTarget,
  HttpPlaces,
  Place,
  StatusPlace,
  UploadPlace,
} from './adapter-target.ts'

/** Options of {@link httpTarget}. */
export interface HttpTargetOptions {
  /** Use https, and trust the test authority. Default `false`. */
  readonly secure?: boolean
  /** A proxy to test `proxy` with. */
  readonly proxy?: TestProxy
  /** Send everything through `proxy`. Default `false`. */
  readonly throughProxy?: boolean
}

/** What an adapter can do that speaks HTTP over a network with TLS, or that stands in front of one: every part of {@link httpTarget}. */
export const HTTP_CAPABILITIES: AdapterCapabilities = {
  statuses: true,
  uploads: true,
  streaming: true,
  network: true,
  connectTimeout: true,
  readTimeout: true,
  writeTimeout: true,
  poolTimeout: true,
  headLimit: true,
  keepAlive: true,
  tls: true,
  clientCertificates: true,
  proxies: true,
  http: true,
  connections: true,
}

/** Where nobody listens: privileged, and unassigned on any machine (RFC 6335). */
const NOBODY = '127.0.0.1:1'

/**
 * The world of an HTTP adapter: the routes of a test server, for every member of the target.
 *
 * @param server - started, with TLS unless it was declared away; its routes must not be covered by a handler.
 */
export function httpTarget(server: TestServer, options: HttpTargetOptions = {}): AdapterTarget {
  const { secure = false, proxy, throughProxy = false } = options
  const through = throughProxy ? proxyAt(requireProxy(proxy).url) : null
  const base = secure ? server.httpsUrl : server.url
  const at = (path: string): Place => ({ url: base + path })
  return {
    options: { ...(secure ? { verify: server.ca } : {}), proxy: through },
    resource: (length, seed) => at(`/download/${length}?seed=${seed}`),
    failing: () => failingPlace(secure, through),
    open: () => server.openConnections,
    statuses: () => statusPlaces(base),
    upload: () => uploadPlace(server, base),
    silent: () => at('/never'),
    stalled: () => at('/delay-body/60000'),
    broken: () => closingPlace(server, base, '/close', secure ? null : through),
    truncated: () => at('/truncated'),
    unread: () => unreadPlace(secure),
    longHead: () => at('/long-head/200000'),
    stale: () => ({
      ...closingPlace(server, base, '/once', secure ? null : through),
      count: () => server.requests.filter(({ url }) => url.endsWith('/once')).length,
    }),
    unanswered: () => silentListener(through !== null),
    tls: () => ({ url: `${server.httpsUrl}/get`, authority: server.ca }),
    clientCertificate: () => ({
      url: `${server.httpsUrl}/client-certificate`,
      options: { verify: server.ca },
      cert: server.certificates.client,
      wasPresented: (response: Response) => response.json() !== null,
    }),
    proxy: () => {
      const used = requireProxy(proxy)
      return { proxy: proxyAt(used.url), count: () => used.requests.length }
    },
    connection: () => ({
      ...at('/connections'),
      numberOf: (response: Response) => response.json<{ connection: number }>().connection,
    }),
    http: httpPlaces(server, at),
  }
}

/** A proxy as adapters are told of it. */
function proxyAt(url: string): Proxy {
  const { protocol, hostname, port } = new URL(url)
  return { url, scheme: protocol.slice(0, -1), host: hostname, port: Number(port) }
}

function requireProxy(proxy: TestProxy | undefined): TestProxy {
  if (proxy === undefined) throw new TypeError('httpTarget needs the option `proxy` to test proxies')
  return proxy
}

function failingPlace(secure: boolean, through: Proxy | null): Place {
  const url = `${secure ? 'https' : 'http'}://${NOBODY}/`
  return through === null ? { url } : { url, options: { proxy: proxyAt(`http://${NOBODY}`) } }
}

/** A forwarding proxy would answer 502; a test server takes absolute-form targets too, and stands in for a proxy that closes. */
function closingPlace(server: TestServer, base: string, path: string, forwarding: Proxy | null): Place {
  const url = base + path
  return forwarding === null ? { url } : { url, options: { proxy: proxyAt(server.url) } }
}

/** On a server of its own: one that does not read does not see its client go either. */
async function unreadPlace(secure: boolean): Promise<Place> {
  const server = await TestServer.start()
  return {
    url: `${secure ? server.httpsUrl : server.url}/never?read=false`,
    close: () => server.close(),
  }
}

function statusPlaces(base: string): readonly StatusPlace[] {
  const statuses = [200, 201, 204, 206, 299, 301, 304, 400, 401, 404, 410, 418, 429, 451, 500, 503, 599]
  return [
    ...statuses.map((statusCode) => ({ url: `${base}/status/${statusCode}`, statusCode })),
    { url: `${base}/status/404`, method: 'HEAD', statusCode: 404 },
    { url: `${base}/status/500`, method: 'DELETE', statusCode: 500 },
  ]
}

function uploadPlace(server: TestServer, base: string): UploadPlace {
  return {
    url: `${base}/upload`,
    method: 'POST',
    received: () => server.requests.findLast(({ url }) => url.endsWith('/upload'))?.body ?? Buffer.alloc(0),
  }
}

function httpPlaces(server: TestServer, at: (path: string) => Place): HttpPlaces {
  return {
    redirect: () => at('/redirect/2'),
    challenge: () => at('/basic-auth/suite/secret'),
    setsCookie: () => at('/cookies/set/suite/kept'),
    unavailable: () => at('/status/503?retry_after=0'),
    gzipped: () => ({ ...at('/codings/gzip?bytes=1000'), plain: Buffer.alloc(1000) }),
    requests: () => server.requests,
  }
}

/** Takes connections and says nothing: a TLS handshake, or a CONNECT, is never answered. */
async function silentListener(asProxy: boolean): Promise<Place> {
  const sockets = new Set<Socket>()
  const listener = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  })
  listener.listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  return {
    url: `https://${asProxy ? NOBODY : `127.0.0.1:${port}`}/`,
    ...(asProxy ? { options: { proxy: proxyAt(`http://127.0.0.1:${port}`) } } : {}),
    close: () => {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => void listener.close(() => resolve()))
    },
  }
}
