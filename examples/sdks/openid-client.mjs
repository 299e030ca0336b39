// Discovery, a token and a protected resource of an OpenID provider through one Session: node openid-client.mjs URL
import { Session } from '@entreat/core'
import * as oidc from 'openid-client'

const [issuer] = process.argv.slice(2)
const session = new Session()
const config = await oidc.discovery(new URL(issuer), 'a-client', 'a-secret', undefined, {
  // Plain http is for this machine alone.
  execute: [oidc.allowInsecureRequests],
  [oidc.customFetch]: session.fetch,
})

const { access_token: token } = await oidc.clientCredentialsGrant(config, { scope: 'read' })
const resource = await oidc.fetchProtectedResource(config, token, new URL('/oauth/api', issuer), 'GET')
console.log('resource', resource.status)
console.log('active', (await oidc.tokenIntrospection(config, token)).active)

await session.close()
