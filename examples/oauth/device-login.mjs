// Signs a user in who has a browser somewhere, as GitHub's command line does: node device-login.mjs CLIENT_ID [DIRECTORY]
//
// GITHUB_URL and GITHUB_API_URL lead to another server than github.com.
import { homedir } from 'node:os'
import { join } from 'node:path'
import { FileTokenStore, OAuth2Auth, OAuth2Client, signInOnDevice } from '@entreat/auth-oauth'
import { Session } from '@entreat/core'

const [clientId = '', directory = join(homedir(), '.config', 'example-cli')] = process.argv.slice(2)
const { GITHUB_URL = 'https://github.com', GITHUB_API_URL = 'https://api.github.com' } = process.env

const client = new OAuth2Client({
  clientId,
  scope: 'read:user',
  // GitHub publishes no metadata.
  metadata: {
    issuer: GITHUB_URL,
    device_authorization_endpoint: `${GITHUB_URL}/login/device/code`,
    token_endpoint: `${GITHUB_URL}/login/oauth/access_token`,
  },
})
const auth = new OAuth2Auth({
  client,
  store: new FileTokenStore({ directory }), // the next run finds the token here
  origins: [GITHUB_API_URL],
  // Asked for when there is no token, or none that can be refreshed: the prompt goes to standard error.
  obtain: () => signInOnDevice(client),
})

const session = new Session({ baseUrl: GITHUB_API_URL, auth })
const response = await session.get('/user')
console.log('signed in as', response.raiseForStatus().json().login)
await session.close()
