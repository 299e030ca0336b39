import { sendJson } from '../reply.ts'
import type { TestRoute } from '../route-context.ts'
import { on } from '../router.ts'
import { authRoutes } from './auth.ts'
import { cachingRoutes } from './caching.ts'
import { codingRoutes } from './codings.ts'
import { connectionRoutes } from './connections.ts'
import { cookieRoutes } from './cookies.ts'
import { digestAuthRoutes } from './digest-auth.ts'
import { documentRoutes } from './documents.ts'
import { echoRoutes } from './echo.ts'
import { ntlmAuthRoutes } from './ntlm-auth.ts'
import { redirectRoutes } from './redirects.ts'
import { streamRoutes } from './streams.ts'

/** The table of one server, in order of matching. Nonces and counters in it are that server's own. */
export function allRoutes(): readonly TestRoute[] {
  const routes = [
    ...echoRoutes(),
    ...redirectRoutes(),
    ...cookieRoutes(),
    ...authRoutes(),
    ...digestAuthRoutes(),
    ...ntlmAuthRoutes(),
    ...streamRoutes(),
    ...codingRoutes(),
    ...documentRoutes(),
    ...cachingRoutes(),
    ...connectionRoutes(),
  ]
  const index = routes.map(({ methods, path }) => ({ methods, path }))
  return [on('GET', '/', ({ response }) => sendJson(response, { routes: index })), ...routes]
}
