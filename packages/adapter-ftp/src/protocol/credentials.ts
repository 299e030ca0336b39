import { AuthenticationError, type PreparedRequest } from '@entreat/core'

/** Who signs in. */
export interface Credentials {
  readonly user: string
  readonly password: string
}

const ANONYMOUS: Credentials = { user: 'anonymous', password: 'anonymous@' }
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * User and password of a request: those of its `Authorization: Basic` header, where `auth`, a URL's userinfo and netrc end up; else anonymous
 * (RFC 1635).
 *
 * @throws AuthenticationError for another scheme: FTP knows user and password alone; or for CR, LF and NUL.
 */
export function credentialsOf(request: PreparedRequest): Credentials {
  const header = request.headers.get('authorization')
  if (header === null) return ANONYMOUS
  const [, encoded] = /^basic +([a-z0-9+/=]+) *$/i.exec(header) ?? []
  if (encoded === undefined) {
    throw new AuthenticationError('FTP signs in with user and password: give auth as [user, password]', { request })
  }
  const text = decode(Buffer.from(encoded, 'base64'))
  if (/[\r\n\0]/.test(text))
    throw new AuthenticationError('User and password for FTP cannot hold CR, LF or NUL', { request })
  const colon = text.indexOf(':')
  if (colon < 1) throw new AuthenticationError('Signing in to FTP needs a user', { request })
  return { user: text.slice(0, colon), password: text.slice(colon + 1) }
}

/** Basic is Latin-1 or UTF-8 and does not say which. */
function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes)
  } catch {
    return bytes.toString('latin1')
  }
}
