import { expect, test } from 'vitest'
import { CookieJar, CookieStoreError, Session } from '@entreat/core'
import { reply, useSite } from '../requests/support/servers.ts'

const site = useSite({ tls: false })

/** A jar with two cookies of one host. */
function jar(): CookieJar {
  return new CookieJar()
    .set('some_cookie', 'some_value', { domain: 'example.com' })
    .set('some_cookie1', 'some_value1', { domain: 'example.com' })
}

test('keeps domain, path and the flags of a cookie', () => {
  const [cookie] = new CookieJar().set('n', 'v', {
    domain: 'example.com',
    path: '/deep',
    secure: true,
    httpOnly: true,
  })
  expect([cookie?.domain, cookie?.path, cookie?.secure, cookie?.httpOnly]).toEqual(['example.com', '/deep', true, true])
})

test('counts its cookies, as often as it is asked', () => {
  const cookies = jar()
  expect([cookies.size, cookies.items().length, [...cookies].length, cookies.size]).toEqual([2, 2, 2, 2])
})

test('gives names and values as pairs, which make a record and can be gone through again', () => {
  const items = jar().items()
  expect(Object.fromEntries(items)).toEqual({ some_cookie: 'some_value', some_cookie1: 'some_value1' })
  expect(items.map(([name]) => name)).toEqual(['some_cookie', 'some_cookie1'])
  expect(items.map(([, value]) => value)).toEqual(['some_value', 'some_value1'])
  expect(items).toEqual(jar().items())
})

test('keeps cookies of one name and several domains apart, and asks which is meant', () => {
  const cookies = new CookieJar().set('n', '1', { domain: 'test1.example' }).set('n', '2', { domain: 'test2.example' })
  expect(cookies.items()).toEqual([
    ['n', '1'],
    ['n', '2'],
  ])
  expect(cookies.get('n', { domain: 'test1.example' })).toBe('1')
  expect(() => cookies.get('n')).toThrow(CookieStoreError)
})

test('takes a record of names and values', () => {
  expect(CookieJar.from({ test: 'cookies', foo: 'bar' }).get('foo')).toBe('bar')
})

test('keeps a cookie that came to a request with a Host header of its own', async () => {
  await using session = new Session()
  const url = site().on('/other-host', reply(200, { 'Set-Cookie': 'cookie=value' }))
  await session.get(url, { headers: { Host: Buffer.from('app.example') } })
  expect(site().last('/other-host').header('host')).toBe('app.example')
  expect(session.cookies.get('cookie')).toBe('value')
})
