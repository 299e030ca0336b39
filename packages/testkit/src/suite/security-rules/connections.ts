import assert from 'node:assert/strict'
import type { RequestOptions, Response, Session } from '@entreat/core'
import { asRequestException, becomes, rejectionOf, within } from '../checks.ts'
import { heldBytes, settledBytes } from '../held-bytes.ts'
import type { SecurityBench } from '../security-bench.ts'
import { wireReply } from '../wire-server.ts'
import type { Case } from '../suite-runner.ts'

/** Family T12: a connection serves only requests with its settings. */
export function poolIdentityCases(): readonly Case<SecurityBench>[] {
  const rule = 'T12'
  return [
    { rule, sentence: 'connections are not shared across verify', needs: ['tls'], check: acrossVerify },
    {
      rule,
      sentence: 'connections are not shared across client certificates',
      needs: ['tls', 'clientCertificates'],
      check: acrossCertificates,
    },
    { rule, sentence: 'connections are not shared across host names', needs: ['tls'], check: acrossNames },
    { rule, sentence: 'connections are not shared across proxies', needs: ['proxies'], check: acrossProxies },
    {
      rule,
      sentence: 'tunnels are not shared across credentials for the proxy',
      needs: ['proxies', 'tls'],
      check: acrossProxyCredentials,
    },
    { rule, sentence: 'equal settings do share a connection', needs: ['tls'], check: shares },
  ]
}

/** How many connections serve these requests, sent in turn. */
async function connectionsFor(
  bench: SecurityBench,
  variants: readonly RequestOptions[],
  origin = bench.server.httpsUrl,
): Promise<number> {
  const session = bench.session()
  const numbers = new Set<number>()
  for (const options of variants) {
    const response = await within(session.get(`${origin}/connections`, options), 'answer')
    numbers.add(response.json<{ connection: number }>().connection)
  }
  return numbers.size
}

async function assertConnections(
  bench: SecurityBench,
  expected: number,
  variants: readonly RequestOptions[],
  what: string,
): Promise<void> {
  const used = await connectionsFor(bench, variants)
  assert.equal(used, expected, `${variants.length} requests with ${what} used ${used} connections, not ${expected}`)
}

async function shares(bench: SecurityBench): Promise<void> {
  await assertConnections(bench, 1, [{}, {}, { verify: bench.server.ca }], 'equal settings')
}

async function acrossVerify(bench: SecurityBench): Promise<void> {
  const more = `${bench.server.ca}\n${bench.server.certificates.client.cert}`
  await assertConnections(
    bench,
    3,
    [{ verify: false }, {}, { verify: more }, { verify: false }, {}],
    'three kinds of verify',
  )
  const session = bench.session()
  await session.get(`${bench.server.httpsUrl}/get`, { verify: false })
  const sent = session.get(`${bench.server.httpsUrl}/get`, { verify: true })
  asRequestException(await rejectionOf(sent, 'verify after a request that did not'))
}

async function acrossCertificates(bench: SecurityBench): Promise<void> {
  const { client, untrustedClient } = bench.server.certificates
  const certs = [client, untrustedClient].map(({ cert, key }) => ({ cert: { cert, key } }))
  await assertConnections(bench, 3, [{}, ...certs, ...certs, {}], 'two certificates and none')
}

async function acrossNames(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  await session.get(`${bench.server.httpsUrl}/get`)
  await session.get(`${bench.server.httpsUrl.replace('localhost', '127.0.0.1')}/get`)
  const [first, second] = bench.server.requests
  assert.notEqual(first?.connection, second?.connection, 'two host names shared a connection')
}

async function acrossProxies(bench: SecurityBench): Promise<void> {
  const [first, second] = [await bench.proxy(), await bench.proxy()]
  const session = bench.session()
  for (const origin of [bench.server.url, bench.server.httpsUrl]) {
    for (const proxies of [{}, { all: first.url }, { all: second.url }, {}])
      await session.get(`${origin}/get`, { proxies })
  }
  const seen = [first, second].map(({ requests }) => requests.length)
  assert.deepEqual(seen, [2, 2], `the proxies saw ${seen.join(' and ')} requests, not 2 and 2`)
}

async function acrossProxyCredentials(bench: SecurityBench): Promise<void> {
  const proxy = await bench.proxy()
  const proxies = { all: proxy.url }
  const named = (userinfo: string): RequestOptions => ({ proxies: { all: proxy.url.replace('//', `//${userinfo}@`) } })
  const header = (value: string): RequestOptions => ({ proxies, headers: { 'Proxy-Authorization': value } })
  await assertConnections(
    bench,
    3,
    [named('a:x'), named('b:x'), { proxies }, named('a:x')],
    'two users of a proxy and none',
  )
  await assertConnections(bench, 2, [header('Basic YTp4'), header('Basic Yjp4')], 'two Proxy-Authorization headers')
  await assertConnections(
    bench,
    2,
    [
      { proxies, proxyAuth: ['a', 'x'] },
      { proxies, proxyAuth: ['b', 'x'] },
    ],
    'two of proxyAuth',
  )
}

/** Family T13: an answer belongs to the request before it on its connection, and to no other. */
export function pairingCases(): readonly Case<SecurityBench>[] {
  const rule = 'T13'
  const needs = ['wire']
  return [
    { rule, sentence: 'bytes on an idle connection end it', needs, check: unsolicited },
    { rule, sentence: 'a second answer to one request is given to nobody', needs, check: twoAnswers },
    { rule, sentence: 'an answer that comes late is given to nobody', needs, check: late },
    { rule, sentence: 'two framings of one body, and two lengths, are refused', needs, check: framings },
  ]
}

const STOLEN = wireReply('stolen', 'X-Answer: stolen\r\n')

