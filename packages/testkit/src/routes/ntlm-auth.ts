import { type NtlmDefect, ntlmDefects } from '../ntlm/ntlm-challenge.ts'
import { NtlmVerifier } from '../ntlm/ntlm-verifier.ts'
import { sendJson } from '../reply.ts'
import { param, RouteError, type RouteContext, type TestRoute } from '../route-context.ts'
import { onAny } from '../router.ts'

/**
 * `/ntlm-auth/:user/:password/:defect?`, for any method: NTLMv2 with a MIC, for a connection at a time.
 *
 * `?scheme=Negotiate` has the same messages under that scheme; `?target=HTTP/localhost` demands that target name. A
 * refusal says why in its JSON body.
 */
export function ntlmAuthRoutes(): readonly TestRoute[] {
  const verifiers = new Map<string, NtlmVerifier>()
  return [
    onAny('/ntlm-auth/:user/:password/:defect?', async (context) => {
      const key = JSON.stringify([...context.params.values(), context.query.get('scheme'), context.query.get('target')])
      let verifier = verifiers.get(key)
      if (verifier === undefined) {
        verifier = createVerifier(context)
        verifiers.set(key, verifier)
      }
      await context.readBody()
      const { request, response } = context
      const verdict = verifier.verify({
        connection: context.connection.number,
        authorization: request.headers.authorization,
      })
      if (verdict.isAccepted) {
        sendJson(response, { authenticated: true, ...verdict.identity })
        return
      }
      response.setHeader('WWW-Authenticate', verdict.challenges)
      if (verdict.closesConnection) response.setHeader('Connection', 'close')
      sendJson(response, { authenticated: false, refusal: verdict.refusal, reason: verdict.reason }, 401)
    }),
  ]
}

function createVerifier(context: RouteContext): NtlmVerifier {
  const defect = param(context, 'defect')
  const scheme = context.query.get('scheme') ?? 'NTLM'
  const targetName = context.query.get('target')
  if (scheme !== 'NTLM' && scheme !== 'Negotiate') throw new RouteError(400, `Unknown scheme ${scheme}`)
  return new NtlmVerifier({
    username: param(context, 'user'),
    password: param(context, 'password'),
    scheme,
    ...(targetName === null ? {} : { targetName }),
    ...(defect === '' ? {} : { defect: parseDefect(defect) }),
  })
}

function parseDefect(name: string): NtlmDefect {
  const defect = ntlmDefects.find((known) => known === name)
  if (defect === undefined) throw new RouteError(400, `Unknown defect ${name}: use one of ${ntlmDefects.join(', ')}`)
  return defect
}
