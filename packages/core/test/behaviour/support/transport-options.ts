import { type Limits, type PreparedRequest, Request, type ResolvedLimits, type TransportOptions } from '@entreat/core'

const LIMITS: ResolvedLimits = {
  decodedBytes: 1024 * 1024,
  headerBytes: 64 * 1024,
  drainedBytes: 1024 * 1024,
  codings: 5,
  connections: 256,
  connectionsPerOrigin: 64,
  idleMs: 30_000,
}

/** What an adapter is told, for tests that speak to one directly. */
export function optionsFor(
  given: Partial<Omit<TransportOptions, 'limits' | 'timeout'>> & {
    limits?: Limits
    timeout?: Partial<TransportOptions['timeout']>
  } = {},
): TransportOptions {
  return {
    stream: false,
    verify: true,
    cert: null,
    proxy: null,
    ...given,
    timeout: { connect: 5000, read: 5000, write: null, pool: null, total: null, ...given.timeout },
    limits: { ...LIMITS, ...given.limits },
  }
}

/** A request that needs no Session. */
export function prepared(url: string, method = 'GET'): Promise<PreparedRequest> {
  return new Request(method, url).prepare()
}
