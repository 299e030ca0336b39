import { describe, test } from 'vitest'
import { securitySuite } from '@entreat/testkit'

const runner = { describe, test }
const capabilities = { tls: true, clientCertificates: true, proxies: true, wire: true }

securitySuite({ name: 'a Session over HTTP/1.1', runner, capabilities })
// What is played byte for byte is the same with TLS.
securitySuite({
  name: 'a Session over HTTP/1.1 and TLS',
  runner,
  capabilities: { ...capabilities, wire: false },
  secure: true,
})
