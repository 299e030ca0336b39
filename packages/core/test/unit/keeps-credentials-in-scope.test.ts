import { type AuthContext, OriginScope, Request, UsageError } from '@entreat/core'
import { describe, expect, it } from 'vitest'

const origin = { recipient: 'origin' } as const satisfies Pick<AuthContext, 'recipient'>
const proxy = { recipient: 'proxy' } as const satisfies Pick<AuthContext, 'recipient'>

async function refusal(scope: OriginScope, url: string, context: Pick<AuthContext, 'recipient'> = origin) {
  return scope.refusal(await new Request('GET', url).prepare(), context)
}

describe('an OriginScope without a list', () => {
  it('allows the first origin that it is asked about, and no other', async () => {
    const scope = new OriginScope({}, 'TestAuth')
    expect(await refusal(scope, 'https://intranet.example.com/first')).toBeNull()
    expect(await refusal(scope, 'https://intranet.example.com:443/second')).toBeNull()
    expect(await refusal(scope, 'https://other.example.com/')).toBe(
      'TestAuth answers only https://intranet.example.com, where it was used first, not https://other.example.com. Name all that may have these credentials in its option origins',
    )
  })

  it('does not allow another port or a step down to http', async () => {
    const scope = new OriginScope({}, 'TestAuth')
    expect(await refusal(scope, 'https://example.com/')).toBeNull()
    expect(await refusal(scope, 'https://example.com:8443/')).not.toBeNull()
    expect(await refusal(scope, 'http://example.com/')).not.toBeNull()
  })

  it.each([
    'http://127.0.0.1:8080/',
    'http://127.9.8.7/',
    'http://localhost/',
    'http://app.localhost/',
    'http://[::1]/',
  ])('allows %s in plain text: it is this machine', async (url) => {
    expect(await refusal(new OriginScope({}, 'TestAuth'), url)).toBeNull()
  })

  it.each(['http://intranet/', 'http://localhost.example.com/', 'http://127.0.0.1.example.com/', 'http://10.0.0.1/'])(
    'does not allow %s in plain text, and says how to',
    async (url) => {
      expect(await refusal(new OriginScope({}, 'TestAuth'), url)).toContain(`origins: ['${url.slice(0, -1)}']`)
    },
  )

  it('allows every proxy, and is not bound by one', async () => {
    const scope = new OriginScope({}, 'TestAuth')
    expect(await refusal(scope, 'http://far.example.com/', proxy)).toBeNull()
    expect(await refusal(scope, 'https://near.example.com/')).toBeNull()
  })
})

describe('an OriginScope with a list', () => {
  it.each<[entry: string, url: string, allowed: boolean]>([
    ['https://example.com', 'https://example.com/path', true],
    ['https://example.com/', 'https://EXAMPLE.com:443/', true],
    ['https://example.com', 'http://example.com/', false],
    ['https://example.com', 'https://example.com:8443/', false],
    ['https://example.com:8443', 'https://example.com:8443/', true],
    ['https://example.com', 'https://example.com.evil.example/', false],
    ['http://intranet', 'http://intranet/', true],
    ['http://intranet', 'https://intranet/', true],
    ['https://*.example.com', 'https://a.example.com/', true],
    ['https://*.example.com', 'https://a.b.example.com/', true],
    ['https://*.example.com', 'https://example.com/', false],
    ['https://*.example.com', 'https://evilexample.com/', false],
    ['https://*.example.com', 'http://a.example.com/', false],
    ['https://*.example.com:8443', 'https://a.example.com:8443/', true],
    ['https://*.example.com:8443', 'https://a.example.com/', false],
    ['https://bücher.example', 'https://xn--bcher-kva.example/', true],
  ])('that has %s answers %s: %s', async (entry, url, allowed) => {
    const answer = await refusal(new OriginScope({ origins: [entry] }, 'TestAuth'), url)
    expect(answer === null).toBe(allowed)
    if (!allowed) expect(answer).toContain('is not among its origins')
  })

  it('that is empty allows nobody', async () => {
    expect(await refusal(new OriginScope({ origins: [] }, 'TestAuth'), 'https://example.com/')).not.toBeNull()
  })

  it.each([
    'example.com',
    'ftp://example.com',
    'https://user:secret@example.com',
    'https://example.com/path',
    'https://example.com/?query',
    'https://*',
    'https://a.*.example.com',
    '*',
    '',
  ])('refuses %j as an entry', (entry) => {
    expect(() => new OriginScope({ origins: [entry] }, 'TestAuth')).toThrow(UsageError)
  })
})

it('shows no password of an entry that it refuses', () => {
  expect(() => new OriginScope({ origins: ['https://user:secret@example.com'] }, 'TestAuth')).toThrow(
    /^(?!.*secret).* is no origin/,
  )
})
