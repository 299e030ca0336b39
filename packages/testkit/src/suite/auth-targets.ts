import { DigestVerifier, type DigestAlgorithm } from '../digest-verifier.ts'
import type { ProxyAuthenticator } from '../proxy-state.ts'
import type { AuthTarget } from './auth-target.ts'

/** The server's side of HTTP Basic, at `/basic-auth`. */
export function basicAuthTarget(username: string, password: string): AuthTarget {
  const value = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  return {
    path: `/basic-auth/${encodeURIComponent(username)}/${encodeURIComponent(password)}`,
    refusingPath: `/basic-auth/${encodeURIComponent(username)}/another`,
    authenticateProxy: () => acceptOnly(value, 'Basic realm="Fake Proxy"'),
  }
}

/** The server's side of Bearer tokens, at `/bearer`, which takes any token; a proxy takes only this one. */
export function bearerAuthTarget(token: string): AuthTarget {
  return { path: '/bearer', authenticateProxy: () => acceptOnly(`Bearer ${token}`, 'Bearer realm="Fake Proxy"') }
}

/** The server's side of HTTP Digest, at `/digest-auth`. Default algorithm: MD5. */
export function digestAuthTarget(username: string, password: string, algorithm: DigestAlgorithm = 'MD5'): AuthTarget {
  const path = (secret: string): string =>
    `/digest-auth/auth/${encodeURIComponent(username)}/${encodeURIComponent(secret)}/${algorithm}`
  return {
    path: path(password),
    refusingPath: path('another'),
    authenticateProxy: () =>
      digestProxy(
        new DigestVerifier({ realm: 'Fake Proxy', username, password, algorithms: [algorithm], qops: ['auth'] }),
      ),
  }
}

function acceptOnly(value: string, challenge: string): ProxyAuthenticator {
  return ({ authorization }) => (authorization === value ? null : [challenge])
}

function digestProxy(verifier: DigestVerifier): ProxyAuthenticator {
  return ({ method, target, authorization }) => {
    const verdict = verifier.verify({ method, target, authorization, body: Buffer.alloc(0) })
    return verdict.isAccepted ? null : verdict.challenges
  }
}
