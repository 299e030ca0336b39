// Signs a user in with OAuth 1 and remembers them: node three-legged-oauth1.mjs PROVIDER DIRECTORY
// The first time it shows a link and asks for the code; from then on it has the token.
import { createInterface } from 'node:readline/promises'
import { FileTokenStore, OAuth1Flow, OAuth1Token } from '@entreat/auth-oauth'
import { Session } from '@entreat/core'

const [provider, directory] = process.argv.slice(2)

const session = new Session({ baseUrl: provider })
const flow = new OAuth1Flow({
  clientKey: 'example-app',
  clientSecret: 'app secret',
  requestTokenUrl: `${provider}/request-token`,
  authorizeUrl: `${provider}/authorize`,
  accessTokenUrl: `${provider}/access-token`,
  session,
})
const store = new FileTokenStore({ directory })

async function signIn() {
  const pending = await flow.requestToken()
  console.log('open', flow.authorizationUrl(pending))
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  const verifier = await terminal.question('The code that is shown there: ')
  terminal.close()
  const token = await flow.accessToken({ verifier: verifier.trim() }, pending)
  await store.save(provider, token.toData())
  return token
}

const stored = await store.load(provider)
const token = stored === undefined ? await signIn() : OAuth1Token.fromData(stored)

session.auth = flow.auth(token)
const response = await session.get('/me')
console.log(response.raiseForStatus().text)
await session.close()
