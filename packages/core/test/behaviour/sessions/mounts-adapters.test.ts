import { InvalidSchema, InvalidURL, Response, Session, TransportAdapter, UsageError } from '@entreat/core'
import { describe, expect, it } from 'vitest'
import { failureOf } from '../requests/support/servers.ts'

/** Answers everything with its own name. */
class Named extends TransportAdapter {
  readonly #name: string
  constructor(name: string) {
    super()
    this.#name = name
  }
  override send(...[request]: Parameters<TransportAdapter['send']>): Promise<Response> {
    return Promise.resolve(new Response({ request, statusCode: 200, body: Buffer.from(this.#name) }))
  }
  override close(): Promise<void> {
    return Promise.resolve()
  }
}

/** A Session with an adapter at each prefix, named after it. */
function mounted(...prefixes: string[]): Session {
  const session = new Session({ trustEnv: false })
  for (const prefix of prefixes) session.mount(prefix, new Named(prefix))
  return session
}

async function answering(session: Session, url: string): Promise<string> {
  return (await session.get(url)).text
}

describe('mount', () => {
  it('serves http and https with one adapter of its own, before anything is mounted', () => {
    const session = new Session()
    expect(session.getAdapter('https://a.example/')).toBe(session.getAdapter('http://a.example/'))
  })

  it.each([
    ['longest first', ['https://github.com/about/', 'https://github.com/', 'https://', 'https://github.com']],
    ['longest last', ['https://github.com', 'https://', 'https://github.com/', 'https://github.com/about/']],
  ])('prefers the longest prefix, mounted %s', async (_order, prefixes) => {
    await using session = mounted(...prefixes)
    expect(await answering(session, 'https://github.com/about/us')).toBe('https://github.com/about/')
    expect(await answering(session, 'https://github.com/other')).toBe('https://github.com/')
    expect(await answering(session, 'https://github.com:8443/other')).toBe('https://github.com')
    expect(await answering(session, 'https://example.com/')).toBe('https://')
  })

  it('takes the place of what was mounted there before', async () => {
    await using session = mounted('https://a.example/x')
    session.mount('https://A.example/X/', new Named('second'))
    expect(await answering(session, 'https://a.example/x')).toBe('second')
  })

  it.each([
    ['https://a.example/api', 'https://a.example/API/x', true],
    ['HTTPS://A.Example', 'https://a.example/q', true],
    ['https://a.example/api', 'https://a.example/api?x=1', true],
    ['https://a.example', 'https://a.example:8443/', true],
    ['https://a.example/', 'https://a.example:8443/', false],
    ['https://a.example:443', 'https://a.example/', true],
    ['https://a.example/api', 'https://a.example/apis', false],
    ['https://a.example', 'https://a.example.evil/', false],
    ['https://a.example', 'https://a.example@evil.example/', false],
    ['https://a.example', 'http://a.example/', false],
  ])('%s serves %s: %s', async (prefix, url, isServed) => {
    await using session = mounted('http://', 'https://', prefix)
    expect((await answering(session, url)) === prefix).toBe(isServed)
  })

  it.each(['', 'example.com', '//example.com', 'localhost:3128'])('refuses the prefix %j', (prefix) => {
    expect(() => new Session().mount(prefix, new Named('x'))).toThrow(UsageError)
  })

  it.each(['mailto:a@b.example', 'file:///etc/passwd', 'foo://h.example/'])('has no adapter for %s', async (url) => {
    await using session = new Session({ trustEnv: false })
    expect(await failureOf(session.get(url))).toBeInstanceOf(InvalidSchema)
    expect(() => session.getAdapter(url)).toThrow(InvalidSchema)
  })

  it('sends no other scheme through HTTPAdapter, as Requests does not', async () => {
    await using session = new Session({ trustEnv: false })
    session.mount('foo://', session.getAdapter('http://a.example/'), { owned: false })
    expect(await failureOf(session.get('foo://h.example/x'))).toBeInstanceOf(InvalidURL)
  })
})
