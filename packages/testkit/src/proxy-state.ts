import type { Duplex } from 'node:stream'
import type { ConnectionLog } from './connection-log.ts'
import type { RecordedRequest } from './recorded-request.ts'

/** Where a client wants to go through a proxy. */
export interface ProxyTarget {
  /** Name or address, an IPv6 address without brackets. */
  readonly host: string
  readonly port: number
}

/** The parts of a request that a proxy's authentication may look at. */
export interface ProxyAuthRequest {
  /** `CONNECT` for a tunnel. */
  readonly method: string
  /** As received: an absolute URL, or `host:port` for a tunnel. */
  readonly target: string
  /** `Proxy-Authorization`, if there is one. */
  readonly authorization: string | undefined
  /** The number of the client's TCP connection, for schemes bound to it. */
  readonly connection: number
}

/** Lets a request in with `null`, or refuses it with the values of one `Proxy-Authenticate` line each. */
export type ProxyAuthenticator = (request: ProxyAuthRequest) => readonly string[] | null

/** What one proxy remembers, shared by its listeners. */
export interface ProxyState {
  readonly connections: ConnectionLog
  /** Every request is appended. */
  readonly requests: RecordedRequest[]
  /** Open sockets to the servers behind the proxy. */
  readonly upstream: Set<Duplex>
  readonly authenticate: ProxyAuthenticator
  readonly closesAfterRefusal: boolean
  readonly resolve: (target: ProxyTarget) => ProxyTarget
}
