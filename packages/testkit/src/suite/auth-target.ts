import type { ProxyAuthenticator } from '../proxy-state.ts'
import type { CustomHandler } from '../request-listener.ts'

/** What a scheme does beside signing. Nothing is on unless it is declared. */
export interface AuthCapabilities {
  /** Waits for a challenge: a first exchange takes more than one request. */
  readonly challenge?: boolean
  /** Answers proxies too, as `proxyAuth`. Target: `authenticateProxy`. */
  readonly proxy?: boolean
  /** Binds its exchanges to connections, as NTLM does. */
  readonly connectionBound?: boolean
}

/** The server's side of a scheme: what a `TestServer` that the suite starts for every test asks for. */
export interface AuthTarget {
  /** Answers 200 to valid credentials, for GET and POST, and 401 with a challenge to others. A route of `TestServer`, or one of `handler`. */
  readonly path: string
  /** Answers 401 to the scheme's credentials, with a challenge that it understands. Default `/status/401`. */
  readonly refusingPath?: string
  /** Serves `path` where no route does; made once a server. */
  readonly handler?: () => CustomHandler
  /** Lets requests with valid credentials through a proxy; made once a proxy. */
  readonly authenticateProxy?: () => ProxyAuthenticator
}