async function assertNotStolen(session: Session, url: string, requests: number): Promise<void> {
  for (let sent = 0; sent < requests; sent++) {
    const response: Response = await within(session.get(url), 'answer')
    assert.equal(response.headers.get('x-answer'), null, 'a request was given the answer to another')
    assert.equal(response.text, 'own', 'a request was given a part of the answer to another')
  }
}

async function unsolicited(bench: SecurityBench): Promise<void> {
  for (const bytes of [STOLEN, 'HTTP/1.1 200', '\r\n\r\nx', 'x']) {
    const wire = await bench.wire(({ socket }) => {
      setTimeout(() => socket.write(bytes, 'latin1'), 20)
      return wireReply('own')
    })
    const session = bench.session()
    await assertNotStolen(session, wire.url, 1)
    await becomes(() => wire.openConnections, 0, 'connections that were sent bytes while they were idle')
    await assertNotStolen(session, wire.url, 1)
    assert.equal(wire.connectionCount, 2, 'a connection that was sent bytes while it was idle was used again')
  }
}

async function twoAnswers(bench: SecurityBench): Promise<void> {
  const wire = await bench.wire(({ index, connection }) =>
    index === 1 && connection < 3 ? wireReply('own') + STOLEN : wireReply('own'),
  )
  await assertNotStolen(bench.session(), wire.url, 4)
  const none = await bench.wire(() => `HTTP/1.1 204 No Content\r\n\r\n${STOLEN}`)
  const session = bench.session()
  for (let sent = 0; sent < 3; sent++) {
    const response = await within(session.get(none.url), 'answer')
    assert.equal(response.statusCode, 204, 'a request was given the answer to another')
  }
  const toHead = await bench.wire(() => `HTTP/1.1 200 OK\r\nContent-Length: ${STOLEN.length}\r\n\r\n${STOLEN}`)
  for (let sent = 0; sent < 3; sent++) {
    const response = await within(session.head(toHead.url), 'answer')
    assert.equal(response.headers.get('x-answer'), null, 'a HEAD was given the body of another as its answer')
  }
}

async function late(bench: SecurityBench): Promise<void> {
  const wire = await bench.wire(({ connection, socket }) => {
    if (connection === 1) setTimeout(() => socket.write(STOLEN, 'latin1'), 150)
    return connection === 1 ? undefined : wireReply('own')
  })
  const session = bench.session()
  await rejectionOf(session.get(wire.url, { timeout: { read: 50 } }), 'time out')
  await assertNotStolen(session, wire.url, 1)
  await becomes(() => wire.openConnections, 1, 'connections, the one that timed out among them')
  await assertNotStolen(session, wire.url, 2)
}

async function framings(bench: SecurityBench): Promise<void> {
  const heads = [
    'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: chunked\r\nContent-Length: 3\r\n',
    'Content-Length: 3\r\nContent-Length: 4\r\n',
    'Content-Length: 3, 4\r\n',
    'Content-Length: 3\r\ncontent-length: 0\r\n',
    'Content-Length: -3\r\n',
    'Content-Length: +3\r\n',
    'Content-Length: 0x3\r\n',
    'Content-Length: 3 3\r\n',
    'Transfer-Encoding: xchunked\r\nContent-Length: 3\r\n',
  ]
  for (const head of heads) {
    const wire = await bench.wire(
      () => `HTTP/1.1 200 OK\r\n${head}\r\n${head.includes(': chunked') ? '3\r\nown\r\n0\r\n\r\n' : 'own'}`,
    )
    const sent = bench.session().get(wire.url, { timeout: { read: 1000 } })
    asRequestException(await rejectionOf(sent, `refuse an answer with ${JSON.stringify(head)}`))
    await becomes(() => wire.openConnections, 0, `connections after ${JSON.stringify(head)}`)
  }
}

/** Family T16: bodies that nobody reads hold no memory, and no connection for ever. */
export function unreadBodyCases(): readonly Case<SecurityBench>[] {
  const rule = 'T16'
  return [
    { rule, sentence: 'bodies that nobody reads take no memory, and go with their Session', needs: [], check: unread },
    { rule, sentence: 'what only looks like a form is refused at once', needs: [], check: foreignForm },
  ]
}

async function unread(bench: SecurityBench): Promise<void> {
  const count = 100
  const bytes = 4 * 1024 * 1024
  const session = bench.session({ limits: { connections: count, connectionsPerOrigin: count } })
  const before = await settledBytes()
  const sent = Array.from({ length: count }, () => session.get(`${bench.origin}/download/${bytes}`, { stream: true }))
  for (const each of sent) each.catch(() => {})
  const responses = await within(Promise.all(sent), 'answer')
  await new Promise((resolve) => void setTimeout(resolve, 100))
  const grown = (await heldBytes()) - before
  assert.ok(grown < (count * bytes) / 4, `${count} unread bodies of ${bytes} bytes take ${grown} bytes`)
  for (const response of responses.slice(0, count / 2)) response.close()
  await within(session.close(), 'close')
  await bench.adapter.close()
  await becomes(() => bench.server.openConnections, 0, 'connections of unread bodies after close()')
}

async function foreignForm(bench: SecurityBench): Promise<void> {
  const form = {
    append() {},
    getHeaders: () => ({ 'X-Injected': 'yes' }),
    [Symbol.toStringTag]: 'FormData',
    pipe() {},
    get() {},
  }
  for (const options of [{ data: form }, { files: form }]) {
    const sent = Promise.resolve().then(() => bench.session().post(`${bench.origin}/anything`, options as never))
    asRequestException(await rejectionOf(sent, 'refuse what only looks like a form'))
  }
  assert.equal(bench.server.requests.length, 0, 'what only looks like a form was sent')
}
