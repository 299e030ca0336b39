import { describe, test } from 'vitest'
import { HTTPAdapter } from '@entreat/core'
import { securitySuite, TestServer } from '@entreat/testkit'

// What is played byte for byte is HTTP/1.1.
securitySuite({
  name: 'a Session over HTTP/2',
  runner: { describe, test },
  capabilities: { tls: true, clientCertificates: true, proxies: true },
  secure: true,
  create: () => new HTTPAdapter({ http2: true }),
  startServer: (options) => TestServer.start({ ...options, http2: true }),
})
