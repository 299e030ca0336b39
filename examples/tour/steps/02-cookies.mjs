import assert from 'node:assert/strict'
// >>>
import { Session } from '@entreat/core'
// <<<

export const title = 'A Session remembers cookies'
export const claim = 'What one response sets, on a redirect too, later requests of the Session send.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const session = new Session({ baseUrl: server.url })
  const first = await session.get('/cookies/set/ship/Pequod') // sets a cookie and redirects
  const later = await session.get('/cookies') // tells which cookies it was sent
  console.log(first.history.map((response) => response.statusCode))
  console.log(later.json().cookies)
  console.log(session.cookies.get('ship'))
  await session.close()
  // <<<
  return { first, later, session, sent: server.requests.map((request) => request.header('cookie')) }
}

export function verify({ first, later, session, sent }) {
  assert.deepEqual(
    first.history.map((response) => response.statusCode),
    [302],
  )
  assert.deepEqual(later.json().cookies, { ship: 'Pequod' })
  assert.equal(session.cookies.get('ship'), 'Pequod')
  assert.deepEqual(sent, [null, 'ship=Pequod', 'ship=Pequod'])
}
