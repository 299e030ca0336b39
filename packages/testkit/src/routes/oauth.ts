import { createHash, randomBytes } from 'node:crypto'
import { parseForm } from '../request-form.ts'
import { sendEmpty, sendJson } from '../reply.ts'
import type { RouteContext, TestRoute } from '../route-context.ts'
import { on, onAny } from '../router.ts'

/** Seconds that access tokens live. */
const LIFETIME = 300
const DEVICE_CODE = 'urn:ietf:params:oauth:grant-type:device_code'

/** What was agreed to, and what an authorization code is bound to. */
interface Grant {
  readonly subject: string
  readonly scope: string
  readonly challenge?: string | null
  readonly redirectUri?: string | null
}

type Fields = ReadonlyMap<string, string>
/** A token's answer, or the code of an error (RFC 6749 section 5.2). */
type Answer = Readonly<Record<string, unknown>> | string

/**
 * An OAuth 2 authorization server whose users agree to everything, and an API for its tokens.
 *
 * Metadata at `/.well-known/openid-configuration` and `/.well-known/oauth-authorization-server`; `/oauth/authorize` (redirects at once, PKCE as asked),
 * `/oauth/token` (authorization_code, client_credentials, password, refresh_token, device_code), `/oauth/device`, `/oauth/revoke`, `/oauth/introspect`,
 * `/oauth/userinfo`, and `/oauth/api`, which answers 401 to tokens it does not know. Any client and any secret will do. Codes and refresh tokens are
 * used up.
 */
export function oauthRoutes(): readonly TestRoute[] {
  const server = new AuthorizationServer()
  return [
    on('GET', '/.well-known/openid-configuration', ({ response, origin }) => sendJson(response, metadata(origin))),
    on('GET', '/.well-known/oauth-authorization-server', ({ response, origin }) =>
      sendJson(response, metadata(origin)),
    ),
    on('GET', '/oauth/authorize', (context) => redirectBack(context, server)),
    on('POST', '/oauth/token', async (context) => sendAnswer(context, server.token(await fieldsOf(context)))),
    on('POST', '/oauth/device', async (context) =>
      sendAnswer(context, server.device(await fieldsOf(context), context.origin)),
    ),
    on('POST', '/oauth/revoke', async (context) => {
      server.revoke((await fieldsOf(context)).get('token') ?? '')
      sendEmpty(context.response, 200)
    }),
    on('POST', '/oauth/introspect', async (context) => {
      const grant = server.grantOf((await fieldsOf(context)).get('token') ?? '')
      sendJson(
        context.response,
        grant === undefined ? { active: false } : { active: true, sub: grant.subject, scope: grant.scope },
      )
    }),
    onAny('/oauth/userinfo', (context) => answerApi(context, server, ({ subject }) => ({ sub: subject }))),
    onAny('/oauth/api', (context) =>
      answerApi(context, server, ({ subject, scope }) => ({ authenticated: true, subject, scope })),
    ),
  ]
}

function metadata(origin: string): Record<string, unknown> {
  return {
    issuer: origin,
    authorization_endpoint: `${origin}/oauth/authorize`,
    token_endpoint: `${origin}/oauth/token`,
    device_authorization_endpoint: `${origin}/oauth/device`,
    revocation_endpoint: `${origin}/oauth/revoke`,
    introspection_endpoint: `${origin}/oauth/introspect`,
    userinfo_endpoint: `${origin}/oauth/userinfo`,
    authorization_response_iss_parameter_supported: true,
    code_challenge_methods_supported: ['S256', 'plain'],
    response_types_supported: ['code'],
  }
}

/** What one server has given out. */
class AuthorizationServer {
  readonly #codes = new Map<string, Grant>()
  readonly #accessTokens = new Map<string, Grant & { readonly expiresAt: number }>()
  readonly #refreshTokens = new Map<string, Grant>()
  /** Device codes, and whether they were asked for once. */
  readonly #devices = new Map<string, { readonly grant: Grant; wasAsked: boolean }>()

  code(grant: Grant): string {
    const code = randomToken()
    this.#codes.set(code, grant)
    return code
  }

  /** The grant of a live access token. */
  grantOf(accessToken: string): Grant | undefined {
    const token = this.#accessTokens.get(accessToken)
    return token !== undefined && token.expiresAt > Date.now() ? token : undefined
  }

  revoke(token: string): void {
    this.#accessTokens.delete(token)
    this.#refreshTokens.delete(token)
  }

