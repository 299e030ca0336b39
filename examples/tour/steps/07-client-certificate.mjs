import assert from 'node:assert/strict'
// >>>
import { Session } from '@entreat/core'
// <<<

export const title = 'A client certificate'
export const claim = 'The server saw no certificate before `cert` was set, and a trusted one afterwards.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const session = new Session({ baseUrl: server.httpsUrl, verify: server.ca })
  const anonymous = await session.get('/client-certificate')

  const { cert, key } = server.certificates.client // PEM text; paths and bytes do as well
  session.cert = [cert, key]
  const known = await session.get('/client-certificate')
  console.log(anonymous.json())
  console.log(known.json().subject, 'authorized:', known.json().authorized)
  await session.close()
  // <<<
  return { anonymous: anonymous.json(), known: known.json() }
}

export function verify({ anonymous, known }) {
  assert.equal(anonymous, null)
  assert.equal(known.authorized, true)
  assert.equal(known.subject.CN, 'entreat test client')
}
