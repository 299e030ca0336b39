import { expect, test } from 'vitest'
import { AuthBase, type AuthContext, type PreparedRequest, Request, Session } from '@entreat/core'
import { reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

/** Signs with a number that grows. */
class Counting extends AuthBase {
  count = 0

  override apply(request: PreparedRequest, context: AuthContext): void {
    context.authorize(request, `Count ${++this.count}`)
  }
}

/** Sends a prepared request to a path of its own, and gives its Authorization as it arrived. */
function authorizations(path: string): (string | null)[] {
  return site()
    .received(path)
    .map((request) => request.header('authorization'))
}

test('prepareRequest() gives every default of the session', async () => {
  await using session = new Session({
    headers: { 'X-S': '1' },
    params: { s: 1 },
    auth: ['u', 'p'],
    cookies: { c: '1' },
  })
  const prepared = await session.prepareRequest(new Request('get', `${site().url}/get#f`, { params: { r: 2 } }))
  expect(prepared.method).toBe('GET')
  expect(prepared.url).toBe(`${site().url}/get?s=1&r=2#f`)
  expect(prepared.pathUrl).toBe('/get?s=1&r=2')
  expect(prepared.origin).toBe(site().url)
  expect(prepared.headers.get('x-s')).toBe('1')
  expect(prepared.headers.get('cookie')).toBe('c=1')
  expect(prepared.headers.get('authorization')).toBe('Basic dTpw')
})

test('Request.prepare() gives no default of any session', async () => {
  const prepared = await new Request('POST', `${site().url}/post`, { cookies: { a: '1' } }).prepare()
  expect([...prepared.headers.items()]).toEqual([
    ['Content-Length', '0'],
    ['Cookie', 'a=1'],
  ])
})

test('send() takes no defaults but the settings of sending', async () => {
  await using session = new Session({ headers: { 'X-S': '1' }, params: { s: 1 } })
  await session.send(await new Request('GET', site().on('/plain', reply(200))).prepare())
  expect(site().last('/plain').url).toBe('/plain')
  expect(site().last('/plain').header('x-s')).toBeNull()
  expect(site().last('/plain').header('user-agent')).toBeNull()
})

test('send() signs with the auth of a request that was prepared alone', async () => {
  await using session = new Session()
  const prepared = await new Request('GET', site().on('/alone', reply(200)), { auth: ['u', 'p'] }).prepare()
  await session.send(prepared)
  expect(authorizations('/alone')).toEqual(['Basic dTpw'])
})

test('signs a prepared request anew each time it is sent untouched', async () => {
  await using session = new Session({ auth: new Counting() })
  const prepared = await session.prepareRequest(new Request('GET', site().on('/untouched', reply(200))))
  expect(prepared.headers.get('authorization')).toBe('Count 1')
  await session.send(prepared)
  await session.send(prepared)
  expect(authorizations('/untouched')).toEqual(['Count 2', 'Count 3'])
})

test.each<[what: string, change: (prepared: PreparedRequest) => void]>([
  ['a header', (prepared) => prepared.headers.set('X-New', '1')],
  ['the URL', (prepared) => void (prepared.url += '?changed')],
  ['the method', (prepared) => void (prepared.method = 'PUT')],
  ['the body', (prepared) => void (prepared.body = 'new' as never)],
])('sends a prepared request as it stands when %s was changed', async (what, change) => {
  const path = `/touched-${what.replaceAll(' ', '-')}`
  await using session = new Session({ auth: new Counting() })
  const prepared = await session.prepareRequest(new Request('POST', site().on(path, reply(200))))
  change(prepared)
  await session.send(prepared)
  expect(authorizations(path)).toEqual(['Count 1'])
})

test('sends a signature that the caller replaced', async () => {
  await using session = new Session({ auth: new Counting() })
  const prepared = await session.prepareRequest(new Request('GET', site().on('/replaced', reply(200))))
  prepared.headers.set('Authorization', 'Own x')
  await session.send(prepared)
  expect(authorizations('/replaced')).toEqual(['Own x'])
})

test('sends no signature that the caller removed', async () => {
  await using session = new Session({ auth: new Counting() })
  const prepared = await session.prepareRequest(new Request('GET', site().on('/removed', reply(200))))
  prepared.headers.delete('Authorization')
  await session.send(prepared)
  expect(authorizations('/removed')).toEqual([null])
})

test('sends the cookies of the moment with an untouched prepared request', async () => {
  await using session = new Session({ cookies: { a: '1' } })
  const prepared = await session.prepareRequest(new Request('GET', site().on('/moment', reply(200))))
  session.cookies.set('a', '2')
  await session.send(prepared)
  expect(site().last('/moment').header('cookie')).toBe('a=2')
})

test('leaves a prepared request as it was when it is sent', async () => {
  await using session = new Session({
    auth: new Counting(),
    hooks: { request: (sent) => sent.headers.append('X-Hook', '1') },
  })
  const prepared = await new Request('GET', site().on('/same', reply(200)), { auth: new Counting() }).prepare()
  prepared.hooks = (await session.prepareRequest(new Request('GET', site().url))).hooks
  const before = [...prepared.headers.items()]
  await session.send(prepared)
  await session.send(prepared)
  expect([...prepared.headers.items()]).toEqual(before)
  expect(
    site()
      .received('/same')
      .map((request) => request.header('x-hook')),
  ).toEqual(['1', '1'])
})

test('a copy shares nothing that can be changed', async () => {
  const prepared = await new Request('POST', `${site().url}/post`, { data: 'x', headers: { A: '1' } }).prepare()
  const copy = prepared.copy()
  copy.headers.set('A', '2')
  copy.url = `${site().url}/other`
  copy.method = 'PUT'
  expect([prepared.headers.get('a'), prepared.url, prepared.method]).toEqual(['1', `${site().url}/post`, 'POST'])
  expect(copy.body).toBe(prepared.body)
})

test('a copy without body has no headers of one', async () => {
  const prepared = await new Request('POST', `${site().url}/post`, { json: { a: 1 } }).prepare()
  const copy = prepared.withoutBody()
  expect(copy.body).toBeNull()
  expect([...copy.headers.items()]).toEqual([['Content-Length', '0']])
  expect(prepared.headers.get('content-type')).toBe('application/json')
})

test('keeps its stream, verify, cert and timeout settings for send()', async () => {
  await using session = new Session({ stream: true, timeout: 50 })
  const prepared = await new Request('GET', `${site().url}/bytes/10`).prepare()
  const response = await session.send(prepared)
  expect(() => response.content).toThrow(expect.objectContaining({ code: 'ERR_CONTENT_NOT_READ' }))
  response.close()
  const never = await new Request('GET', `${site().url}/never`).prepare()
  await expect(session.send(never)).rejects.toMatchObject({ code: 'ERR_READ_TIMEOUT' })
})
