import { type ClientAuth, clientAuth, OAuth2Client, type OAuth2ClientOptions, type Token } from '../../src/index.ts'
import { basicClient, postClient, redirectUri, secretJwtClient } from './oidc-clients.ts'
import type { OidcServer } from './oidc-server.ts'
import { signIn } from './sign-in.ts'

/** How each registered client proves who it is. */
const auths: Readonly<Record<string, () => ClientAuth>> = {
  [basicClient.id]: () => clientAuth.basic(basicClient.secret),
  [postClient.id]: () => clientAuth.post(postClient.secret),
  [secretJwtClient.id]: () => clientAuth.secretJwt(secretJwtClient.secret),
  service: () => clientAuth.basic('s3cret-service-0000'),
  inspector: () => clientAuth.basic('s3cret-inspector'),
}

/** A client that the server knows. */
export function discover(
  server: OidcServer,
  clientId: string,
  options: Partial<OAuth2ClientOptions> = {},
): Promise<OAuth2Client> {
  const auth = auths[clientId]?.() ?? clientAuth.none()
  return OAuth2Client.discover(server.issuer, { clientId, auth, redirectUri, ...options })
}

/** What must be asked for to get a refresh token from the server. */
export const offline = { scope: 'openid offline_access api:read', prompt: 'consent' } as const

/** Signs a user in, to the token. */
export async function tokenFor(client: OAuth2Client, user = 'ishmael'): Promise<Token> {
  const request = await client.authorizationRequest(offline)
  return client.exchange(await signIn(request.url, { user }), request)
}
