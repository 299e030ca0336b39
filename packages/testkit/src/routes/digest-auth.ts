import { type DigestAlgorithm, DigestVerifier } from '../digest-verifier.ts'
import { sendJson } from '../reply.ts'
import { param, parseCount, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { onAny } from '../router.ts'

const knownAlgorithms: readonly DigestAlgorithm[] = [
  'MD5',
  'MD5-sess',
  'SHA-256',
  'SHA-256-sess',
  'SHA-512-256',
  'SHA-512-256-sess',
]

/**
 * `/digest-auth/:qop/:user/:password/:algorithm?/:staleAfter?`, for any method.
 *
 * `:qop` is `auth`, `auth-int`, `auth,auth-int` or `none`; `:algorithm` (default MD5) may be a comma-separated list,
 * which gives one challenge each; `?userhash=true` asks for a hashed user name. A refusal says why in its JSON body.
 */
export function digestAuthRoutes(): readonly TestRoute[] {
  const verifiers = new Map<string, DigestVerifier>()
  return [
    onAny('/digest-auth/:qop/:user/:password/:algorithm?/:staleAfter?', (context) => {
      const key = JSON.stringify([...context.params.values(), context.query.get('userhash')])
      let verifier = verifiers.get(key)
      if (verifier === undefined) {
        verifier = createVerifier(context)
        verifiers.set(key, verifier)
      }
      return answer(context, verifier)
    }),
  ]
}

async function answer(context: RouteContext, verifier: DigestVerifier): Promise<void> {
  const { request, response } = context
  const verdict = verifier.verify({
    method: request.method ?? 'GET',
    target: request.url ?? '/',
    authorization: request.headers.authorization,
    body: await context.readBody(),
  })
  if (!verdict.isAccepted) {
    response.setHeader('WWW-Authenticate', verdict.challenges)
    sendJson(response, { authenticated: false, reason: verdict.reason }, 401)
    return
  }
  const reply = { authenticated: true, user: param(context, 'user') }
  const info = verdict.authenticationInfo(Buffer.from(`${JSON.stringify(reply, null, 2)}\n`))
  if (info !== null) response.setHeader('Authentication-Info', info)
  sendJson(response, reply)
}

function createVerifier(context: RouteContext): DigestVerifier {
  const staleAfter = param(context, 'staleAfter')
  return new DigestVerifier({
    realm: 'Fake Realm',
    username: param(context, 'user'),
    password: param(context, 'password'),
    algorithms: (param(context, 'algorithm') || 'MD5').split(',').map(parseAlgorithm),
    qops: parseQops(param(context, 'qop')),
    userhash: context.query.get('userhash') === 'true',
    ...(staleAfter === '' ? {} : { staleAfter: parseCount(staleAfter) }),
  })
}

function parseAlgorithm(name: string): DigestAlgorithm {
  const algorithm = knownAlgorithms.find((known) => known.toLowerCase() === name.trim().toLowerCase())
  if (algorithm === undefined) throw new RouteError(400, `Unknown digest algorithm ${name}`)
  return algorithm
}

function parseQops(list: string): ('auth' | 'auth-int')[] {
  if (list === 'none') return []
  return list.split(',').map((name) => {
    const qop = name.trim()
    if (qop === 'auth' || qop === 'auth-int') return qop
    throw new RouteError(400, `Unknown qop ${qop}: use auth, auth-int or none`)
  })
}
