import type { AuthBase } from './auth/auth-base.ts'
import { userinfoAuth } from './auth/resolve-auth.ts'
import {
  isProxyBypassed,
  namesProxyFor,
  noProxyFromEnvironment,
  proxiesFromEnvironment,
  selectProxy,
} from './environment-proxies.ts'
import { InvalidProxyURL, InvalidSchema, InvalidURL, redactUrl } from './errors.ts'
import { decodePercent } from './message/percent.ts'
import { effectivePort } from './message/authority.ts'
import { dialledHost, type ParsedUrl, parseUrl } from './message/url.ts'
import { isSocksScheme, withSocksCredentials } from './transport/socks.ts'
import type { Proxy } from './transport/transport-adapter.ts'

/** Proxy URLs by scheme (`http`), scheme and host (`https://example.com`), `all`, or `all://example.com`; `null` for a direct connection. */
export type ProxiesInit = { readonly [key: string]: string | null | undefined }

/** A proxy, and the credentials in its URL. */
export interface ChosenProxy {
  readonly proxy: Proxy
  readonly auth: AuthBase | null
}

/** What most Sessions have: no rules of their own. */
let ENVIRONMENT_ALONE: ProxyRules
let DIRECT: ProxyRules

/**
 * Which proxy a URL takes: the request's rules, else the session's, else the environment's. Each hop asks anew. NO_PROXY counts for the environment's only.
 */
export class ProxyRules {
  readonly #layers: readonly Readonly<Record<string, string | null>>[]
  readonly #readsEnvironment: boolean
  readonly #noProxy: string | null

  static {
    ENVIRONMENT_ALONE = new ProxyRules([], true)
    DIRECT = new ProxyRules([], false)
  }

  /** @param request - stronger than the session's. */
  static of(
    request: ProxiesInit | null | undefined,
    session: ProxiesInit | null | undefined,
    readsEnvironment: boolean,
  ): ProxyRules {
    if (hasRules(request) || hasRules(session)) return new ProxyRules([request, session], readsEnvironment)
    return readsEnvironment ? ENVIRONMENT_ALONE : DIRECT
  }

  private constructor(layers: readonly (ProxiesInit | null | undefined)[], readsEnvironment: boolean) {
    this.#layers = layers.filter(hasRules).map(ownRules)
    this.#readsEnvironment = readsEnvironment
    this.#noProxy = this.#layers.find((layer) => typeof layer['no_proxy'] === 'string')?.['no_proxy'] ?? null
  }

  /**
   * @returns `null` for a direct connection.
   * @throws InvalidProxyURL, InvalidURL or InvalidSchema for a proxy that cannot be used.
   */
  select(url: ParsedUrl): ChosenProxy | null {
    for (const layer of this.#layers) {
      const found = selectProxy(url.scheme, url.host, layer)
      if (found !== undefined) return found === null ? null : parseProxy(found)
    }
    if (!this.#readsEnvironment || !namesProxyFor(url.scheme, process.env)) return null
    const found = selectProxy(url.scheme, url.host, proxiesFromEnvironment(process.env))
    if (!found) return null
    const noProxy = this.#noProxy ?? noProxyFromEnvironment(process.env)
    const target = { scheme: url.scheme, host: url.host, port: effectivePort(url) }
    return isProxyBypassed(target, noProxy) ? null : parseProxy(found)
  }
}

function hasRules(layer: ProxiesInit | null | undefined): layer is ProxiesInit {
  return layer !== null && layer !== undefined && Object.keys(layer).length > 0
}

/** Own keys only, in lower case where they name hosts. */
function ownRules(layer: ProxiesInit): Record<string, string | null> {
  const rules = Object.create(null) as Record<string, string | null>
  for (const key of Object.keys(layer)) if (layer[key] !== undefined) rules[key.toLowerCase()] = layer[key] ?? null
  return rules
}

const parsed = new Map<string, ChosenProxy>()

function parseProxy(text: string): ChosenProxy {
  let known = parsed.get(text)
  if (known === undefined) {
    known = readProxy(text)
    if (parsed.size >= 100) parsed.clear()
    parsed.set(text, known)
  }
  return known
}

const MALFORMED = 'Please check proxy URL. It is malformed and could be missing the host.'

function readProxy(text: string): ChosenProxy {
  const shown = JSON.stringify(redactUrl(text))
  const [, scheme = ''] = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text) ?? []
  const isCut = /^[a-z][a-z0-9+.-]*:\/(?!\/)/i.test(text)
  if (isCut || (scheme === '' && text.includes('@'))) throw new InvalidProxyURL(MALFORMED)
  const isSocks = isSocksScheme(scheme.toLowerCase())
  if (scheme.toLowerCase().startsWith('socks') && !isSocks)
    throw new InvalidSchema(`A SOCKS proxy is socks4, socks4a, socks5 or socks5h: ${shown}`)
  const url = parseProxyUrl(
    isSocks ? `http${text.slice(scheme.length)}` : scheme === '' ? `http://${text.replace(/^\/\//, '')}` : text,
  )
  if (isSocks) return readSocksProxy(scheme.toLowerCase(), url)
  if (url.scheme !== 'http' && url.scheme !== 'https')
    throw new InvalidURL(`A proxy's scheme must be http, https or one of SOCKS: ${shown}`)
  return { proxy: proxyAt(url.scheme, url, effectivePort(url)), auth: userinfoAuth(url.userinfo) }
}

function parseProxyUrl(text: string): ParsedUrl {
  try {
    const url = parseUrl(text)
    if (url.host !== '') return url
  } catch (error) {
    if (!(error instanceof InvalidURL) || !error.message.endsWith(': no host supplied')) throw error
    throw new InvalidProxyURL(MALFORMED, { cause: error })
  }
  throw new InvalidProxyURL(MALFORMED)
}

/** The port that SOCKS servers listen on, registered with IANA. */
const SOCKS_PORT = 1080

/** The credentials of SOCKS are no HTTP scheme: the connection carries them, not the requests. */
function readSocksProxy(scheme: string, url: ParsedUrl): ChosenProxy {
  const proxy = proxyAt(scheme, url, url.port === '' ? SOCKS_PORT : Number(url.port))
  if (url.userinfo === null) return { proxy, auth: null }
  const colon = url.userinfo.indexOf(':')
  const username = decodePercent(colon === -1 ? url.userinfo : url.userinfo.slice(0, colon))
  const password = colon === -1 ? '' : decodePercent(url.userinfo.slice(colon + 1))
  return { proxy: withSocksCredentials(proxy, { username, password }), auth: null }
}

function proxyAt(scheme: string, url: ParsedUrl, port: number): Proxy {
  return { url: `${scheme}://${url.host}:${port}`, scheme, host: dialledHost(url), port }
}
