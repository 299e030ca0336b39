import { afterEach } from 'vitest'
import { TestServer, type TestServerOptions } from '@entreat/testkit'

/** Starts embedded servers that end with the test. */
export function useServer(): (handler: TestServerOptions['handler']) => Promise<TestServer> {
  const open: TestServer[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((server) => server.close()))
  })
  return async (handler) => {
    const server = await TestServer.start({ tls: false, ...(handler === undefined ? {} : { handler }) })
    open.push(server)
    return server
  }
}
