import { expect, test } from 'vitest'
import { ConnectionError, Session } from '@entreat/core'
import { type PeerCall, PeerAdapter } from '@entreat/testkit'

function playing(): { peer: PeerAdapter; session: Session } {
  const peer = new PeerAdapter()
  return { peer, session: new Session({ trustEnv: false }).mount('https://peer.test', peer) }
}

test('a request waits until the test answers it', async () => {
  const { peer, session } = playing()
  const sent = session.post('https://peer.test/whales', { json: { name: 'Moby' } })
  const call = await peer.next()
  expect([call.method, call.url, call.body.toString()]).toEqual(['POST', 'https://peer.test/whales', '{"name":"Moby"}'])
  expect(call.headers.get('content-type')).toBe('application/json')
  call.respond({ statusCode: 201, json: { id: 1 } })
  const response = await sent
  expect([response.statusCode, response.json()]).toEqual([201, { id: 1 }])
})

test('requests are taken in order of arrival, and answered in any', async () => {
  const { peer, session } = playing()
  const sent = [1, 2, 3].map((id) => session.get(`https://peer.test/${id}`))
  const calls: PeerCall[] = []
  for (let taken = 0; taken < 3; taken++) calls.push(await peer.next())
  for (const call of [...calls].reverse()) call.respond({ text: new URL(call.url).pathname })
  expect((await Promise.all(sent)).map((response) => response.text)).toEqual(['/1', '/2', '/3'])
  expect(peer.waiting).toBe(0)
})

test('a body is written piece by piece', async () => {
  const { peer, session } = playing()
  const sent = session.get('https://peer.test/', { stream: true })
  const body = (await peer.next()).stream({ headers: { 'X-Kind': 'stream' } })
  const response = await sent
  expect(response.headers.get('x-kind')).toBe('stream')
  const pieces = response.iterContent()
  body.write('first')
  expect((await pieces.next()).value?.toString()).toBe('first')
  body.write(Buffer.from('second')).end()
  expect((await pieces.next()).value?.toString()).toBe('second')
  expect((await pieces.next()).done).toBe(true)
})

test('the test can fail a request, and break a body off', async () => {
  const { peer, session } = playing()
  const refused = session.get('https://peer.test/')
  const cause = new Error('the line went dead')
  ;(await peer.next()).fail(cause)
  await expect(refused).rejects.toMatchObject({ cause, responseStarted: false })
  const broken = session.get('https://peer.test/')
  const body = (await peer.next()).stream()
  body.write('half').fail(cause)
  await expect(broken).rejects.toBeInstanceOf(ConnectionError)
})

test('a caller who gives up is seen by the test', async () => {
  const { peer, session } = playing()
  const controller = new AbortController()
  const sent = session.get('https://peer.test/', { signal: controller.signal })
  const call = await peer.next()
  const reason = new Error('no longer wanted')
  controller.abort(reason)
  await expect(sent).rejects.toBe(reason)
  expect(call.signal.aborted).toBe(true)
})

test('closing ends what waits', async () => {
  const { peer, session } = playing()
  const sent = session.get('https://peer.test/')
  sent.catch(() => {})
  await peer.next()
  await peer.close()
  await expect(sent).rejects.toMatchObject({ code: 'ERR_CLOSED' })
})

test('a call is answered once', async () => {
  const { peer, session } = playing()
  const sent = session.get('https://peer.test/')
  const call = await peer.next()
  call.respond()
  expect(() => call.respond()).toThrow('has been answered already')
  expect((await sent).statusCode).toBe(200)
})
