/** Where a client's Kerberos credentials come from: exactly one of the three. */
export type KerberosCredentials =
  /** A credential cache: a path, or a name such as `FILE:/tmp/krb5cc_1000`, `DIR:…`, `KEYRING:…`, `KCM:…`. */
  | { readonly ccache: string; readonly keytab?: never; readonly password?: never }
  /** A keytab with the client's key: a path, or `FILE:…`. Tickets are kept in memory. */
  | { readonly keytab: string; readonly ccache?: never; readonly password?: never }
  /** The password of `principal`. Tickets are kept in memory. */
  | { readonly password: string; readonly ccache?: never; readonly keytab?: never }

/** What a provider can do. What it cannot do is refused before anything is sent, never ignored. */
export interface GssCapabilities {
  /** Ties tokens to the TLS certificate of the connection. */
  readonly channelBindings: boolean
  /** Signs in with a password. */
  readonly password: boolean
  /** Reads a credential cache other than the process's default one. */
  readonly ccache: boolean
  /** Signs in with a keytab other than the process's default one. */
  readonly keytab: boolean
  /** Tells by {@link GssContext.flags} what the mechanism has granted. */
  readonly grantedFlags: boolean
}

/** What a context is made for. */
export interface GssContextOptions {
  /** Whom the token is for, as a host-based service name: `HTTP@web.example.com`. */
  readonly service: string
  /** Asks that the server proves its identity too. */
  readonly mutual: boolean
  /** Hands the user's own ticket on, so that the server can act as the user. */
  readonly delegate: boolean
  /** The client's principal; default: that of the credentials. */
  readonly principal?: string
  /**
   * Default: the process's default credentials. One scheme passes the same object for all its contexts, so that a provider can keep what it
   * made of it, by identity, for as long as the object lives.
   */
  readonly credentials?: KerberosCredentials
  /** The application data of the channel bindings, such as `tls-server-end-point:` and a hash (RFC 5929 section 4). */
  readonly channelBindings?: Uint8Array
}

/** What the mechanism has granted, which may be less than was asked for. */
export interface GssFlags {
  readonly mutual: boolean
  readonly delegated: boolean
}

/** What one step came to. */
export interface GssStep {
  /** What the other side must be sent, or `null`. */
  readonly token: Uint8Array | null
  /** Whether the context is established: nothing more is expected from the other side. */
  readonly complete: boolean
}

/**
 * One security context, for one request: never shared and never used twice.
 *
 * @see RFC 2743 section 2.2
 */
export interface GssContext {
  /**
   * Takes what the other side has sent. Steps of one context never overlap.
   *
   * @param token - `null` for the first step.
   * @throws any Error whose message says what the mechanism says; if it has numbers `majorStatus` and `minorStatus`, they are shown too.
   */
  step(token: Uint8Array | null): Promise<GssStep>
  /** What has been granted so far; `null` if the provider cannot tell. */
  readonly flags: GssFlags | null
  /** Frees it. Called once, and never while a step is running. */
  dispose(): void
}

/** A way to reach GSSAPI. Speaks SPNEGO with Kerberos inside, and nothing else inside (RFC 4178). */
export interface GssProvider {
  /** As errors name it. */
  readonly name: string
  readonly capabilities: GssCapabilities
  /** Makes a context; does no I/O, which is left to the first step. */
  createContext(options: GssContextOptions): GssContext
}