  device(fields: Fields, origin: string): Answer {
    const code = randomToken()
    const userCode = randomBytes(4).toString('hex').toUpperCase()
    this.#devices.set(code, { grant: { subject: 'user', scope: fields.get('scope') ?? '' }, wasAsked: false })
    const uri = `${origin}/html`
    return {
      device_code: code,
      user_code: userCode,
      verification_uri: uri,
      verification_uri_complete: `${uri}?user_code=${userCode}`,
      expires_in: LIFETIME,
      interval: 0.1,
    }
  }

  token(fields: Fields): Answer {
    const scope = fields.get('scope') ?? ''
    switch (fields.get('grant_type')) {
      case 'client_credentials':
        return this.#issue({ subject: fields.get('client_id') ?? 'client', scope }, false)
      case 'password':
        return this.#issue({ subject: fields.get('username') ?? 'user', scope }, true)
      case 'authorization_code':
        return this.#exchange(fields)
      case 'refresh_token':
        return this.#issueOrRefuse(take(this.#refreshTokens, fields.get('refresh_token')))
      case DEVICE_CODE:
        return this.#poll(fields.get('device_code') ?? '')
      default:
        return 'unsupported_grant_type'
    }
  }

  #exchange(fields: Fields): Answer {
    const grant = take(this.#codes, fields.get('code'))
    if (grant === undefined) return 'invalid_grant'
    const verifier = fields.get('code_verifier') ?? ''
    const isProven = grant.challenge === null || [verifier, sha256(verifier)].includes(grant.challenge ?? '')
    return isProven && grant.redirectUri === (fields.get('redirect_uri') ?? null)
      ? this.#issue(grant, true)
      : 'invalid_grant'
  }

  /** RFC 8628 section 3.5: the user decides between the first and the second question. */
  #poll(code: string): Answer {
    const device = this.#devices.get(code)
    if (device === undefined) return 'invalid_grant'
    if (device.wasAsked) return this.#issueOrRefuse(take(this.#devices, code)?.grant)
    device.wasAsked = true
    return 'authorization_pending'
  }

  #issueOrRefuse(grant: Grant | undefined): Answer {
    return grant === undefined ? 'invalid_grant' : this.#issue(grant, true)
  }

  #issue({ subject, scope }: Grant, isRefreshable: boolean): Answer {
    const accessToken = randomToken()
    const grant = { subject, scope }
    this.#accessTokens.set(accessToken, { ...grant, expiresAt: Date.now() + LIFETIME * 1000 })
    const answer = { access_token: accessToken, token_type: 'Bearer', expires_in: LIFETIME, scope }
    if (!isRefreshable) return answer
    const refreshToken = randomToken()
    this.#refreshTokens.set(refreshToken, grant)
    return { ...answer, refresh_token: refreshToken }
  }
}

function redirectBack({ response, query, origin }: RouteContext, server: AuthorizationServer): void {
  const redirectUri = query.get('redirect_uri')
  if (redirectUri === null || !URL.canParse(redirectUri)) {
    sendJson(response, { error: 'invalid_request', error_description: 'redirect_uri is missing' }, 400)
    return
  }
  const scope = query.get('scope') ?? ''
  const back = new URL(redirectUri)
  back.searchParams.set(
    'code',
    server.code({ subject: 'user', scope, challenge: query.get('code_challenge'), redirectUri }),
  )
  back.searchParams.set('iss', origin)
  const state = query.get('state')
  if (state !== null) back.searchParams.set('state', state)
  sendEmpty(response, 302, { Location: back.href })
}

function answerApi(
  { request, response }: RouteContext,
  server: AuthorizationServer,
  describe: (grant: Grant) => Record<string, unknown>,
): void {
  const [, token = ''] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? []
  const grant = server.grantOf(token)
  if (grant !== undefined) sendJson(response, describe(grant))
  // RFC 6750 section 3.1: no error code for a request without credentials.
  else sendEmpty(response, 401, { 'WWW-Authenticate': token === '' ? 'Bearer' : 'Bearer error="invalid_token"' })
}

async function fieldsOf({ request, readBody }: RouteContext): Promise<Fields> {
  const form = await parseForm(request.headers, await readBody())
  return new Map(form?.fields ?? [])
}

function sendAnswer({ response }: RouteContext, answer: Answer): void {
  response.setHeader('Cache-Control', 'no-store')
  if (typeof answer === 'string') sendJson(response, { error: answer }, 400)
  else sendJson(response, answer)
}

function take<T>(map: Map<string, T>, key: string | undefined): T | undefined {
  const value = map.get(key ?? '')
  map.delete(key ?? '')
  return value
}

function randomToken(): string {
  return randomBytes(16).toString('hex')
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
