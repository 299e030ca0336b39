import { afterAll, beforeAll, expect, test } from 'vitest'
import { Session, UsageError } from '@entreat/core'
import { TestServer } from '@entreat/testkit'
import { type CookieFacts, forgetfulJar, policyJar } from '@entreat/toolbelt/cookies'

let server: TestServer
beforeAll(async () => void (server = await TestServer.start({ tls: false })))
afterAll(() => server.close())

async function cookiesOf(session: Session, options = {}): Promise<unknown> {
  return (await session.get(`${server.url}/cookies`, options)).json<{ cookies: unknown }>().cookies
}

test('a forgetful jar keeps nothing, and cookies of one request are sent all the same', async () => {
  const session = new Session({ trustEnv: false, cookies: forgetfulJar() })
  await session.get(`${server.url}/cookies/set/whale/white`)
  session.cookies.set('by', 'hand')
  session.cookies.set('with', 'url', { url: server.url })
  expect(await cookiesOf(session)).toEqual({})
  expect(session.cookies.size).toBe(0)
  expect(await cookiesOf(session, { cookies: { own: 'one' } })).toEqual({ own: 'one' })
  expect(await cookiesOf(session)).toEqual({})
  await session.close()
})

test('a policy decides by name, domain, path, flags and expiry what is kept', async () => {
  const seen: CookieFacts[] = []
  const accept = (cookie: CookieFacts): boolean => seen.push(cookie) > 0 && cookie.name !== 'tracker'
  const session = new Session({ trustEnv: false, cookies: policyJar({ accept }) })
  await session.get(`${server.url}/cookies/set?tracker=1&whale=white`)
  expect(await cookiesOf(session)).toEqual({ whale: 'white' })
  expect(seen[0]).toEqual({
    name: 'tracker',
    value: '1',
    domain: '127.0.0.1',
    path: '/',
    isHostOnly: true,
    isSecure: false,
    isHttpOnly: false,
    expires: null,
  })
  await session.close()
})

test('a policy decides what is sent, each time anew', async () => {
  let isOpen = false
  const session = new Session({ trustEnv: false, cookies: policyJar({ send: () => isOpen }) })
  await session.get(`${server.url}/cookies/set/whale/white`)
  expect(await cookiesOf(session)).toEqual({})
  isOpen = true
  expect(await cookiesOf(session)).toEqual({ whale: 'white' })
  expect(session.cookies.get('whale')).toBe('white')
  await session.close()
})

test('without a policy it is an ordinary jar', async () => {
  const session = new Session({ trustEnv: false, cookies: policyJar() })
  await session.get(`${server.url}/cookies/set/whale/white`)
  await session.get(`${server.url}/cookies/set/whale/grey`)
  expect(await cookiesOf(session)).toEqual({ whale: 'grey' })
  expect(() => policyJar({ reject: () => true } as object)).toThrow(UsageError)
  await session.close()
})
