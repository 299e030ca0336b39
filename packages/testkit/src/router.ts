/** Answers one request; `T` is what the server hands to its handlers. */
export type RouteHandler<T> = (context: T) => void | Promise<void>

/** One entry of a server's table. */
export interface Route<T> {
  /** Methods it answers, or `'*'` for all. `GET` includes `HEAD`. */
  readonly methods: readonly string[] | '*'
  /** Segments are literal, `:name`, optional `:name?`, or a final `*` for any rest. */
  readonly path: string
  /** Whether the server reads the request body to its end before the handler runs. */
  readonly drainsBody: boolean
  readonly handle: RouteHandler<T>
}

/** What {@link findRoute} found: a route with its parameters, another method's routes, or nothing. */
export type RouteMatch<T> =
  | { readonly kind: 'found'; readonly route: Route<T>; readonly params: ReadonlyMap<string, string> }
  | { readonly kind: 'wrong-method'; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown-path' }

/** Makes a route for one method, whose handler finds the request body read. */
export function on<T>(method: string, path: string, handle: RouteHandler<T>): Route<T> {
  return { methods: [method], path, drainsBody: true, handle }
}

/** Makes a route for every method, whose handler finds the request body read. */
export function onAny<T>(path: string, handle: RouteHandler<T>): Route<T> {
  return { methods: '*', path, drainsBody: true, handle }
}

/** Makes a route for every method, whose handler reads the request body itself, or leaves it. */
export function onUnread<T>(path: string, handle: RouteHandler<T>): Route<T> {
  return { methods: '*', path, drainsBody: false, handle }
}

/**
 * Finds the first route for a request.
 *
 * @param path - the path as received, still percent-encoded; parameters are decoded.
 */
export function findRoute<T>(routes: readonly Route<T>[], method: string, path: string): RouteMatch<T> {
  const segments = path.slice(1).split('/').map(decode)
  const allowed = new Set<string>()
  for (const route of routes) {
    const params = matchPath(route.path, segments)
    if (params === null) continue
    if (answers(route, method)) return { kind: 'found', route, params }
    for (const other of route.methods) allowed.add(other)
  }
  if (allowed.size === 0) return { kind: 'unknown-path' }
  if (allowed.has('GET')) allowed.add('HEAD')
  return { kind: 'wrong-method', allowed: [...allowed, 'OPTIONS'] }
}

function answers<T>(route: Route<T>, method: string): boolean {
  if (route.methods === '*') return true
  return route.methods.includes(method === 'HEAD' ? 'GET' : method)
}

function matchPath(pattern: string, segments: readonly string[]): Map<string, string> | null {
  const params = new Map<string, string>()
  const parts = pattern.slice(1).split('/')
  for (const [index, part] of parts.entries()) {
    const segment = segments[index]
    if (part === '*') return params
    if (part.startsWith(':')) {
      if (segment === undefined && part.endsWith('?')) continue
      if (segment === undefined) return null
      params.set(part.slice(1).replace(/\?$/, ''), segment)
    } else if (segment !== part) {
      return null
    }
  }
  return segments.length > parts.length ? null : params
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
