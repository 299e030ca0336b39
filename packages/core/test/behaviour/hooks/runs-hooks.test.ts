import { expect, test } from 'vitest'
import { Request, Response, Retry, Session, UsageError } from '@entreat/core'
import { failureOf, reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

test('runs hooks in order, those of the session first, and waits for each', async () => {
  const log: string[] = []
  const slowly = (name: string) => async (): Promise<void> => {
    log.push(`${name} begins`)
    await new Promise((resolve) => setImmediate(resolve))
    log.push(`${name} ends`)
  }
  await using session = new Session({
    hooks: { request: slowly('s-req'), response: [slowly('s-res-1'), slowly('s-res-2')] },
  })
  await session.get(`${site().url}/get`, { hooks: { request: [slowly('r-req')], response: slowly('r-res') } })
  expect(log).toEqual(
    ['s-req', 'r-req', 's-res-1', 's-res-2', 'r-res'].flatMap((name) => [`${name} begins`, `${name} ends`]),
  )
})

test('runs request and response hooks on every hop, and says which', async () => {
  const log: unknown[] = []
  await using session = new Session()
  await session.get(`${site().url}/redirect/2`, {
    hooks: {
      request: (request, { hop, attempt }) => void log.push([request.pathUrl, hop, attempt]),
      response: (response, { hop }) => void log.push([response.statusCode, hop]),
    },
  })
  expect(log).toEqual([
    ['/redirect/2', 0, 0],
    [302, 0],
    ['/relative-redirect/1', 1, 0],
    [302, 1],
    ['/get', 2, 0],
    [200, 2],
  ])
})

test('gives hooks the resolved options', async () => {
  await using session = new Session({ timeout: 1234 })
  let seen: unknown
  const hooks = {
    request: (_: unknown, info: { options: { timeout: { read: number | null }; stream: boolean } }) =>
      void (seen = [info.options.timeout.read, info.options.stream]),
  }
  await session.get(`${site().url}/get`, { hooks })
  expect(seen).toEqual([1234, false])
})

test('runs no hook for auth legs', async () => {
  const { DigestAuth } = await import('@entreat/core')
  const seen: number[] = []
  await using session = new Session({
    auth: new DigestAuth('u', 'p'),
    hooks: { response: ({ statusCode }) => void seen.push(statusCode) },
  })
  await session.get(`${site().url}/digest-auth/auth/u/p/MD5`)
  expect(seen).toEqual([200])
})

test('runs request hooks before cookies and auth', async () => {
  let seen: unknown
  await using session = new Session({ auth: ['u', 'p'], cookies: { a: '1' } })
  await session.get(`${site().url}/headers`, {
    hooks: { request: ({ headers }) => void (seen = [headers.get('authorization'), headers.get('cookie')]) },
  })
  expect(seen).toEqual([null, null])
  expect(site().last('/headers').header('authorization')).toBe('Basic dTpw')
})

test('sends the request that a request hook gives instead', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/get`, {
    hooks: {
      request(request) {
        const other = request.copy()
        other.url = `${site().url}/headers`
        other.headers.set('X-Other', '1')
        return other
      },
    },
  })
  expect(response.json()).toMatchObject({ headers: { 'X-Other': '1' } })
  expect(response.request.pathUrl).toBe('/headers')
})

test('gives the response that a response hook gives instead, to later hooks too', async () => {
  await using session = new Session()
  const instead =
    (text: string) =>
    ({ request }: Response) =>
      new Response({ request, statusCode: 203, body: text })
  let seen = ''
  const response = await session.get(`${site().url}/redirect/1`, {
    hooks: {
      response: [
        (first) => (first.isRedirect ? undefined : instead('one')(first)),
        (second) => void (seen = second.isRedirect ? '' : second.text),
      ],
    },
  })
  expect([response.statusCode, response.text, seen]).toEqual([203, 'one', 'one'])
  expect(response.history.map(({ statusCode }) => statusCode)).toEqual([302])
})

test('follows a redirect that a response hook makes up', async () => {
  await using session = new Session()
  const hooks = {
    response: ({ request, statusCode }: Response) =>
      request.pathUrl === '/json' && statusCode === 200
        ? new Response({ request, statusCode: 302, headers: { Location: '/get' } })
        : undefined,
  }
  const response = await session.get(`${site().url}/json`, { hooks })
  expect([response.request.pathUrl, response.history.length]).toEqual(['/get', 1])
})

test('gives a response hook a body that has been read', async () => {
  await using session = new Session()
  const texts: string[] = []
  const hooks = { response: ({ text }: Response) => void texts.push(text) }
  await session.get(site().on('/read-by-hook', reply(302, { Location: '/robots.txt' }, 'moved')), { hooks })
  expect(texts).toEqual(['moved', 'User-agent: *\nDisallow: /deny\n'])
})

test('gives a response hook an unread body where the response is streamed', async () => {
  await using session = new Session()
  let code = ''
  const response = await session.get(`${site().url}/bytes/10`, {
    stream: true,
    hooks: {
      response(streamed) {
        try {
          void streamed.content
        } catch (error) {
          code = (error as { code: string }).code
        }
      },
    },
  })
  expect(code).toBe('ERR_CONTENT_NOT_READ')
  expect((await response.read()).length).toBe(10)
})

test('lets a redirect hook edit the next request', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/redirect/1`, {
    hooks: {
      redirect({ response: { statusCode }, next }) {
        next.headers.set('X-From', String(statusCode))
        next.url += '?edited=1'
      },
    },
  })
  expect(response.json()).toMatchObject({ args: { edited: '1' }, headers: { 'X-From': '302' } })
})

