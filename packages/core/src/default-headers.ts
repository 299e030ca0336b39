import { ACCEPT_ENCODING } from './message/content-coding.ts'
import { Headers } from './message/headers.ts'

/** The version of this package, as it stands in User-Agent. A test compares it with package.json. */
export const VERSION = '0.1.0'

/** The headers of a new Session: User-Agent, Accept-Encoding (what this Node can decode) and Accept. */
export function defaultHeaders(): Headers {
  return new Headers({ 'User-Agent': `entreat/${VERSION}`, 'Accept-Encoding': ACCEPT_ENCODING, Accept: '*/*' })
}
