import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { ownOptions } from '../options.ts'
import type { SocketOptions } from './connector.ts'
import { secureContextFor } from './secure-context.ts'
import { checkServerName } from './server-name.ts'
import type { TlsSettings } from './tls.ts'

/**
 * What `tls.connect` is told of the other side, so that all adapters trust alike: SNI and identity follow the URL's host (or `servername`), the common
 * name of a certificate says nothing, and the server cannot renegotiate. Socket, ALPN and TLS session are the caller's business.
 *
 * @param host - of the URL, without brackets.
 * @param settings - of `tlsSettings`.
 * @param options - as an adapter was given them; `peer` is `'proxy'` where the other side is an https proxy: a `servername` in `tls` is not its.
 * @returns an object without a prototype. It may be used for several connections.
 * @throws SSLError for a certificate or key that cannot be used.
 */
export function tlsOptions(
  host: string,
  settings: TlsSettings,
  options: SocketOptions & { readonly peer?: 'origin' | 'proxy' },
): ConnectionOptions {
  const { servername: givenName, checkServerIdentity = checkServerName, ...given } = ownOptions(options.tls ?? {})
  const ownName = options.servername ?? (options.peer === 'proxy' ? undefined : givenName)
  const name = withoutFinalDot(ownName ?? host)
  const tls: ConnectionOptions = {
    ...given,
    checkServerIdentity,
    rejectUnauthorized: settings.rejectUnauthorized,
    secureContext: secureContextFor(settings, options.tls),
    host: name,
    // RFC 6066 section 3: no address. Empty and not left out, for Node looks beyond own properties.
    servername: isIP(name) === 0 ? name : '',
  }
  // The same: `undefined`, which the types do not foresee.
  Object.assign(tls, { session: undefined, ALPNProtocols: undefined })
  return ownOptions(tls)
}

/** RFC 6066 section 3: the name in SNI has no dot at its end, whatever the URL says. */
function withoutFinalDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name
}
