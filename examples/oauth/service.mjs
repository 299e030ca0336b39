// A service that calls an API in its own name, for as long as it runs: node service.mjs ISSUER API_URL COUNT
//
// The secret comes from CLIENT_SECRET.
import { clientAuth, OAuth2Auth, OAuth2Client } from '@entreat/auth-oauth'
import { Session } from '@entreat/core'

const [issuer, apiUrl, count] = process.argv.slice(2)

const client = await OAuth2Client.discover(issuer, {
  clientId: 'reports',
  // A function: a secret that is rotated while the service runs is read anew for each token.
  auth: clientAuth.basic(() => process.env.CLIENT_SECRET),
  scope: 'reports:read',
})
const auth = new OAuth2Auth({
  client,
  obtain: 'client_credentials',
  background: true, // renewed while requests still use the old token: none of them waits
  onToken: (token, reason) => console.log(`new token (${reason}) for ${token.scope?.join(' ')}`),
})

const session = new Session({ auth, retry: 2 })
// However many requests begin at once, one token is asked for.
const responses = await Promise.all(Array.from({ length: Number(count) }, () => session.get(apiUrl)))
console.log(responses.length, 'answers:', [...new Set(responses.map(({ statusCode }) => statusCode))].join(', '))
await session.close()
