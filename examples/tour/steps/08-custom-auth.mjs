import assert from 'node:assert/strict'
// >>>
import { createHmac } from 'node:crypto'
import { AuthBase, Session } from '@entreat/core'

class TokenAuth extends AuthBase {
  constructor(secret) {
    super()
    this.sign = (challenge) => createHmac('sha256', secret).update(challenge).digest('hex')
  }

  async *authFlow(request, context) {
    const response = yield request
    const token = context.challenges(response).find(({ scheme }) => scheme === 'Token')
    if (response.statusCode !== 401 || !token) return
    context.authorize(request, `Token ${this.sign(token.params.get('challenge'))}`)
    yield request
  }
}
// <<<

export const title = 'An authentication scheme of your own, with a 401 round trip'
export const claim = 'The scheme answered the challenge on the same connection, and the refused leg is in the history.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const session = new Session({ baseUrl: server.url, auth: new TokenAuth('secret') })
  const response = await session.get('/token-auth')
  console.log(
    response.history.map((leg) => leg.statusCode),
    response.statusCode,
  )
  console.log(response.json().authenticated, 'over', server.connectionCount, 'connection')
  await session.close()
  // <<<
  return { response, connections: server.connectionCount, requests: server.requests.length }
}

export function verify({ response, connections, requests }) {
  assert.equal(response.statusCode, 200)
  assert.equal(response.json().authenticated, true)
  assert.deepEqual(
    response.history.map((leg) => leg.statusCode),
    [401],
  )
  assert.deepEqual({ connections, requests }, { connections: 1, requests: 2 })
}
