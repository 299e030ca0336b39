import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Session } from '@entreat/core'
import {
  authorizeInBrowser,
  AuthorizationResponseError,
  type BrowserSignInOptions,
  IssuerMismatchError,
  OAuth2Client,
  SignInError,
  type Token,
  TokenRequestError,
} from '../../src/index.ts'
import { browserCommand } from '../../src/browser/open-browser.ts'
import { startAuthorizationServer, type AuthorizationServerStub } from './support/authorization-server.ts'

// Trap 32, on this machine: the redirect can be reached by anybody, and must serve one sign-in only.

let server: AuthorizationServerStub
let browser: Session
let client: OAuth2Client

beforeEach(async () => {
  server = await startAuthorizationServer()
  browser = new Session({ trustEnv: false })
  client = new OAuth2Client({ metadata: server.metadata, clientId: 'native' })
})

afterEach(async () => {
  await browser.close()
  await server.close()
})

/** Starts a sign-in; gives where the user is sent, and how it ends. */
async function begin(
  options: BrowserSignInOptions = {},
): Promise<{ url: URL; redirectUri: string; state: string; outcome: Promise<Token> }> {
  let outcome: Promise<Token> = Promise.reject(new Error('not begun'))
  outcome.catch(() => {})
  const url = await new Promise<URL>((resolve, reject) => {
    outcome = authorizeInBrowser(client, { show: () => {}, open: (text) => resolve(new URL(text)), ...options })
    outcome.catch(reject)
  })
  const param = (name: string): string => url.searchParams.get(name) as string
  return { url, redirectUri: param('redirect_uri'), state: param('state'), outcome }
}

/** What a browser says that follows the server's redirect. */
const signIn = (url: URL): ReturnType<Session['get']> => browser.get(url)

describe('authorizeInBrowser()', () => {
  test('opens the browser, waits on a loopback port, and gives the token (RFC 8252)', async () => {
    const { url, redirectUri, outcome } = await begin({ scope: 'read' })
    expect(redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+\/callback$/)
    expect(url.searchParams.get('code_challenge_method')).toBe('S256')
    expect(url.searchParams.get('scope')).toBe('read')
    const page = await signIn(url)
    expect([page.statusCode, page.text]).toEqual([200, expect.stringContaining('You are signed in')])
    expect((await outcome).accessToken).toBe('access-1')
    expect(server.exchanges).toEqual([{ redirect_uri: redirectUri, isVerified: true }])
  })

  test('says where to go, on standard error unless it is shown otherwise', async () => {
    const shown: string[] = []
    const pages: Promise<unknown>[] = []
    const outcome = authorizeInBrowser(client, {
      open: false,
      show: (text, url) => {
        shown.push(text)
        pages.push(browser.get(url))
      },
    })
    await outcome
    await Promise.all(pages)
    expect(shown).toEqual([expect.stringMatching(/^To sign in, open http:\/\/127.0.0.1:[0-9]+\/authorize\?/)])
  })

  test('shows a page that loads nothing, is kept nowhere and cannot be framed', async () => {
    const { url, outcome } = await begin()
    const { headers } = await signIn(url)
    await outcome
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'.*frame-ancestors 'none'/)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(headers.get('referrer-policy')).toBe('no-referrer')
  })

  test('shows pages of the program', async () => {
    const pages = { success: '<p>Welcome', failure: '<p>Sorry' }
    const good = await begin({ pages })
    expect((await signIn(good.url)).text).toBe('<p>Welcome')
    await good.outcome
    const bad = await begin({ pages })
    const refused = expect(bad.outcome).rejects.toThrow(AuthorizationResponseError)
    expect((await browser.get(`${bad.redirectUri}?error=access_denied&state=${bad.state}`)).text).toBe('<p>Sorry')
    await refused
  })

  test('listens no more when it is over', async () => {
    const { url, redirectUri, outcome } = await begin()
    await signIn(url)
    await outcome
    await expect(browser.get(redirectUri)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
  })

  test('takes a port, a path and localhost, for servers that know no better', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    await expect(authorizeInBrowser(client, { port, show: () => {}, open: false })).rejects.toThrow(SignInError)
    await expect(authorizeInBrowser(client, { port, show: () => {}, open: false })).rejects.toThrow(
      `Cannot listen on port ${port} of 127.0.0.1`,
    )
    await new Promise((resolve) => holder.close(resolve))
    const { url, redirectUri, outcome } = await begin({ port, path: '/oauth/back', hostname: 'localhost' })
    expect(redirectUri).toBe(`http://localhost:${port}/oauth/back`)
    await signIn(url)
    await outcome
  })
})

