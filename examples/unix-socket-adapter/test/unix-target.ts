import { type AdapterCapabilities, type AdapterTarget, httpTarget, type TestServer } from '@entreat/testkit'
import { unixUrl } from '../src/unix-socket-adapter.ts'
import type { UnixServer } from './unix-server.ts'

/** What UnixSocketAdapter declares: all of HTTP, but no TLS, no proxies, and nobody who does not answer a knock. */
export const capabilities: AdapterCapabilities = {
  http: true,
  network: true,
  readTimeout: true,
  poolTimeout: true,
  headLimit: true,
  keepAlive: true,
  streaming: true,
  uploads: true,
  statuses: true,
}

/** The routes of a test server, reached through a Unix socket. */
export function unixTarget(server: TestServer, relay: UnixServer): AdapterTarget {
  const target = httpTarget(server)
  const moved = moveUrls(target, (url) => url.replace(server.url, unixUrl(relay.path, '').slice(0, -1)))
  return { ...moved, failing: () => ({ url: unixUrl(`${relay.path}.missing`) }), open: () => relay.openConnections }
}

/** The same world, every URL in it changed. */
function moveUrls<T>(value: T, move: (url: string) => string): T {
  if (typeof value === 'string') return move(value) as T
  if (typeof value === 'function') {
    return ((...args: unknown[]) => moveUrls((value as (...given: unknown[]) => unknown)(...args), move)) as T
  }
  if (Array.isArray(value)) return value.map((each) => moveUrls(each as unknown, move)) as T
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, moveUrls(each as unknown, move)])) as T
}
