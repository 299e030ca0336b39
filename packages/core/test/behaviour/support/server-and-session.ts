import { Session, type SessionOptions } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'

/** The file's server, from {@link useServerAndSession}. */
export let server: TestServer
/** The test's session, from {@link useServerAndSession}. */
export let session: Session

/**
 * Starts one server for the tests of a file, and one session for each of them.
 *
 * @param options - of the session; asked for when the server is there.
 */
export function useServerAndSession(options: () => SessionOptions = () => ({})): void {
  beforeAll(async () => {
    server = await TestServer.start()
  })
  afterAll(async () => {
    await server.close()
  })
  beforeEach(() => {
    session = new Session({ trustEnv: false, ...options() })
  })
  afterEach(async () => {
    await session.close()
  })
}
