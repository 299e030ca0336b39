import { DigestVerifier, type DigestAlgorithm } from '../digest-verifier.ts'
import { type NtlmOptions, NtlmVerifier } from '../ntlm/ntlm-verifier.ts'
import type { ProxyAuthenticator } from '../proxy-state.ts'
import type { CustomHandler } from '../request-listener.ts'
import { sendJson } from '../reply.ts'
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

/**
 * The server's side of NTLM, at `/ntlm`, and at `/ntlm-refused` with another password.
 *
 * @param options - what more the server and a proxy demand. Default: NTLMv2 with a MIC.
 */
export function ntlmAuthTarget(
  username: string,
  password: string,
  options: Omit<NtlmOptions, 'username' | 'password'> = {},
): AuthTarget {
  return {
    path: '/ntlm',
    refusingPath: '/ntlm-refused',
    handler: () =>
      ntlmHandler(
        new Map([
          ['/ntlm', new NtlmVerifier({ ...options, username, password })],
          ['/ntlm-refused', new NtlmVerifier({ ...options, username, password: `not ${password}` })],
        ]),
      ),
    authenticateProxy: () => {
      const verifier = new NtlmVerifier({ ...options, username, password })
      return (request) => {
        const verdict = verifier.verify(request)
        return verdict.isAccepted ? null : verdict.challenges
      }
    },
  }
}

function ntlmHandler(verifiers: ReadonlyMap<string, NtlmVerifier>): CustomHandler {
  return async (request, response) => {
    const verifier = verifiers.get(request.url?.split('?', 1)[0] ?? '')
    if (verifier === undefined) return false
    // All of the body: an answer before its end would say nothing about what arrived.
    for await (const _ of request);
    const verdict = verifier.verify({ connection: request.socket, authorization: request.headers.authorization })
    if (verdict.isAccepted) {
      sendJson(response, { authenticated: true, ...verdict.identity })
      return true
    }
    response.setHeader('WWW-Authenticate', verdict.challenges)
    if (verdict.closesConnection) response.setHeader('Connection', 'close')
    sendJson(response, { authenticated: false, refusal: verdict.refusal, reason: verdict.reason }, 401)
    return true
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
