import assert from 'node:assert/strict'
// >>>
import { Session } from '@entreat/core'
import { OAuth1Flow } from '@entreat/auth-oauth'
// <<<
import { startOAuth1Provider } from '../oauth1-provider.mjs'

export const title = 'OAuth 1: three legs, and a signature for each request'
export const claim =
  'The provider gave the user, and saw another nonce each time; a request to another host carried none.'
export const source = import.meta.url

export async function run({ server, console }) {
  const provider = await startOAuth1Provider()
  const browser = new Session({ trustEnv: false })
  const visit = async (url) => (await browser.get(url, { allowRedirects: false })).headers.get('location')
  // >>>
  const session = new Session({ baseUrl: provider.url })
  const flow = new OAuth1Flow({
    clientKey: 'example-app',
    clientSecret: 'app secret',
    requestTokenUrl: `${provider.url}/request-token`,
    authorizeUrl: `${provider.url}/authorize`,
    accessTokenUrl: `${provider.url}/access-token`,
    callback: 'https://app.example/back',
  })
  const pending = await flow.requestToken()
  const cameBackTo = await visit(flow.authorizationUrl(pending)) // the user says yes

  const token = await flow.accessToken(cameBackTo, pending)
  session.auth = flow.auth(token)
  const response = await session.get('/me?fields=name')
  console.log(token.extra.screen_name, response.text)
  await session.get(`${server.url}/headers`) // another host: nothing is signed
  // <<<
  await session.close()
  await browser.close()
  await provider.close()
  return { response, nonces: provider.nonces, stranger: server.requests[0] }
}

export function verify({ response, nonces, stranger }) {
  assert.equal(response.text, 'hello=ishmael')
  assert.equal(new Set(nonces).size, 3)
  assert.equal(stranger.header('authorization'), null)
}
