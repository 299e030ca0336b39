import assert from 'node:assert/strict'
// >>>
import { Readable } from 'node:stream'
import { NTLMAuth } from '@entreat/auth-ntlm'
import { Session } from '@entreat/core'
// <<<

export const title = 'NTLM: one handshake for a connection, one upload for a body'
export const claim =
  'Five requests took six round trips on one connection; a stream crossed once and whole; the server verified NTLMv2 and its MIC.'
export const source = import.meta.url

export async function run({ server, console }) {
  // >>>
  const auth = new NTLMAuth({ username: 'PEQUOD\\ahab', password: 'ivory' })
  const session = new Session({ baseUrl: server.url, auth })

  const upload = Readable.from([Buffer.alloc(60_000, 'white '), Buffer.alloc(60_000, 'whale ')])
  const responses = [await session.post('/ntlm-auth/ahab/ivory', { data: upload })]
  while (responses.length < 5) responses.push(await session.get('/ntlm-auth/ahab/ivory'))

  console.log(responses.at(-1).json())
  console.log(server.requests.length, 'round trips on', server.connectionCount, 'connection')
  await session.close()
  // <<<
  const bodies = server.requests.map(({ bodyLength }) => bodyLength)
  return { answers: responses.map((response) => response.json()), bodies, connections: server.connectionCount }
}

export function verify({ answers, bodies, connections }) {
  assert.equal(answers.length, 5)
  for (const { authenticated, domain, username, hasMic } of answers) {
    assert.deepEqual([authenticated, domain, username, hasMic], [true, 'PEQUOD', 'ahab', true])
  }
  assert.deepEqual(bodies, [0, 120_000, 0, 0, 0, 0])
  assert.equal(connections, 1)
}
