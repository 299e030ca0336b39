import { createPublicKey, X509Certificate } from 'node:crypto'
import { testCertificates } from '@entreat/testkit'
import { clientKeys } from './oidc-server.ts'

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** Where the server sends users back to; nobody listens there. */
export const redirectUri = 'https://client.example/cb'

/** Odd characters: a Basic header must form-encode them. */
export const basicClient = { id: 'we:b/ %+&', secret: 's3cret:/ %+&-basic' }
export const postClient = { id: 'post', secret: 's3cret-post-000000000000' }
/** HS256 wants 32 bytes. */
export const secretJwtClient = { id: 'secret-jwt', secret: 's3cret-jwt-0123456789-0123456789-0123456789' }

const userGrants = ['authorization_code', 'refresh_token', DEVICE_CODE]

/** Every client that a test signs in as. */
export function oidcClients(isMutual: boolean): Record<string, unknown>[] {
  const user = { redirect_uris: [redirectUri], response_types: ['code'], grant_types: userGrants }
  const service = { redirect_uris: [], response_types: [], grant_types: ['client_credentials'] }
  const clients: Record<string, unknown>[] = [
    { ...user, client_id: basicClient.id, client_secret: basicClient.secret },
    {
      ...user,
      client_id: postClient.id,
      client_secret: postClient.secret,
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: [...userGrants, TOKEN_EXCHANGE, JWT_BEARER, 'password'],
    },
    { ...user, client_id: 'public', token_endpoint_auth_method: 'none' },
    {
      ...user,
      client_id: 'native',
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      redirect_uris: ['http://127.0.0.1/cb'],
    },
    {
      ...user,
      client_id: secretJwtClient.id,
      client_secret: secretJwtClient.secret,
      token_endpoint_auth_method: 'client_secret_jwt',
      token_endpoint_auth_signing_alg: 'HS256',
    },
    ...keyClients().map((client) => ({ ...service, ...client, token_endpoint_auth_method: 'private_key_jwt' })),
    { ...user, client_id: 'pushed', token_endpoint_auth_method: 'none', require_pushed_authorization_requests: true },
    { ...user, client_id: 'bound', token_endpoint_auth_method: 'none', dpop_bound_access_tokens: true },
    { ...service, client_id: 'service', client_secret: 's3cret-service-0000' },
    { ...service, client_id: 'inspector', client_secret: 's3cret-inspector', grant_types: [] },
  ]
  return isMutual ? [...clients, ...certificateClients(service)] : clients
}

function keyClients(): Record<string, unknown>[] {
  return Object.entries({
    ES256: clientKeys.ec,
    RS256: clientKeys.rsa,
    PS256: clientKeys.rsa,
    EdDSA: clientKeys.ed,
  }).map(([alg, key]) => ({
    client_id: `key-${alg}`,
    token_endpoint_auth_signing_alg: alg,
    jwks: { keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), use: 'sig', alg }] },
  }))
}

function certificateClients(service: Record<string, unknown>): Record<string, unknown>[] {
  const { client, untrustedClient } = testCertificates()
  const trusted = new X509Certificate(client.cert)
  const selfSigned = new X509Certificate(untrustedClient.cert)
  const jwk = createPublicKey(untrustedClient.cert).export({ format: 'jwk' })
  return [
    {
      ...service,
      client_id: 'tls',
      token_endpoint_auth_method: 'tls_client_auth',
      tls_client_auth_subject_dn: trusted.subject,
      tls_client_certificate_bound_access_tokens: true,
    },
    {
      ...service,
      client_id: 'self-signed',
      token_endpoint_auth_method: 'self_signed_tls_client_auth',
      tls_client_certificate_bound_access_tokens: true,
      jwks: { keys: [{ ...jwk, use: 'sig', x5c: [selfSigned.raw.toString('base64')] }] },
    },
  ]
}
