import { describe, test } from 'vitest'
import { securitySuite } from '@entreat/testkit'

const runner = { describe, test }
const capabilities = { tls: true, clientCertificates: true, proxies: true, wire: true }

securitySuite({ name: 'a Session over HTTP/1.1', runner, capabilities })
securitySuite({ name: 'a Session over HTTP/1.1 and TLS', runner, capabilities, secure: true })
