import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestServer } from '@entreat/testkit'
import { AuthBase, type AuthContext, type PreparedRequest, Session } from '@entreat/core'
import { useSite } from '../requests/support/servers.ts'

const site = useSite()
let other: TestServer
beforeAll(async () => {
  other = await TestServer.start()
})
afterAll(() => other.close())

/** Signs with a token for each origin that it knows, and nothing else. */
class TokenOfOrigin extends AuthBase {
  override readonly choosesByOrigin: boolean = true
  readonly #tokens: ReadonlyMap<string, string>

  constructor(tokens: Record<string, string>) {
    super()
    this.#tokens = new Map(Object.entries(tokens))
  }

  override apply(request: PreparedRequest, context: AuthContext): void {
    const token = this.#tokens.get(request.origin)
    if (token !== undefined) context.authorize(request, `Token ${token}`)
  }
}

function seenBy(server: TestServer): string | null {
  return server.requests.at(-1)?.header('authorization') ?? null
}

test('asks a scheme that chooses by origin again after a redirect to another origin', async () => {
  await using session = new Session({ trustEnv: false })
  const auth = new TokenOfOrigin({ [site().url]: 'first', [other.url]: 'second' })
  await session.get(`${site().url}/redirect-to?url=${other.url}/get`, { auth })
  expect([seenBy(site().server), seenBy(other)]).toEqual(['Token first', 'Token second'])
})

test('sends nothing to an origin that such a scheme has nothing for', async () => {
  await using session = new Session({ trustEnv: false, auth: new TokenOfOrigin({ [site().url]: 'first' }) })
  await session.get(`${site().url}/redirect-to?url=${other.url}/get`)
  expect([seenBy(site().server), seenBy(other)]).toEqual(['Token first', null])
})

test('asks such a scheme of the session outside baseUrl as well', async () => {
  const auth = new TokenOfOrigin({ [other.url]: 'second' })
  await using session = new Session({ trustEnv: false, baseUrl: site().url, auth })
  await session.get(`${other.url}/get`)
  expect(seenBy(other)).toBe('Token second')
})
