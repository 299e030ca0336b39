// A scenario's session and the keyword arguments of a call, as entreat's options.
import { BasicAuth, CookieJar, DigestAuth, HTTPAdapter, Session } from '@entreat/core'
import { toValue } from './values.mjs'

/** Adds `X-Adapter` as it sends: on a copy, since an adapter never changes the request. */
class TaggingAdapter extends HTTPAdapter {
  #tag
  constructor(tag) {
    super()
    this.#tag = tag
  }
  send(request, options) {
    const tagged = request.copy()
    tagged.headers.set('X-Adapter', this.#tag)
    return super.send(tagged, options)
  }
}

// requests.auth.HTTPProxyAuth sets a header on the request itself.
function headerOnlyProxyAuth({ username, password }) {
  const credentials = Buffer.from(`${username}:${password}`, 'latin1').toString('base64')
  return (request) => request.headers.set('Proxy-Authorization', `Basic ${credentials}`)
}

function callableAuth({ setHeaders = {}, deleteHeaders = [], setUrl, setBody }) {
  return (request) => {
    for (const [name, value] of Object.entries(setHeaders)) request.headers.set(name, toValue(value))
    for (const name of deleteHeaders) request.headers.delete(name)
    if (setUrl !== undefined) request.url = setUrl
    if (setBody !== undefined) request.body = toValue(setBody)
    return request
  }
}

const authTypes = {
  basic: ({ username, password }) => new BasicAuth(toValue(username), toValue(password)),
  digest: ({ username, password }) => new DigestAuth(toValue(username), toValue(password)),
  proxy: headerOnlyProxyAuth,
  callable: callableAuth,
}

function toAuth(auth, { handlers }) {
  if (Array.isArray(auth) || !auth.type) return toValue(auth)
  if (auth.id === undefined) return authTypes[auth.type](auth)
  if (!handlers.has(auth.id)) handlers.set(auth.id, authTypes[auth.type](auth))
  return handlers.get(auth.id)
}

const seconds = (value) => (typeof value === 'number' ? value * 1000 : value)
const toTimeout = (timeout) => (Array.isArray(timeout) ? timeout.map(seconds) : seconds(timeout))

const expiry = { past: new Date(0), future: new Date(Date.UTC(2099, 0, 1)) }

function setCookie(jar, { name, value, expires, ...attributes }) {
  if (expires !== undefined && expires !== null) attributes.expires = expiry[expires]
  jar.set(name, value, attributes)
}

// The dict form stays a dict; a list is a jar of its own.
function toCookies(cookies) {
  if (!Array.isArray(cookies)) return toValue(cookies)
  const jar = new CookieJar()
  for (const cookie of cookies) setCookie(jar, cookie)
  return jar
}

const countHook =
  ({ hookCalls }) =>
  (response) => {
    hookCalls.push({ status: response.statusCode, url: response.url })
  }

function mountAll(session, mounts) {
  for (const { prefix, tag, max_retries: retries } of mounts) {
    if (tag !== undefined) session.mount(prefix, new TaggingAdapter(tag))
    // Retries belong to the Session here, not to its adapters.
    if (retries !== undefined) session.retry = retries
  }
}

/** A Session set up as the scenario says. */
export function openSession(settings, shared) {
  const session = new Session()
  for (const [name, value] of Object.entries(settings.headers ?? {})) session.headers.set(name, toValue(value))
  for (const name of settings.deleteHeaders ?? []) session.headers.delete(name)
  if (settings.params) session.params = toValue(settings.params)
  if (settings.auth) session.auth = toAuth(settings.auth, shared)
  if (settings.proxies) session.proxies = settings.proxies
  if (settings.max_redirects !== undefined) session.maxRedirects = settings.max_redirects
  if (settings.trust_env !== undefined) session.trustEnv = settings.trust_env
  if (settings.stream !== undefined) session.stream = settings.stream
  if (settings.hooks === 'count') session.hooks = { response: countHook(shared) }
  const cookies = settings.cookies ?? {}
  const list = Array.isArray(cookies) ? cookies : Object.entries(cookies).map(([name, value]) => ({ name, value }))
  for (const cookie of list) setCookie(session.cookies, cookie)
  mountAll(session, settings.mounts ?? [])
  return session
}

const keywords = {
  params: ['params', toValue],
  headers: ['headers', toValue],
  data: ['data', toValue],
  json: ['json', toValue],
  files: ['files', toValue],
  cookies: ['cookies', toCookies],
  auth: ['auth', toAuth],
  allow_redirects: ['allowRedirects', toValue],
  timeout: ['timeout', toTimeout],
  stream: ['stream', toValue],
  proxies: ['proxies', toValue],
  verify: ['verify', toValue],
  hooks: ['hooks', (_, shared) => ({ response: countHook(shared) })],
}

/**
 * The keyword arguments of one call. Python's None is its "not given", so it is left out; only for `timeout`
 * does it say something of its own (wait for ever).
 */
export function toRequestOptions(call, shared) {
  const options = {}
  for (const [keyword, [name, translate]] of Object.entries(keywords)) {
    const value = call[keyword]
    if (value === undefined || (value === null && keyword !== 'timeout')) continue
    options[name] = translate(value, shared)
  }
  return options
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const beforeOps = {
  'cookies.set': (session, { name, value, attrs = {} }) => setCookie(session.cookies, { name, value, ...attrs }),
  'cookies.delete': (session, { name }) => session.cookies.delete(name),
  'cookies.clear': (session) => session.cookies.clear(),
  'headers.update': (session, { headers }) => {
    for (const [name, value] of Object.entries(toValue(headers))) session.headers.set(name, value)
  },
  sleep: (_, { ms }) => sleep(ms),
  env: (_, { set }) => void Object.assign(process.env, set),
}

/** Something done to the session before a call. */
export function applyBefore(session, op) {
  return beforeOps[op.op](session, op)
}
