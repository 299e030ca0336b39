import { expect, test } from 'vitest'
import { exchange } from './support/exchange.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()

test.each(['/redirect/3', '/relative-redirect/3', '/absolute-redirect/3'])('%s ends at /get', async (path) => {
  const response = await fetch(server().url + path)
  expect(response.url).toBe(`${server().url}/get`)
  expect(server().requests).toHaveLength(4)
})

test('relative chains have relative locations, absolute chains absolute ones', async () => {
  const location = async (path: string) => (await exchange(server().url + path)).headers.location
  expect(await location('/redirect/2')).toBe('/relative-redirect/1')
  expect(await location('/relative-redirect/1')).toBe('/get')
  expect(await location('/absolute-redirect/2')).toBe(`${server().url}/absolute-redirect/1`)
  expect(await location('/absolute-redirect/1')).toBe(`${server().url}/get`)
})

test('a chain of 307 keeps its status and ends where any method is fine', async () => {
  const url = `${server().url}/redirect/2?status_code=307`
  const response = await fetch(url, { method: 'POST', body: 'kept' })
  expect(await response.json()).toMatchObject({ method: 'POST', data: 'kept' })
})

test('/redirect-to goes anywhere, with any redirect status', async () => {
  const answer = await exchange(`${server().url}/redirect-to?url=http%3A%2F%2Fother.example%2Fé&status_code=308`)
  expect(answer.status).toBe(308)
  expect(Buffer.from(answer.headers.location ?? '', 'latin1').toString()).toBe('http://other.example/é')
  expect((await exchange(`${server().url}/redirect-to?url=/get&status_code=200`)).status).toBe(400)
  expect((await exchange(`${server().url}/redirect-to`)).status).toBe(400)
})

test('/cookies tells the cookies it got', async () => {
  const answer = await exchange(`${server().url}/cookies`, { headers: { Cookie: 'a=1; b="two"; __proto__=x' } })
  expect(answer.text).toContain('"__proto__": "x"')
  expect(answer.json()).toMatchObject({ cookies: { a: '1', b: 'two' } })
})

test('/cookies/set sets the cookies of the query', async () => {
  const answer = await exchange(`${server().url}/cookies/set?a=1&b=2`)
  expect([answer.status, answer.headers.location]).toEqual([302, '/cookies'])
  expect(answer.headers['set-cookie']).toEqual(['a=1; Path=/', 'b=2; Path=/'])
})

test('/cookies/set/:name/:value sets one cookie', async () => {
  const answer = await exchange(`${server().url}/cookies/set/name/value`)
  expect(answer.headers['set-cookie']).toEqual(['name=value; Path=/'])
})

test('/cookies/delete lets cookies expire', async () => {
  const answer = await exchange(`${server().url}/cookies/delete?a&b`)
  expect(answer.headers['set-cookie']).toHaveLength(2)
  expect(answer.headers['set-cookie']?.[0]).toBe('a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/')
})
