import { expect, test } from 'vitest'
import { Session } from '@entreat/core'
import { failureOf, until, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })
type Init = NonNullable<Parameters<typeof fetch>[1]>

/** What a fetch sends, in a comparable form. */
async function sentBy(fetcher: typeof fetch, path: string, init: Init): Promise<unknown> {
  const response = await fetcher(`${site().url}${path}`, init)
  const told = (await response.json()) as { headers: Record<string, string>; [member: string]: unknown }
  const { 'Content-Type': type = null, 'X-Own': own = null } = told.headers
  const boundary = /boundary=(.*)$/.exec(type ?? '')?.[1] ?? 'none'
  return {
    ...told,
    headers: { type: type?.replace(boundary, 'B').replace('multipart/form-data; boundary=B', 'multipart B'), own },
    status: response.status,
  }
}

function form(): FormData {
  const data = new FormData()
  data.append('a', '1')
  data.append('f', new Blob(['hi'], { type: 'x/y' }), 'n.txt')
  return data
}

const INITS: Readonly<Record<string, () => Init>> = {
  'a plain GET': () => ({}),
  'headers as a record': () => ({ headers: { 'X-Own': '1' } }),
  'headers as pairs': () => ({
    headers: [
      ['X-Own', '1'],
      ['X-Own', '2'],
    ],
  }),
  'a Headers': () => ({ headers: new Headers({ 'X-Own': '1' }) }),
  text: () => ({ method: 'POST', body: 'héllo' }),
  'empty text': () => ({ method: 'POST', body: '' }),
  'text with a type of its own': () => ({
    method: 'POST',
    body: '{}',
    headers: { 'Content-Type': 'application/json' },
  }),
  bytes: () => ({ method: 'PUT', body: new Uint8Array([104, 105]) }),
  'an ArrayBuffer': () => ({ method: 'PUT', body: new Uint8Array([104, 105]).buffer }),
  'a Blob': () => ({ method: 'POST', body: new Blob(['hi'], { type: 'text/x' }) }),
  'a URLSearchParams': () => ({ method: 'POST', body: new URLSearchParams({ a: 'é' }) }),
  'a FormData': () => ({ method: 'POST', body: form() }),
  'a stream': () => ({ method: 'POST', body: new Blob(['hi']).stream(), duplex: 'half' }),
  'null as a body': () => ({ method: 'POST', body: null }),
  'a lower-case method': () => ({ method: 'post', body: 'x' }),
}

test.each(Object.entries(INITS))("sends %s as Node's fetch does", async (_what, init) => {
  await using session = new Session()
  expect(await sentBy(session.fetch, '/anything', init())).toEqual(await sentBy(fetch, '/anything', init()))
})

test.each<[what: string, input: (url: string) => Parameters<typeof fetch>[0]]>([
  ['text', (url) => url],
  ['a URL', (url) => new URL(url)],
  ['a Request', (url) => new Request(url, { headers: { 'X-Own': '1' } })],
  ['a Request with a body', (url) => new Request(url, { method: 'POST', body: 'hi' })],
])('takes %s', async (_what, input) => {
  await using session = new Session()
  const url = `${site().url}/anything`
  const pick = async (response: Response): Promise<unknown> => {
    const { method, data, headers } = (await response.json()) as {
      method: string
      data: string
      headers: Record<string, string>
    }
    return { method, data, own: headers['X-Own'] }
  }
  expect(await pick(await session.fetch(input(url)))).toEqual(await pick(await fetch(input(url))))
})

test('lets init stand before the Request', async () => {
  await using session = new Session()
  const request = new Request(`${site().url}/anything`, { method: 'POST', body: 'old', headers: { 'X-Own': '1' } })
  const told = (await (
    await session.fetch(request, { method: 'PUT', body: 'new', headers: { 'X-Own': '2' } })
  ).json()) as object
  expect(told).toMatchObject({ method: 'PUT', data: 'new', headers: { 'X-Own': '2' } })
})

test('is bound to its session, and uses its headers, cookies and auth', async () => {
  await using session = new Session({
    headers: { 'X-S': '1' },
    cookies: { a: '1' },
    auth: ['u', 'p'],
    baseUrl: site().url,
  })
  const { fetch: loose } = session
  expect(await (await loose('/headers')).json()).toMatchObject({
    headers: { 'X-S': '1', Cookie: 'a=1', Authorization: 'Basic dTpw' },
  })
})

test('keeps cookies in the session', async () => {
  await using session = new Session()
  await (await session.fetch(`${site().url}/cookies/set/a/1`)).text()
  expect(session.cookies.get('a')).toBe('1')
})

test("sends neither cookies nor auth for credentials: 'omit'", async () => {
  await using session = new Session({ cookies: { a: '1' }, auth: ['u', 'p'] })
  session.headers.set('Cookie', 'b=2')
  for (const input of [`${site().url}/headers`, new Request(`${site().url}/headers`, { credentials: 'omit' })]) {
    await (await session.fetch(input, { credentials: 'omit' })).text()
    expect(site().last('/headers').header('cookie')).toBeNull()
    expect(site().last('/headers').header('authorization')).toBeNull()
  }
})

test("keeps no cookies for credentials: 'omit'", async () => {
  await using session = new Session()
  await (await session.fetch(`${site().url}/cookies/set/a/1`, { credentials: 'omit' })).text()
  expect(session.cookies.size).toBe(0)
})

