// An adapter under mocha: what its `describe` and `it` are called for the suite is all there is to say.
import { after, before, describe, it } from 'mocha'
import { HTTPAdapter } from '@entreat/core'
import { adapterSuite, httpTarget, TestServer } from '@entreat/testkit'

let server
before(async () => {
  server = await TestServer.start({ tls: false })
})
after(() => server.close())

adapterSuite({
  name: 'HTTPAdapter under mocha',
  create: () => new HTTPAdapter(),
  capabilities: { statuses: true, uploads: true, streaming: true, http: true, connections: true },
  runner: { describe, test: it },
  target: () => httpTarget(server),
})
