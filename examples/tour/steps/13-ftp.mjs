import assert from 'node:assert/strict'
import { TestFTPServer } from '@entreat/testkit'
// >>>
import { FTPAdapter } from '@entreat/adapter-ftp'
import { Session } from '@entreat/core'
// <<<

export const title = 'FTP through the same Session'
export const claim =
  'A file went up and a part of it came down over TLS, and a missing one was a 404 in the server’s words.'
export const source = import.meta.url

export async function run({ console }) {
  const server = await TestFTPServer.start({ credentials: { username: 'ishmael', password: 'whale' } })
  // >>>
  const session = new Session({ auth: ['ishmael', 'whale'], verify: server.ca })
  session.mount('ftp://', new FTPAdapter({ explicitTls: true }))

  await session.put(`${server.url}/log.txt`, { data: 'Call me Ishmael.' })
  const part = await session.get(`${server.url}/log.txt`, { headers: { Range: 'bytes=5-6' } })
  const missing = await session.get(`${server.url}/missing.txt`)
  console.log(part.statusCode, part.text, part.headers.get('Content-Range'))
  console.log(missing.statusCode, missing.reason)
  console.log((await session.get(`${server.url}/`)).json().map(({ name, size }) => [name, size]))
  await session.close()
  // <<<
  const verbs = server.commands.map(({ verb }) => verb)
  await server.close()
  return { part, missing, verbs }
}

export function verify({ part, missing, verbs }) {
  assert.deepEqual([part.statusCode, part.text, part.headers.get('Content-Range')], [206, 'me', 'bytes 5-6/16'])
  assert.deepEqual([missing.statusCode, missing.reason], [404, 'No such file'])
  assert.deepEqual(verbs.slice(0, 3), ['AUTH', 'USER', 'PASS'])
}
