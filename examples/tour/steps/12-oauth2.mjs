import assert from 'node:assert/strict'
// >>>
import { OAuth2Auth, OAuth2Client } from '@entreat/auth-oauth'
import { Session } from '@entreat/core'
// <<<

export const title = 'OAuth 2: fifty requests, an ended token, one refresh'
export const claim =
  'The code was exchanged with PKCE; fifty requests at once refreshed the token once, and all were answered.'
export const source = import.meta.url

/** Stands for the user's browser: says where the server sends it back to. */
async function agree(url) {
  const browser = new Session()
  const { headers } = await browser.get(url, { allowRedirects: false })
  await browser.close()
  return headers.get('location')
}

export async function run({ server, console }) {
  // >>>
  const redirectUri = 'http://127.0.0.1:8080/callback'
  const client = await OAuth2Client.discover(server.url, { clientId: 'tour', redirectUri, scope: 'read' })
  const request = await client.authorizationRequest()
  const callback = await agree(request.url) // what a browser does
  const auth = new OAuth2Auth({ client, token: await client.exchange(callback, request) })

  const session = new Session({ baseUrl: server.url, auth })
  const { accessToken } = await auth.token()
  await client.revoke(accessToken) // the server ends it early
  const responses = await Promise.all(Array.from({ length: 50 }, () => session.get('/oauth/api')))
  console.log(responses.filter(({ statusCode }) => statusCode === 200).length, 'requests answered')
  console.log(responses[0].json(), accessToken === (await auth.token()).accessToken)
  await session.close()
  // <<<
  return { responses, requests: [...server.requests] }
}

export function verify({ responses, requests }) {
  assert.equal(responses.length, 50)
  for (const response of responses) {
    assert.equal(response.statusCode, 200)
    assert.deepEqual(response.json(), { authenticated: true, subject: 'user', scope: 'read' })
  }
  const grants = requests
    .filter(({ url }) => url === '/oauth/token')
    .map(({ body }) => new URLSearchParams(body.toString()).get('grant_type'))
  assert.deepEqual(grants, ['authorization_code', 'refresh_token'])
}
