import assert from 'node:assert/strict'
// >>>
import { DigestAuth, Session } from '@entreat/core'
// <<<

export const title = 'session.auth signs every request'
export const claim = 'Credentials are said once; Basic signs at once, Digest answers the challenge.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const session = new Session({ baseUrl: server.url })
  const refused = await session.get('/basic-auth/ishmael/whale')
  session.auth = ['ishmael', 'whale'] // Basic
  const basic = await session.get('/basic-auth/ishmael/whale')
  session.auth = new DigestAuth('ishmael', 'whale')
  const digest = await session.get('/digest-auth/auth/ishmael/whale/SHA-256')
  console.log(refused.statusCode, basic.statusCode, digest.statusCode)
  console.log(digest.json())
  await session.close()
  // <<<
  return { statuses: [refused.statusCode, basic.statusCode, digest.statusCode], requests: [...server.requests] }
}

export function verify({ statuses, requests }) {
  assert.deepEqual(statuses, [401, 200, 200])
  const schemes = requests.map((request) => request.header('authorization')?.split(' ')[0] ?? null)
  assert.deepEqual(schemes, [null, 'Basic', null, 'Digest'])
}
