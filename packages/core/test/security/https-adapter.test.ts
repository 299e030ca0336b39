import { describe, test } from 'vitest'
import { securitySuite } from '@entreat/testkit'

// What is played byte for byte is the same with TLS.
securitySuite({
  name: 'a Session over HTTP/1.1 and TLS',
  runner: { describe, test },
  capabilities: { tls: true, clientCertificates: true, proxies: true },
  secure: true,
})
