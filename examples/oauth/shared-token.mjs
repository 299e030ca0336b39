// Two processes with one user's token: whoever comes first refreshes it, the other waits and takes the new one.
//
//   node shared-token.mjs ISSUER API_URL DIRECTORY &
//   node shared-token.mjs ISSUER API_URL DIRECTORY
//
// The token in DIRECTORY comes from a sign-in; see device-login.mjs.
import { FileTokenStore, OAuth2Auth, OAuth2Client } from '@entreat/auth-oauth'
import { Session } from '@entreat/core'

const [issuer, apiUrl, directory] = process.argv.slice(2)

const client = await OAuth2Client.discover(issuer, { clientId: 'worker' })
const auth = new OAuth2Auth({
  client,
  store: new FileTokenStore({ directory }),
  key: 'ishmael', // whose token it is
  onToken: () => console.log('refreshed'),
})

const session = new Session({ auth })
const response = await session.get(apiUrl)
console.log(response.statusCode)
await session.close()
