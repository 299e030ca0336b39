import { UsageError } from '@entreat/core'
import { OAuthError, SignInError } from '../errors.ts'
import { AUTHORIZATION_OPTIONS, type AuthorizationOptions } from '../oauth2/oauth2-client-options.ts'
import type { AuthorizationRequest } from '../oauth2/authorization-request.ts'
import type { OAuth2Client } from '../oauth2/oauth2-client.ts'
import { readOptions } from '../options.ts'
import type { Token } from '../token.ts'
import { type Callback, LoopbackRedirect } from './loopback-redirect.ts'
import { openBrowser } from './open-browser.ts'
import { type SignInPage, signInPage } from './sign-in-page.ts'

/** HTML that the user sees when they are done, whole documents. Nothing is loaded from elsewhere, and scripts do not run. */
export interface SignInPages {
  readonly success?: string | undefined
  readonly failure?: string | undefined
}

/** What `authorizeInBrowser()` takes: what the authorization request takes but its `redirectUri`, and these. */
export interface BrowserSignInOptions extends Omit<AuthorizationOptions, 'redirectUri' | 'send'> {
  /** Whether to open the user's browser, or how. Default `true`; the link is shown in any case. */
  readonly open?: boolean | ((url: string) => void | Promise<void>) | undefined
  /** Shows the user where to go. Default: writes it to standard error, so that standard output stays a program's own. */
  readonly show?: ((text: string, url: string) => void | Promise<void>) | undefined
  /** How the redirect URI names this machine: some servers know only `localhost`. Default `127.0.0.1` (RFC 8252 section 8.3). */
  readonly hostname?: '127.0.0.1' | 'localhost' | undefined
  /** The port to come back to. Default 0: a free one, which servers must allow (RFC 8252 section 7.3). */
  readonly port?: number | undefined
  /** The path to come back to. Default `/callback`. */
  readonly path?: string | undefined
  /** How long the user may take, in milliseconds. Default 300000: five minutes. */
  readonly waitMs?: number | undefined
  /** What the user sees at the end. Default: plain pages in English. */
  readonly pages?: SignInPages | undefined
}

const { redirectUri: _, send: __, ...REQUEST_OPTIONS } = AUTHORIZATION_OPTIONS

const OPTIONS: Readonly<Record<keyof BrowserSignInOptions, true>> = {
  ...REQUEST_OPTIONS,
  open: true,
  show: true,
  hostname: true,
  port: true,
  path: true,
  waitMs: true,
  pages: true,
}

/** The longest that a timer can take. */
const LONGEST_WAIT_MS = 2 ** 31 - 1

/**
 * Signs a user in with the browser of this machine: opens it, waits on a loopback address for the user to come back, and trades the code for a token.
 *
 * PKCE, `state` and `iss` are checked as always; the address answers once, and only for this sign-in.
 *
 * @throws SignInError if nobody comes back in time; AuthorizationResponseError if the user refuses; TokenRequestError; the signal's reason.
 * @see RFC 8252
 */
export async function authorizeInBrowser(client: OAuth2Client, options: BrowserSignInOptions = {}): Promise<Token> {
  const own = readOptions(options, OPTIONS, 'authorizeInBrowser()')
  checkOptions(own)
  const { hostname = '127.0.0.1', port = 0, path = '/callback' } = own
  const redirect = await LoopbackRedirect.listen({ hostname, port, path })
  try {
    return await signIn(client, redirect, own)
  } finally {
    await redirect.close()
  }
}

async function signIn(client: OAuth2Client, redirect: LoopbackRedirect, own: BrowserSignInOptions): Promise<Token> {
  const { signal, timeout, scope, resource, extra, prompt, pkce, pushed, pages } = own
  const asked = { signal, timeout, scope, resource, extra, prompt, pkce, pushed }
  const request = await client.authorizationRequest({ ...asked, redirectUri: redirect.redirectUri })
  const callback = await comeBack(redirect, request, own)
  try {
    const token = await client.exchange(callback.url, request, { signal, timeout, resource })
    await callback.answer(successPage(pages))
    return token
  } catch (error) {
    await callback.answer(failurePage(pages, error))
    throw error
  }
}