test('checks the next request again after a redirect hook', async () => {
  await using session = new Session()
  const hooks = {
    redirect: ({ next }: { next: { url: string } }): void => {
      next.url = 'file:///etc/passwd'
    },
  }
  await expect(session.get(`${site().url}/redirect/1`, { hooks })).rejects.toMatchObject({ code: 'ERR_INVALID_SCHEMA' })
})

test('stops at a redirect for false, and says where it would have gone', async () => {
  await using session = new Session()
  const response = await session.get(`${site().url}/redirect/2`, { hooks: { redirect: async () => false } })
  expect([response.statusCode, response.next?.pathUrl]).toEqual([302, '/relative-redirect/1'])
})

test('runs no redirect hook where redirects are not followed', async () => {
  await using session = new Session()
  let runs = 0
  await session.get(`${site().url}/redirect/1`, { allowRedirects: false, hooks: { redirect: () => void runs++ } })
  expect(runs).toBe(0)
})

test('tells retry hooks about each attempt that failed', async () => {
  await using session = new Session({ retry: new Retry({ total: 3, statusForcelist: [503] }) })
  const seen: unknown[] = []
  const hooks = {
    retry: ({
      attempt,
      delayMs,
      response,
      error,
    }: {
      attempt: number
      delayMs: number
      response?: Response
      error?: Error
    }) => void seen.push([attempt, delayMs, response?.statusCode, error]),
  }
  await session.get(`${site().url}/flaky/hooked/2`, { hooks })
  expect(seen).toEqual([
    [1, 0, 503, undefined],
    [2, 0, 503, undefined],
  ])
})

test('stops retrying for false: the response stands', async () => {
  await using session = new Session({ retry: new Retry({ total: 3, statusForcelist: [503] }) })
  const response = await session.get(`${site().url}/flaky/stopped/2`, { hooks: { retry: () => false } })
  expect(response.statusCode).toBe(503)
  expect(site().received('/flaky/stopped/2')).toHaveLength(1)
})

test('stops retrying for false: the error stands', async () => {
  await using session = new Session({ retry: 3 })
  const call = session.get(`${site().url}/reset`, { hooks: { retry: () => false } })
  await expect(call).rejects.toMatchObject({ code: 'ERR_CONNECTION' })
})

test.each(['request', 'response', 'redirect', 'retry'])(
  'passes what a %s hook throws through unchanged',
  async (event) => {
    await using session = new Session({ retry: new Retry({ statusForcelist: [503] }) })
    const failure = new TypeError('from the hook')
    const hook = (): never => {
      throw failure
    }
    const path = event === 'retry' ? '/flaky/throwing/1' : '/redirect/1'
    expect(await failureOf(session.get(site().url + path, { hooks: { [event]: hook } }))).toBe(failure)
  },
)

test.each(['request', 'response', 'redirect', 'retry'])('holds no connection after a %s hook threw', async (event) => {
  const retry = new Retry({ total: 1, statusForcelist: [503] })
  await using session = new Session({ retry, limits: { connectionsPerOrigin: 1 }, timeout: { pool: 2000 } })
  const hook = async (): Promise<never> => {
    throw new Error('no')
  }
  const path = `/held-by-${event}`
  site().on(path, (_request, response) => {
    const status = event === 'retry' ? 503 : event === 'redirect' ? 302 : 200
    response.writeHead(status, { Location: '/get', 'Content-Length': 1_000_000 })
    if (event === 'redirect') response.end('x'.repeat(1_000_000))
    else response.write('x')
  })
  await failureOf(session.get(site().url + path, { stream: true, hooks: { [event]: hook } }))
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
})

test('gives up the first response when a hook gives another instead', async () => {
  await using session = new Session({ limits: { connectionsPerOrigin: 1 }, timeout: { pool: 2000 } })
  const url = site().on(
    '/given-up',
    (_request, response) => void response.writeHead(200, { 'Content-Length': 1000 }).write('x'),
  )
  const hooks = { response: ({ request }: Response) => new Response({ request, statusCode: 200, body: 'other' }) }
  const response = await session.get(url, { stream: true, hooks })
  expect((await response.read()).toString()).toBe('other')
  expect((await session.get(`${site().url}/get`)).statusCode).toBe(200)
})

test('refuses an event that there is none of', async () => {
  const hooks = { respond: () => {} } as never
  expect(() => new Session({ hooks })).toThrow('Unsupported event specified, with event name "respond"')
  await using session = new Session()
  await expect(session.get(`${site().url}/get`, { hooks })).rejects.toThrow(UsageError)
  session.hooks = hooks
  await expect(session.get(`${site().url}/get`)).rejects.toThrow(UsageError)
})

test.each(['request', 'response'])('refuses something else than a %s from a hook', async (event) => {
  await using session = new Session()
  const call = session.get(`${site().url}/get`, { hooks: { [event]: () => ({}) as never } })
  await expect(call).rejects.toThrow(UsageError)
})

test('runs the hooks of a prepared request when it is sent', async () => {
  await using session = new Session({ hooks: { response: () => void runs++ } })
  let runs = 0
  const prepared = await session.prepareRequest(
    new Request('GET', `${site().url}/get`, { hooks: { response: () => void runs++ } }),
  )
  await session.send(prepared)
  expect(runs).toBe(2)
})
