import { afterAll, beforeAll, beforeEach } from 'vitest'
import { TestServer, type TestServerOptions } from '@entreat/testkit'

/** Starts a server for the tests of one file and closes it after them; call the result for the server. */
export function useTestServer(options: TestServerOptions = {}): () => TestServer {
  let server: TestServer | undefined
  beforeAll(async () => {
    server = await TestServer.start(options)
  })
  beforeEach(() => server?.reset())
  afterAll(() => server?.close())
  return () => {
    if (server === undefined) throw new Error('The server has not started')
    return server
  }
}