describe('the loopback address', () => {
  test('sends away whoever comes with another state, and goes on waiting', async () => {
    const { url, redirectUri, outcome } = await begin()
    for (const query of ['', '?code=x', '?code=x&state=', '?code=x&state=wrong', '?error=access_denied&state=wrong']) {
      expect((await browser.get(redirectUri + query)).statusCode).toBe(400)
    }
    await signIn(url)
    expect((await outcome).accessToken).toBe('access-1')
  })

  test('answers nobody who reached it by another name (DNS rebinding)', async () => {
    const { url, redirectUri, state, outcome } = await begin()
    const { port } = new URL(redirectUri)
    for (const host of [`evil.test:${port}`, `localhost:${port}`, '127.0.0.1', `127.0.0.1:${port}.evil.test`, '']) {
      const answer = await rawGet(Number(port), `/callback?code=x&state=${state}`, host)
      expect(answer).toMatch(/^HTTP\/1\.1 4(?:21|00)/)
    }
    await signIn(url)
    await outcome
  })

  test('knows one path and one method', async () => {
    const { url, redirectUri, state, outcome } = await begin()
    const query = `?code=x&state=${state}`
    const statuses = [
      await browser.get(new URL(`/favicon.ico`, redirectUri)),
      await browser.get(`${redirectUri}/more${query}`),
      await browser.post(redirectUri + query, { data: 'x' }),
      await browser.head(redirectUri + query),
    ].map(({ statusCode }) => statusCode)
    expect(statuses).toEqual([404, 404, 405, 405])
    await signIn(url)
    await outcome
  })

  test('serves once: a second use of the link finds it used', async () => {
    const { url, redirectUri, state, outcome } = await begin()
    const held = server.holdExchanges()
    const first = signIn(url)
    await server.exchangeBegan
    expect((await browser.get(`${redirectUri}?code=other&state=${state}`)).statusCode).toBe(410)
    held.release()
    await first
    await outcome
    expect(server.exchanges).toHaveLength(1)
  })

  test('serves the user while others hold connections and say nothing, and lets go of them at the end', async () => {
    const { url, redirectUri, outcome } = await begin()
    const silent = Array.from({ length: 60 }, () => connect(Number(new URL(redirectUri).port), '127.0.0.1'))
    const gone = silent.map((socket) =>
      once(
        socket.on('error', () => {}),
        'close',
      ),
    )
    await Promise.all(silent.map((socket) => once(socket, 'connect')))
    await signIn(url)
    await outcome
    await Promise.all(gone)
  })

  test('repeats nothing of what it is sent as HTML', async () => {
    const { redirectUri, state, outcome } = await begin()
    const refused = expect(outcome).rejects.toThrow(AuthorizationResponseError)
    const text = '<script>alert(1)</script>'
    const query = new URLSearchParams({ error: text, error_description: text, state })
    expect((await browser.get(`${redirectUri}?${query}`)).text).not.toContain('<script>')
    await refused
  })
})

