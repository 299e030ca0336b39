import { describe, test } from 'vitest'
import { securitySuite } from '@entreat/testkit'

securitySuite({
  name: 'a Session over HTTP/1.1',
  runner: { describe, test },
  capabilities: { tls: true, clientCertificates: true, proxies: true, wire: true },
})