test("sends cookies given as a header for credentials: 'omit'", async () => {
  await using session = new Session({ cookies: { a: '1' } })
  await (await session.fetch(`${site().url}/headers`, { credentials: 'omit', headers: { Cookie: 'own=1' } })).text()
  expect(site().last('/headers').header('cookie')).toBe('own=1')
})

/** A fetch's outcome in short. */
async function outcome(promise: Promise<Response>): Promise<unknown> {
  try {
    const { status, redirected, url, type } = await promise
    return { status, redirected, url, type: type === 'basic' ? 'default' : type }
  } catch (error) {
    return `${(error as Error).name}: ${(error as Error).message}`
  }
}

test.each(['follow', 'manual', 'error'] as const)(
  "handles redirect: '%s' as Node's fetch does, in init and in a Request",
  async (redirect) => {
    await using session = new Session()
    const url = `${site().url}/redirect/1`
    const expected = await outcome(fetch(url, { redirect }))
    expect(await outcome(session.fetch(url, { redirect }))).toEqual(expected)
    expect(await outcome(session.fetch(new Request(url, { redirect })))).toEqual(expected)
  },
)

test.each([301, 302, 303, 307, 308])("turns POST on a %i into what Node's fetch does", async (status) => {
  await using session = new Session()
  const url = `${site().url}/redirect-to?url=/anything&status_code=${status}`
  const told = async (fetcher: typeof fetch): Promise<unknown> => {
    const { method, data } = (await (await fetcher(url, { method: 'POST', body: 'x' })).json()) as {
      method: string
      data: string
    }
    return { method, data }
  }
  expect(await told(session.fetch)).toEqual(await told(fetch))
})

test('gives errors of status as responses', async () => {
  await using session = new Session()
  expect((await session.fetch(`${site().url}/status/500`)).status).toBe(500)
})

test.each(['http://', 'nonsense', 'http://127.0.0.1:1/', 'gopher://x/'])(
  'rejects with a TypeError that has a cause: %s',
  async (url) => {
    await using session = new Session()
    const error = await failureOf(session.fetch(url))
    expect(error).toBeInstanceOf(TypeError)
    expect(error).toMatchObject({
      message: 'fetch failed',
      cause: { name: expect.any(String), code: expect.stringMatching(/^ERR_/) },
    })
  },
)

test('rejects with the reason of its signal', async () => {
  await using session = new Session()
  const reason = new Error('enough')
  const controller = new AbortController()
  const pending = session.fetch(
    site().on('/abort-fetch', () => controller.abort(reason)),
    { signal: controller.signal },
  )
  expect(await failureOf(pending)).toBe(reason)
  expect(await failureOf(session.fetch(`${site().url}/get`, { signal: AbortSignal.abort(reason) }))).toBe(reason)
  expect(await failureOf(session.fetch(new Request(`${site().url}/get`, { signal: AbortSignal.abort(reason) })))).toBe(
    reason,
  )
})

test('fails a body that is being read with the reason of its signal', async () => {
  await using session = new Session()
  const reason = new Error('enough')
  const controller = new AbortController()
  const response = await session.fetch(`${site().url}/drip?duration=60&delay=0`, { signal: controller.signal })
  const text = failureOf(response.text())
  controller.abort(reason)
  expect(await text).toBe(reason)
})

test('gives up the connection when a body is cancelled', async () => {
  await using session = new Session()
  let isOpen = true
  const url = site().on('/cancelled', (request, response) => {
    request.socket.once('close', () => (isOpen = false))
    response.write('x')
  })
  const response = await session.fetch(url)
  await response.body?.cancel()
  await until(() => !isOpen)
})

test('reuses the connection of a body that was read', async () => {
  await using session = new Session()
  const before = site().server.connectionCount
  for (let count = 0; count < 3; count++) await (await session.fetch(`${site().url}/get`)).text()
  expect(site().server.connectionCount - before).toBe(1)
})

test('rejects rather than throws where it is called wrongly', async () => {
  await using session = new Session()
  expect(await failureOf(session.fetch(undefined as never))).toBeInstanceOf(TypeError)
  expect(await failureOf(session.fetch(`${site().url}/get`, { method: 'A B' }))).toBeInstanceOf(TypeError)
})

test('lets go of a stream that it sends when its signal aborts', async () => {
  await using session = new Session()
  const controller = new AbortController()
  let isCancelled = false
  const body = new ReadableStream({
    pull: (to) => to.enqueue(Buffer.alloc(1000)),
    cancel: () => void (isCancelled = true),
  })
  const url = site().on('/swallow', (request) => {
    request.resume()
    controller.abort('enough')
  })
  const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as const
  expect(await failureOf(session.fetch(url, init))).toBe('enough')
  await until(() => isCancelled)
})

test.each(['init', 'Request'])(
  'lets go of a stream of an %s that keeps it waiting when its signal aborts',
  async (where) => {
    await using session = new Session()
    const controller = new AbortController()
    let isCancelled = false
    const body = new ReadableStream({
      start: (to) => to.enqueue(Buffer.from('head')),
      pull: () => new Promise(() => {}),
      cancel: () => void (isCancelled = true),
    })
    const url = site().on('/waits', () => controller.abort('enough'))
    const init = { method: 'POST', body, duplex: 'half', signal: controller.signal } as const
    const sending = where === 'init' ? session.fetch(url, init) : session.fetch(new Request(url, init))
    expect(await failureOf(sending)).toBe('enough')
    await until(() => isCancelled)
  },
)
