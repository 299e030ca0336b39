import assert from 'node:assert/strict'
// >>>
import { HTTPAdapter, Session } from '@entreat/core'
// <<<

export const title = 'A transport adapter pins the TLS version of one prefix'
export const claim = 'URLs under the prefix spoke TLS 1.2; the rest of the Session spoke TLS 1.3.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const session = new Session({ verify: server.ca })
  const pinned = new HTTPAdapter({ tls: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } })
  session.mount(server.httpsUrl, pinned) // https://localhost:PORT

  const under = await session.get(`${server.httpsUrl}/tls`)
  const beside = await session.get(`${server.httpsUrl.replace('localhost', '127.0.0.1')}/tls`)
  console.log(under.json().version, beside.json().version)
  await session.close()
  // <<<
  return [under.json().version, beside.json().version]
}

export function verify(versions) {
  assert.deepEqual(versions, ['TLSv1.2', 'TLSv1.3'])
}
