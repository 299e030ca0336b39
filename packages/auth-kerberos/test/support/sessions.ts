import { afterEach } from 'vitest'
import { type AuthInit, Session, type SessionOptions } from '@entreat/core'

/** Makes sessions without the machine's settings that end with the test. */
export function useSessions(): (auth: AuthInit, options?: SessionOptions) => Session {
  const open: Session[] = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((session) => session.close()))
  })
  return (auth, options = {}) => {
    const session = new Session({ trustEnv: false, auth, ...options })
    open.push(session)
    return session
  }
}
