import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { sendEmpty, sendJson } from '../reply.ts'
import { param, type RouteContext, type TestRoute } from '../route-context.ts'
import { onAny } from '../router.ts'

const realm = 'Fake Realm'
const maxOpenChallenges = 1000

/**
 * Routes that want credentials, for any method: `/basic-auth/:user/:password`, `/hidden-basic-auth/:user/:password`
 * (404 instead of 401), `/bearer`, and `/token-auth/:secret?`.
 *
 * `/token-auth` is a scheme of its own, for writing an AuthBase against: it answers
 * `401` with `WWW-Authenticate: Token realm="test", challenge="<random>"`, and accepts
 * `Authorization: Token <hex>`, the HMAC-SHA-256 of the challenge's text keyed with the secret (default `secret`).
 * Each challenge is good for one request.
 */
export function authRoutes(): readonly TestRoute[] {
  return [
    onAny('/basic-auth/:user/:password', (context) => checkBasic(context, refuseBasic)),
    onAny('/hidden-basic-auth/:user/:password', (context) =>
      checkBasic(context, ({ response }) => sendEmpty(response, 404)),
    ),
    onAny('/bearer', checkBearer),
    tokenAuthRoute(),
  ]
}

function checkBasic(context: RouteContext, refuse: (context: RouteContext) => void): void {
  const user = param(context, 'user')
  const expected = `${user}:${param(context, 'password')}`
  const sent = Buffer.from(credentials(context, 'basic') ?? '', 'base64')
  // RFC 7617 section 2: without a charset both encodings are seen.
  const isRight = sent.toString('utf8') === expected || sent.toString('latin1') === expected
  if (isRight) sendJson(context.response, { authenticated: true, user })
  else refuse(context)
}

function refuseBasic({ response }: RouteContext): void {
  sendEmpty(response, 401, { 'WWW-Authenticate': `Basic realm="${realm}"` })
}

function checkBearer(context: RouteContext): void {
  const token = credentials(context, 'bearer')
  if (token === null) sendEmpty(context.response, 401, { 'WWW-Authenticate': 'Bearer' })
  else sendJson(context.response, { authenticated: true, token })
}

function tokenAuthRoute(): TestRoute {
  const open = new Set<string>()
  return onAny('/token-auth/:secret?', (context) => {
    const secret = param(context, 'secret') || 'secret'
    const answer = credentials(context, 'token') ?? ''
    for (const challenge of open) {
      if (!isHmacOf(challenge, secret, answer)) continue
      open.delete(challenge)
      sendJson(context.response, { authenticated: true, challenge })
      return
    }
    const challenge = randomBytes(16).toString('hex')
    open.add(challenge)
    const [oldest] = open
    if (open.size > maxOpenChallenges && oldest !== undefined) open.delete(oldest)
    sendEmpty(context.response, 401, {
      'WWW-Authenticate': `Token realm="test", challenge="${challenge}"`,
    })
  })
}

function isHmacOf(challenge: string, secret: string, answer: string): boolean {
  const expected = createHmac('sha256', secret).update(challenge).digest()
  const sent = Buffer.from(answer, 'hex')
  return sent.length === expected.length && timingSafeEqual(sent, expected)
}

/** What follows the scheme in Authorization, or `null` if it is another scheme. */
function credentials({ request }: RouteContext, scheme: string): string | null {
  const [name = '', ...rest] = (request.headers.authorization ?? '').split(' ')
  return name.toLowerCase() === scheme && rest.length > 0 ? rest.join(' ').trim() : null
}
