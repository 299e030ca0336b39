import type { AuthTarget, CustomHandler, ProxyAuthRequest } from '@entreat/testkit'

/**
 * Whether a server lets a request in. Write it from the scheme's specification, not from the client's code: a mistake made on
 * both sides shows in no test.
 */
function accepts(secret: string, request: Omit<ProxyAuthRequest, 'connection'>): boolean {
  return request.authorization === `TemplateScheme ${secret}`
}

/** The world that the suite tests the scheme in: a server and a proxy that ask for it. */
export function templateTarget(secret: string): AuthTarget {
  return {
    path: '/protected',
    refusingPath: '/refusing',
    handler: () => serve(secret),
    authenticateProxy: () => (request) => (accepts(secret, request) ? null : ['TemplateScheme realm="test"']),
  }
}

function serve(secret: string): CustomHandler {
  return async (request, response) => {
    const path = request.url?.split('?', 1)[0]
    if (path !== '/protected' && path !== '/refusing') return false
    // All of the body: an answer before its end would say nothing about what arrived.
    for await (const _ of request);
    const { method = '', url: target = '' } = request
    const isAccepted =
      path === '/protected' && accepts(secret, { method, target, authorization: request.headers.authorization })
    response
      .writeHead(isAccepted ? 200 : 401, isAccepted ? {} : { 'WWW-Authenticate': 'TemplateScheme realm="test"' })
      .end()
    return true
  }
}
