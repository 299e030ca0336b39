import type { Cert, Proxy, Response, TransportOptions, Verify } from '@entreat/core'

/**
 * What an adapter can do. Nothing is on unless it is declared; what is declared is tested, and needs the target's member of that name where there is one.
 */
export interface AdapterCapabilities {
  /** Gives responses with a status other than success, such as 404 for what is not there. Target: `statuses`. */
  readonly statuses?: boolean
  /** Carries request bodies. Target: `upload`. */
  readonly uploads?: boolean
  /** Hands bodies over piece by piece as they are read, not whole. */
  readonly streaming?: boolean
  /** Speaks to a peer that may be slow, silent or gone. Target: `silent`, `stalled`, `broken`, `truncated`. */
  readonly network?: boolean
  /** Keeps `timeout.connect`. Target: `unanswered`. */
  readonly connectTimeout?: boolean
  /** Keeps `timeout.read`. */
  readonly readTimeout?: boolean
  /** Keeps `timeout.write`. Target: `unread`. */
  readonly writeTimeout?: boolean
  /** Keeps `timeout.pool` and `limits.connectionsPerOrigin`. */
  readonly poolTimeout?: boolean
  /** Keeps `limits.headerBytes`. Target: `longHead`. */
  readonly headLimit?: boolean
  /** Keeps connections for later requests. Target: `stale`. */
  readonly keepAlive?: boolean
  /** Has TLS, and honours `verify`. Target: `tls`. */
  readonly tls?: boolean
  /** Honours `cert`. Without it, an adapter that has TLS must refuse one. Target: `clientCertificate`. */
  readonly clientCertificates?: boolean
  /** Honours `proxy`. Without it, an adapter that has a network must refuse one. Target: `proxy`. */
  readonly proxies?: boolean
  /** Speaks HTTP: redirects, challenges, cookies and codings come back as they are. Target: `http`. */
  readonly http?: boolean
  /** Defines `acquire()`. Target: `connection`. */
  readonly connections?: boolean
}

/** Where a request goes. */
export interface Place {
  readonly url: string
  /** What this place needs beside the target's own options. */
  readonly options?: Partial<TransportOptions>
  /** Ends what was started for this place alone. */
  close?(): Promise<void>
}

/** A place whose response has a known status. */
export interface StatusPlace extends Place {
  /** Default `GET`. */
  readonly method?: string
  readonly statusCode: number
}

/** A place that takes a request body. */
export interface UploadPlace extends Place {
  readonly method: string
  /** What arrived there, once the response has been read. */
  received(): Uint8Array | Promise<Uint8Array>
}

/** A place that leaves kept connections. */
export interface StalePlace extends Place {
  /** Requests that have arrived there. */
  count(): number
}

/** A place with a certificate that only `authority` vouches for. */
export interface TlsPlace extends Place {
  readonly authority: Verify
}

/** A place that says whether it was shown a client certificate. */
export interface ClientCertificatePlace extends Place {
  readonly cert: Cert
  /** Reads the answer; the response's body has been read. */
  wasPresented(response: Response): boolean
}

/** A proxy on the way to the target. */
export interface ProxyPlace {
  readonly proxy: Proxy
  /** Requests and tunnels it has seen. */
  count(): number
}

/** A place that tells connections apart. */
export interface ConnectionPlace extends Place {
  /** The number of the connection that carried a response; its body has been read. */
  numberOf(response: Response): number
}

/** A request as the HTTP side of a target received it. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  /** All lines of a header joined, or `null`. */
  header(name: string): string | null
}

/** The places that only HTTP has. */
export interface HttpPlaces {
  /** Answers 3xx with a Location that exists. */
  redirect(): Place
  /** Answers 401 with a Basic challenge. */
  challenge(): Place
  /** Answers with a Set-Cookie for every path. */
  setsCookie(): Place
  /** Answers 503 with `Retry-After: 0`, each time. */
  unavailable(): Place
  /** Answers in `Content-Encoding: gzip`; `plain` is the content without it. */
  gzipped(): Place & { readonly plain: Uint8Array }
  /** Every request that arrived, oldest first. */
  requests(): readonly SeenRequest[]
}

/**
 * The world that an adapter is tested in. {@link httpTarget} is one for HTTP; another kind of URL needs one of its own.
 *
 * `resource` and the like are asked anew in every test.
 */
export interface AdapterTarget {
  /** What every request to this target needs: an authority to trust, a proxy to take. */
  readonly options?: Partial<Pick<TransportOptions, 'verify' | 'cert' | 'proxy'>>
  /** A place whose content is `Buffer.concat([...seededBlocks(length, seed)])`, and that answers GET with success. */
  resource(length: number, seed: number): Place | Promise<Place>
  /** A place for which there is no response: nobody listens, or the system refuses. */
  failing(): Place | Promise<Place>
  /** Connections, files and the like that adapters hold open in this world now. */
  open(): number | Promise<number>
  readonly statuses?: () => readonly StatusPlace[] | Promise<readonly StatusPlace[]>
  readonly upload?: () => UploadPlace | Promise<UploadPlace>
  /** Takes the request and never answers. */
  readonly silent?: () => Place | Promise<Place>
  /** Sends the head of a response, a byte of its body at most, and then nothing for a minute. */
  readonly stalled?: () => Place | Promise<Place>
  /** Takes the request and closes the connection without an answer. */
  readonly broken?: () => Place | Promise<Place>
  /** Sends a part of the body it promised, and closes. */
  readonly truncated?: () => Place | Promise<Place>
  /** A place to which no connection comes about: nobody accepts, or the handshake is never answered. */
  readonly unanswered?: () => Place | Promise<Place>
  /** Takes the head of a POST request, and nothing of its body. */
  readonly unread?: () => Place | Promise<Place>
  /** Answers with a head of more than 100,000 bytes. */
  readonly longHead?: () => Place | Promise<Place>
  /** Answers the first request of each connection, and closes at the next one without an answer. */
  readonly stale?: () => StalePlace | Promise<StalePlace>
  readonly tls?: () => TlsPlace | Promise<TlsPlace>
  readonly clientCertificate?: () => ClientCertificatePlace | Promise<ClientCertificatePlace>
  readonly proxy?: () => ProxyPlace | Promise<ProxyPlace>
  readonly connection?: () => ConnectionPlace | Promise<ConnectionPlace>
  readonly http?: HttpPlaces
}
