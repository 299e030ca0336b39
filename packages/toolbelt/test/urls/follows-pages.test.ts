import { expect, test } from 'vitest'
import { HTTPError, RequestException, Session, UsageError } from '@entreat/core'
import { StubAdapter } from '@entreat/testkit'
import { paginate, paginateItems, type PaginateOptions } from '@entreat/toolbelt/pagination'

function api(pages: number): { session: Session; stub: StubAdapter } {
  const stub = new StubAdapter().on('GET', 'http://api.test/items', ({ url }) => {
    const page = Number(new URL(url).searchParams.get('page') ?? 1)
    const links = page < pages ? { Link: `</items?page=${page + 1}>; rel="next", </items>; rel=first` } : {}
    return { json: [page * 10, page * 10 + 1], headers: links }
  })
  return { session: new Session({ trustEnv: false, auth: ['ahab', 'ivory'] }).mount('http://', stub), stub }
}

async function statusesOf(
  session: Session,
  options?: PaginateOptions,
  url = 'http://api.test/items',
): Promise<number[]> {
  const statuses: number[] = []
  for await (const page of paginate(session, url, options)) statuses.push(page.statusCode)
  return statuses
}

test('follows next to the end, with headers and auth, and params for the first page only', async () => {
  const { session, stub } = api(3)
  const items: number[] = []
  const request = { params: { size: 2 }, headers: { 'X-Flag': 'yes' } }
  for await (const item of paginateItems<number>(session, 'http://api.test/items', { request })) items.push(item)
  expect(items).toEqual([10, 11, 20, 21, 30, 31])
  expect(stub.requests.map(({ url }) => url)).toEqual([
    'http://api.test/items?size=2',
    'http://api.test/items?page=2',
    'http://api.test/items?page=3',
  ])
  for (const { headers } of stub.requests) {
    expect(headers.get('x-flag')).toBe('yes')
    expect(headers.get('authorization')).toMatch(/^Basic/)
  }
})

test('asks for a page only when it is wanted', async () => {
  const { session, stub } = api(100)
  for await (const page of paginate(session, 'http://api.test/items')) if (page.url.includes('page=2')) break
  expect(stub.requests).toHaveLength(2)
  expect(await statusesOf(session, { maxPages: 3 })).toHaveLength(3)
})

test('finds the next page in a body', async () => {
  const stub = new StubAdapter().on('GET', 'http://api.test/*', ({ url }) => ({
    json: { items: [url.at(-1)], cursor: url.endsWith('3') ? null : String(Number(url.at(-1)) + 1) },
  }))
  const session = new Session({ trustEnv: false }).mount('http://', stub)
  const next = (page: { json<T>(): T }): string | null => page.json<{ cursor: string | null }>().cursor
  const items: string[] = []
  const itemsOf = (page: { json<T>(): T }): string[] => page.json<{ items: string[] }>().items
  for await (const item of paginateItems(session, 'http://api.test/1', { next }, itemsOf)) items.push(item)
  expect(items).toEqual(['1', '2', '3'])
})

test('a link to another origin is refused before anything is sent there, unless it is allowed', async () => {
  const stub = new StubAdapter()
    .on('GET', 'http://api.test/items', { json: [], headers: { Link: '<http://evil.test/items>; rel=next' } })
    .on('GET', 'http://evil.test/items', { json: [] })
  const session = new Session({ trustEnv: false, auth: ['ahab', 'ivory'] }).mount('http://', stub)
  await expect(statusesOf(session)).rejects.toThrow(/another origin/)
  expect(stub.requests).toHaveLength(1)
  expect(await statusesOf(session, { allowedOrigins: ['http://evil.test'] })).toEqual([200, 200])
})

test('a circle ends with an error', async () => {
  const stub = new StubAdapter()
    .on('GET', 'http://api.test/1', { json: [], headers: { Link: '<2#x>; rel=next' } })
    .on('GET', 'http://api.test/2', { json: [], headers: { Link: '<1#y>; rel=next' } })
  const session = new Session({ trustEnv: false }).mount('http://', stub)
  await expect(statusesOf(session, {}, 'http://api.test/1')).rejects.toThrow(/there before/)
  expect(stub.requests).toHaveLength(2)
})

test('a page that is refused, that is no list, or a link that is no URL is an error', async () => {
  const stub = new StubAdapter()
    .on('GET', 'http://api.test/404', { statusCode: 404 })
    .on('GET', 'http://api.test/object', { json: {} })
    .on('GET', 'http://api.test/bad', { json: [], headers: { Link: '<http://[>; rel=next' } })
  const session = new Session({ trustEnv: false }).mount('http://', stub)
  await expect(statusesOf(session, {}, 'http://api.test/404')).rejects.toThrow(HTTPError)
  await expect(paginateItems(session, 'http://api.test/object').next()).rejects.toThrow(RequestException)
  await expect(statusesOf(session, {}, 'http://api.test/bad')).rejects.toThrow(/no URL/)
  await expect(statusesOf(session, { maxPages: 0 })).rejects.toThrow(UsageError)
})