/** Sends the user away, and waits until they are back. */
async function comeBack(
  redirect: LoopbackRedirect,
  request: AuthorizationRequest,
  { open = true, show = writeLine, waitMs = 300_000, signal }: BrowserSignInOptions,
): Promise<Callback> {
  const url = printableUrl(request.url)
  const wait = new Wait(waitMs, signal)
  try {
    // Waiting begins before anyone can come back.
    const callback = redirect.callback(request.state, wait.signal)
    return (await Promise.all([callback, showAndOpen(url, show, open)]))[0]
  } finally {
    wait.end()
  }
}

async function showAndOpen(
  url: string,
  show: NonNullable<BrowserSignInOptions['show']>,
  open: NonNullable<BrowserSignInOptions['open']>,
): Promise<void> {
  await show(`To sign in, open ${url}`, url)
  if (typeof open === 'function') await open(url)
  else if (open) await openBrowser(url)
}

/** The caller's signal and the time that the user has, together. */
class Wait {
  readonly signal: AbortSignal
  readonly #controller = new AbortController()
  readonly #timer: NodeJS.Timeout
  readonly #caller: AbortSignal | undefined
  readonly #onAbort = (): void => this.#controller.abort(this.#caller?.reason)

  constructor(waitMs: number, caller: AbortSignal | undefined) {
    this.signal = this.#controller.signal
    this.#caller = caller
    const late = (): void => {
      const message = `Nobody came back from the sign-in within ${waitMs} ms. Try again, or allow more time with waitMs`
      this.#controller.abort(new SignInError(message))
    }
    this.#timer = setTimeout(late, waitMs)
    if (caller?.aborted === true) this.#onAbort()
    else caller?.addEventListener('abort', this.#onAbort, { once: true })
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#caller?.removeEventListener('abort', this.#onAbort)
  }
}

function checkOptions({ port = 0, path = '/', waitMs = 1, hostname = '127.0.0.1' }: BrowserSignInOptions): void {
  const say = (text: string): UsageError => new UsageError(`authorizeInBrowser(): ${text}`)
  if (!Number.isInteger(port) || port < 0 || port > 65_535) throw say('port must be a number from 0 to 65535')
  if (!/^\/[A-Za-z0-9/_.~-]*$/.test(path)) throw say('path must begin with a slash, and be letters, digits and /_.~-')
  if (!(waitMs > 0 && waitMs <= LONGEST_WAIT_MS)) throw say(`waitMs must be between 1 and ${LONGEST_WAIT_MS}`)
  if (!['127.0.0.1', 'localhost'].includes(hostname)) throw say('hostname must be 127.0.0.1 or localhost')
}

/** A URL for a terminal and a browser: the server's metadata decides how it begins, and must not make either of them do something else. */
function printableUrl(url: string): string {
  const { href, protocol } = new URL(url)
  if (protocol === 'https:' || protocol === 'http:') return href
  throw new SignInError(`The authorization endpoint begins with ${protocol}, and no browser is to open that`)
}

function successPage(pages: SignInPages | undefined): SignInPage {
  const page = signInPage(200, 'You are signed in', 'You can close this window, and go back to the program.')
  return { ...page, ...(pages?.success === undefined ? {} : { html: pages.success }) }
}

/** Says what went wrong in the error's own words: none of this package's hold a secret. */
function failurePage(pages: SignInPages | undefined, error: unknown): SignInPage {
  const why = error instanceof OAuthError ? error.message : 'Something went wrong; the program says what.'
  const page = signInPage(400, 'You are not signed in', why, 'You can close this window, and go back to the program.')
  return { ...page, ...(pages?.failure === undefined ? {} : { html: pages.failure }) }
}

function writeLine(text: string): void {
  process.stderr.write(`${text}\n`)
}
