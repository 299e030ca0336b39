// An OAuth 1 provider for the tour and the examples: one client, users who always agree, HMAC-SHA1 in the header, no forms.
import { createHmac, randomBytes } from 'node:crypto'
import { TestServer } from '@entreat/testkit'

const client = { key: 'example-app', secret: 'app secret' }

/** RFC 5849 section 3.6. */
const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`)

/** The parameters of an Authorization header, decoded. */
function parametersOf({ headers }) {
  const pairs = [...(headers.authorization ?? '').matchAll(/([a-z_]+)="([^"]*)"/g)]
  return Object.fromEntries(pairs.map(([, name, value]) => [name, decodeURIComponent(value)]))
}

/** RFC 5849 section 3.4, from what arrived. */
function signatureOf(request, { realm: _realm, oauth_signature: _signature, ...parameters }, tokenSecret) {
  const url = new URL(request.url, `http://${request.headers.host}`)
  const pairs = [...url.searchParams, ...Object.entries(parameters)].map((pair) => pair.map(encode).join('=')).sort()
  const base = [request.method, url.origin + url.pathname, pairs.join('&')].map(encode).join('&')
  return createHmac('sha1', `${encode(client.secret)}&${encode(tokenSecret)}`)
    .update(base)
    .digest('base64')
}

/**
 * Starts a provider on a free port of this machine.
 *
 * @returns its `url`, the `nonces` that it has seen, and `close()`.
 */
export async function startOAuth1Provider() {
  const tokens = new Map() // token to { secret, callback?, verifier?, isAccess? }
  const nonces = []
  const issue = (more) => {
    const [token, secret] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')]
    tokens.set(token, { secret, ...more })
    return { oauth_token: token, oauth_token_secret: secret }
  }

  /** What is answered to a request: form fields, or a URL to go to; `null` refuses it. */
  function answer(request) {
    const url = new URL(request.url, 'http://localhost')
    if (url.pathname === '/authorize') return authorize(url.searchParams.get('oauth_token'))
    const parameters = parametersOf(request)
    const known = tokens.get(parameters.oauth_token)
    const isSigned = parameters.oauth_signature === signatureOf(request, parameters, known?.secret ?? '')
    if (parameters.oauth_consumer_key !== client.key || !isSigned || nonces.includes(parameters.oauth_nonce))
      return null
    nonces.push(parameters.oauth_nonce)
    if (url.pathname === '/request-token') {
      return { ...issue({ callback: parameters.oauth_callback }), oauth_callback_confirmed: 'true' }
    }
    if (url.pathname === '/access-token') {
      if (known?.verifier !== parameters.oauth_verifier || known?.verifier === undefined) return null
      tokens.delete(parameters.oauth_token)
      return { ...issue({ isAccess: true }), screen_name: 'ishmael' }
    }
    return known?.isAccess ? { hello: 'ishmael' } : null
  }

  function authorize(token) {
    const pending = tokens.get(token)
    if (pending === undefined) return null
    pending.verifier = randomBytes(4).toString('hex')
    if (pending.callback === 'oob') return { code: pending.verifier }
    const url = new URL(pending.callback)
    url.searchParams.set('oauth_token', token)
    url.searchParams.set('oauth_verifier', pending.verifier)
    return url
  }

  const server = await TestServer.start({
    tls: false,
    handler: async (request, response) => {
      for await (const _ of request) continue // no body is looked at
      const content = answer(request)
      if (content === null) response.writeHead(401, { 'WWW-Authenticate': 'OAuth realm="example"' }).end()
      else if (content instanceof URL) response.writeHead(302, { Location: content.href }).end()
      else response.end(new URLSearchParams(content).toString())
      return true
    },
  })
  return { url: server.url, nonces, close: () => server.close() }
}
