import assert from 'node:assert/strict'
// >>>
import { get, Session } from '@entreat/core'
// <<<

export const title = 'Connections: one for each call, or one for a Session'
export const claim = 'The server counted two TCP connections without a Session and one with it.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  await get(`${server.url}/get`)
  await get(`${server.url}/get`)
  const without = server.connectionCount

  server.reset()
  const session = new Session()
  await session.get(`${server.url}/get`)
  await session.get(`${server.url}/get`)
  const withSession = server.connectionCount
  await session.close()
  console.log({ without, withSession })
  // <<<
  return { without, withSession }
}

export function verify(counted) {
  assert.deepEqual(counted, { without: 2, withSession: 1 })
}
