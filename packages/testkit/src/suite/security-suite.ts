import { HTTPAdapter, type TransportAdapter } from '@entreat/core'
import { TestServer } from '../test-server.ts'
import { SecurityBench, type StartServer } from './security-bench.ts'
import { pairingCases, poolIdentityCases, unreadBodyCases } from './security-rules/connections.ts'
import { cookieCases } from './security-rules/cookies.ts'
import { headerByteCases } from './security-rules/header-bytes.ts'
import { linearTimeCases } from './security-rules/linear-time.ts'
import { noProxyCases } from './security-rules/no-proxy.ts'
import { depthCases, prototypeCases, randomnessCases, switchCases } from './security-rules/options.ts'
import { proxyHopCases } from './security-rules/proxy-hops.ts'
import { redirectCredentialCases } from './security-rules/redirect-credentials.ts'
import { redirectTargetCases } from './security-rules/redirect-targets.ts'
import { secretCases } from './security-rules/secrets.ts'
import { codingCases, sizeCases } from './security-rules/sizes.ts'
import { urlCases } from './security-rules/urls.ts'
import { runCases, type SuiteRunner } from './suite-runner.ts'

/** What an adapter for http and https can do beside carrying requests. Nothing is on unless it is declared. */
export interface SecurityCapabilities {
  /** Has TLS, and honours `verify`. */
  readonly tls?: boolean
  /** Honours `cert`. */
  readonly clientCertificates?: boolean
  /** Honours `proxy`, by absolute-form requests and tunnels. */
  readonly proxies?: boolean
  /** Speaks HTTP/1.1 in clear, so that a server can be played byte for byte. */
  readonly wire?: boolean
}

/** What {@link securitySuite} takes. */
export interface SecuritySuiteOptions {
  /** Heading of the tests. */
  readonly name: string
  readonly runner: SuiteRunner
  /** How long something that must happen may take before a test fails, in milliseconds. Default 8000; a slow machine may need more. */
  readonly patienceMs?: number
  /** Makes the adapter that carries http and https under a Session; called once a test, which closes it. Default: a new HTTPAdapter. */
  readonly create?: () => TransportAdapter | Promise<TransportAdapter>
  /** What the adapter can do. Default: nothing but carry requests. */
  readonly capabilities?: SecurityCapabilities
  /** Starts an origin with the handler it is given; called twice a test, which closes both. Default: `TestServer.start`. */
  readonly startServer?: StartServer
  /** Whether the origins are https ones. Default `false`. */
  readonly secure?: boolean
}

/**
 * Registers the security families T1 to T19, as far as they apply to a whole Session over an adapter for http and https: what goes into a request, where
 * credentials go, what a server can make a client hold, and what is shown.
 *
 * A failure names the adapter's class and the family: "HTTPAdapter breaks rule T13: …". The tests change the environment and `Math.random` for moments: no
 * other test may run in the same process meanwhile.
 */
export function securitySuite(options: SecuritySuiteOptions): void {
  const { name, runner, capabilities = {}, secure: isSecure = false, patienceMs } = options
  const { create = () => new HTTPAdapter(), startServer = (given) => TestServer.start(given) } = options
  runCases({
    patienceMs,
    runner,
    title: name,
    kind: 'adapter',
    capabilities: { ...capabilities },
    open: () => SecurityBench.open({ create, startServer, isSecure }),
    cases: [
      ...headerByteCases(),
      ...redirectCredentialCases(),
      ...redirectTargetCases(),
      ...proxyHopCases(),
      ...noProxyCases(),
      ...sizeCases(),
      ...codingCases(),
      ...prototypeCases(),
      ...randomnessCases(),
      ...urlCases(),
      ...linearTimeCases(),
      ...poolIdentityCases(),
      ...pairingCases(),
      ...cookieCases(),
      ...unreadBodyCases(),
      ...switchCases(),
      ...depthCases(),
      ...secretCases(),
    ],
  })
}
