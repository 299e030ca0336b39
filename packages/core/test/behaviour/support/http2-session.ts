import { HTTPAdapter, type HTTPAdapterOptions, Session, type SessionOptions } from '@entreat/core'
import { testCertificates } from '@entreat/testkit'

/** A session that offers HTTP/2 and trusts the test authority. */
export function http2Session(settings: SessionOptions = {}, options: HTTPAdapterOptions = {}): Session {
  const adapter = new HTTPAdapter({ http2: true, ...options })
  const session = new Session({ trustEnv: false, verify: testCertificates().ca, ...settings })
  return session.mount('https://', adapter).mount('http://', adapter)
}

/** Calls so many times at once. */
export function times<T>(count: number, call: (index: number) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: count }, (_, index) => call(index)))
}