describe('a sign-in that fails', () => {
  test('because the user refuses shows so, here and there', async () => {
    const { url, outcome } = await begin()
    const refused = expect(outcome).rejects.toMatchObject({
      name: 'AuthorizationResponseError',
      error: 'access_denied',
    })
    url.searchParams.set('deny', 'yes')
    const page = await signIn(url)
    expect([page.statusCode, page.text]).toEqual([400, expect.stringContaining('You are not signed in')])
    await refused
  })

  test('because another server answers (RFC 9207)', async () => {
    const { redirectUri, state, outcome } = await begin()
    const refused = expect(outcome).rejects.toThrow(IssuerMismatchError)
    await browser.get(`${redirectUri}?code=x&state=${state}&iss=${encodeURIComponent('https://evil.test')}`)
    await refused
    expect(server.exchanges).toEqual([])
  })

  test('because the code is refused shows no code', async () => {
    const { redirectUri, state, outcome } = await begin()
    const refused = expect(outcome).rejects.toThrow(TokenRequestError)
    const iss = encodeURIComponent(server.metadata.issuer as string)
    const page = await browser.get(`${redirectUri}?code=code-canary&state=${state}&iss=${iss}`)
    expect([page.statusCode, page.text.includes('canary')]).toEqual([400, false])
    await refused
  })

  test('because nobody comes back', async () => {
    const waiting = authorizeInBrowser(client, { show: () => {}, open: false, waitMs: 30 })
    await expect(waiting).rejects.toThrow(SignInError)
    await expect(waiting).rejects.toThrow(
      'Nobody came back from the sign-in within 30 ms. Try again, or allow more time with waitMs',
    )
  })

  test('because the program gives up, at any time', async () => {
    const reason = new Error('enough')
    const options = { show: () => {}, open: false, signal: AbortSignal.abort(reason) }
    await expect(authorizeInBrowser(client, options)).rejects.toBe(reason)
    const controller = new AbortController()
    const { redirectUri, outcome } = await begin({ signal: controller.signal })
    controller.abort(reason)
    await expect(outcome).rejects.toBe(reason)
    await expect(browser.get(redirectUri)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } })
    const exchanging = new AbortController()
    const late = await begin({ signal: exchanging.signal })
    server.holdExchanges()
    const page = signIn(late.url)
    await server.exchangeBegan
    exchanging.abort(reason)
    await expect(late.outcome).rejects.toBe(reason)
    expect((await page).statusCode).toBe(400)
  })

  test('because the link cannot be shown', async () => {
    const failure = new Error('no screen')
    await expect(authorizeInBrowser(client, { show: () => Promise.reject(failure) })).rejects.toBe(failure)
  })

  test('because its options are wrong', async () => {
    const wrong: [BrowserSignInOptions, RegExp][] = [
      [{ prot: 1 } as never, /has no option "prot"/],
      [{ port: 70_000 }, /port must be/],
      [{ path: 'callback' }, /path must begin with a slash/],
      [{ path: '/a?b' }, /path must begin with a slash/],
      [{ waitMs: 0 }, /waitMs must be/],
      [{ hostname: '0.0.0.0' as never }, /hostname must be/],
    ]
    for (const [options, message] of wrong) await expect(authorizeInBrowser(client, options)).rejects.toThrow(message)
  })

  test('because the metadata would open something else than a page', async () => {
    for (const endpoint of ['file:///etc/passwd', 'javascript:alert(1)']) {
      const metadata = { ...server.metadata, authorization_endpoint: endpoint }
      const other = new OAuth2Client({ metadata, clientId: 'native' })
      let isOpened = false
      const opened = authorizeInBrowser(other, { show: () => {}, open: () => void (isOpened = true), waitMs: 1000 })
      await expect(opened).rejects.toThrow(/endpoint|https/)
      expect(isOpened).toBe(false)
    }
  })
})

describe('the command that opens a browser', () => {
  const url = 'https://example.com/?a=1&b=%2F'

  test.each<[NodeJS.Platform, Record<string, string>, unknown]>([
    ['darwin', {}, ['open', url]],
    ['win32', {}, ['rundll32', 'url.dll,FileProtocolHandler', url]],
    ['linux', { DISPLAY: ':0' }, ['xdg-open', url]],
    ['linux', { WAYLAND_DISPLAY: 'wayland-0' }, ['xdg-open', url]],
    ['linux', { WSL_DISTRO_NAME: 'Debian' }, ['wslview', url]],
    ['linux', {}, null],
  ])('on %s with %o is %o', (platform, env, expected) => {
    expect(browserCommand(url, platform, env)).toEqual(expected)
  })
})

/** A request whose Host is whatever one likes. */
async function rawGet(port: number, target: string, host: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.write(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}
