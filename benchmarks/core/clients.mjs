// The clients that are compared, each as its users would set it up: connections kept alive, up to `connections` of them, credentials and cookies given the way
// the client has for it. What a client cannot do, it has no function for, and the scenario leaves it out.
import http from 'node:http'
import https from 'node:https'
import { HTTPAdapter, Session } from '@entreat/core'
import { create as createAxios } from 'axios'
import { got } from 'got'
import ky from 'ky'
import needle from 'needle'
import nodeFetch from 'node-fetch'
import superagent from 'superagent'
import { CookieJar } from 'tough-cookie'
import { Agent, fetch as undiciFetch, FormData as UndiciFormData, interceptors, request } from 'undici'

const [username, password] = ['user', 'password']
const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
const cookiePairs = (count) => Array.from({ length: count }, (_, index) => [`name${index}`, `value${index}`])

/** Header lines for clients without a jar or credentials of their own. */
function headersFor({ auth = false, cookies = 0 }) {
  const headers = {}
  if (auth) headers.authorization = basic
  if (cookies > 0)
    headers.cookie = cookiePairs(cookies)
      .map((pair) => pair.join('='))
      .join('; ')
  return headers
}

function entreat({ url, connections, auth, cookies = 0, ca, http2 = false }) {
  const session = new Session({ limits: { connectionsPerOrigin: connections }, ...(ca ? { verify: ca } : {}) })
  if (http2) session.mount('https://', new HTTPAdapter({ http2: true }))
  if (auth) session.auth = [username, password]
  for (const [name, value] of cookiePairs(cookies)) session.cookies.set(name, value, { url })
  return {
    get: async (target) => (await session.get(target)).json(),
    post: async (target, json) => (await session.post(target, { json })).json(),
    form: async (target, file) => (await session.post(target, { data: { a: 'b' }, files: { file } })).json(),
    status: async (target) => (await session.get(target)).statusCode,
    close: () => session.close(),
  }
}

function undiciRequest(options) {
  const { connections, ca, http2 = false } = options
  // Over HTTP/2, as many streams on one connection as there are requests.
  const shared = http2 ? { allowH2: true, connections: 1, pipelining: connections } : { connections }
  const agent = new Agent({ ...shared, connect: { ca } })
  const redirecting = agent.compose(interceptors.redirect({ maxRedirections: 10 }))
  const unzipping = interceptors.decompress === undefined ? null : agent.compose(interceptors.decompress())
  const headers = headersFor(options)
  const post = async (target, body, type) =>
    (await request(target, { method: 'POST', dispatcher: agent, headers: { ...headers, ...type }, body })).body.json()
  return {
    get: async (target) => (await request(target, { dispatcher: agent, headers })).body.json(),
    ...(unzipping === null
      ? {}
      : { getCoded: async (target) => (await request(target, { dispatcher: unzipping })).body.json() }),
    getRedirected: async (target) => (await request(target, { dispatcher: redirecting, headers })).body.json(),
    post: (target, value) => post(target, JSON.stringify(value), { 'content-type': 'application/json' }),
    form: (target, file) => post(target, formOf(file, UndiciFormData), {}),
    status: async (target) => {
      const { statusCode, body } = await request(target, { dispatcher: agent, headers })
      await body.dump()
      return statusCode
    },
    close: () => agent.close(),
  }
}

function formOf(file, Form = FormData) {
  const form = new Form()
  form.set('a', 'b')
  form.set('file', new Blob([file]), 'file')
  return form
}

class Collector {
  chunks = []
  constructor(resolve, reject) {
    this.resolve = resolve
    this.onError = reject
  }
  onConnect() {}
  onHeaders() {
    return true
  }
  onData(chunk) {
    this.chunks.push(chunk)
    return true
  }
  onComplete() {
    this.resolve(this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks))
  }
}

/** undici's engine with nothing around it, and with the headers that the others send. */
function bareDispatch({ url, connections, ...options }) {
  const agent = new Agent({ connections })
  const { origin } = new URL(url)
  const headers = headersFor(options)
  const get = async (target) => {
    const path = target.slice(origin.length)
    const call = { origin, path, method: 'GET', headers }
    return JSON.parse(await new Promise((resolve, reject) => agent.dispatch(call, new Collector(resolve, reject))))
  }
  return { get, close: () => agent.close() }
}

function fetchWith(fetch, options) {
  const headers = headersFor(options)
  const json = async (response) => (await response).json()
  return {
    get: (target) => json(fetch(target, { headers })),
    post: (target, value) =>
      json(
        fetch(target, {
          method: 'POST',
          headers: { ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(value),
        }),
      ),
    form: (target, file) => json(fetch(target, { method: 'POST', headers, body: formOf(file) })),
    status: async (target) => {
      const response = await fetch(target, { headers })
      await response.arrayBuffer()
      return response.status
    },
    close: async () => {},
  }
}

function undiciFetchClient(options) {
  const dispatcher = new Agent({ connections: options.connections })
  return {
    ...fetchWith((target, init) => undiciFetch(target, { ...init, dispatcher }), options),
    close: () => dispatcher.close(),
  }
}

const agentsOf = ({ connections, ca }) => ({
  http: new http.Agent({ keepAlive: true, maxSockets: connections }),
  https: new https.Agent({ keepAlive: true, maxSockets: connections, ca }),
})
const ended = (agents) => async () => Object.values(agents).forEach((agent) => agent.destroy())

function nodeHttp(options) {
  const agents = agentsOf(options)
  const headers = headersFor(options)
  const call = (target, method, body, more) =>
    new Promise((resolve, reject) => {
      const outgoing = http.request(
        target,
        { agent: agents.http, method, headers: { ...headers, ...more } },
        (response) => {
          const chunks = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.on('end', () => resolve([response.statusCode, Buffer.concat(chunks)]))
          response.on('error', reject)
        },
      )
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  return {
    get: async (target) => JSON.parse((await call(target, 'GET'))[1]),
    post: async (target, value) => {
      const body = JSON.stringify(value)
      const more = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      return JSON.parse((await call(target, 'POST', body, more))[1])
    },
    status: async (target) => (await call(target, 'GET'))[0],
    close: ended(agents),
  }
}

function gotClient(options) {
  const { url, auth, cookies = 0 } = options
  const agents = agentsOf(options)
  const cookieJar = cookies > 0 ? new CookieJar() : undefined
  for (const [name, value] of cookiePairs(cookies)) cookieJar.setCookieSync(`${name}=${value}`, url)
  const own = { agent: agents, retry: { limit: 0 }, cookieJar, ...(auth ? { username, password } : {}) }
  const client = got.extend(own)
  return {
    get: (target) => client(target).json(),
    post: (target, json) => client.post(target, { json }).json(),
    form: (target, file) => client.post(target, { body: formOf(file) }).json(),
    status: async (target) => (await client(target, { throwHttpErrors: false })).statusCode,
    close: ended(agents),
  }
}

function axiosClient(options) {
  const agents = agentsOf(options)
  const { cookie } = headersFor(options)
  const client = createAxios({
    httpAgent: agents.http,
    validateStatus: null,
    ...(options.auth ? { auth: { username, password } } : {}),
    ...(cookie ? { headers: { cookie } } : {}),
  })
  return {
    get: async (target) => (await client.get(target)).data,
    post: async (target, value) => (await client.post(target, value)).data,
    form: async (target, file) => (await client.post(target, formOf(file))).data,
    status: async (target) => (await client.get(target)).status,
    close: ended(agents),
  }
}

function kyClient(options) {
  const headers = headersFor(options)
  const client = ky.create({ headers, retry: 0, throwHttpErrors: false })
  return {
    get: (target) => client(target).json(),
    post: (target, json) => client.post(target, { json }).json(),
    form: (target, file) => client.post(target, { body: formOf(file) }).json(),
    status: async (target) => {
      const response = await client(target)
      await response.arrayBuffer()
      return response.status
    },
    close: async () => {},
  }
}

function nodeFetchClient(options) {
  const agents = agentsOf(options)
  return {
    ...fetchWith((target, init) => nodeFetch(target, { ...init, agent: agents.http }), options),
    close: ended(agents),
  }
}

function superagentClient(options) {
  const { auth } = options
  const agents = agentsOf(options)
  const { cookie } = headersFor(options)
  const dress = (call) => {
    if (auth) call.auth(username, password)
    if (cookie) call.set('Cookie', cookie)
    return call.agent(agents.http).ok(() => true)
  }
  return {
    get: async (target) => (await dress(superagent.get(target))).body,
    post: async (target, value) => (await dress(superagent.post(target)).send(value)).body,
    form: async (target, file) =>
      (await dress(superagent.post(target)).field('a', 'b').attach('file', file, 'file')).body,
    status: async (target) => (await dress(superagent.get(target))).status,
    close: ended(agents),
  }
}

function needleClient(options) {
  const agents = agentsOf(options)
  const own = { agent: agents.http, follow_max: 5, ...(options.auth ? { username, password } : {}), headers: {} }
  const { cookie } = headersFor(options)
  if (cookie) own.headers.cookie = cookie
  return {
    get: async (target) => (await needle('get', target, own)).body,
    post: async (target, value) => (await needle('post', target, value, { ...own, json: true })).body,
    status: async (target) => (await needle('get', target, own)).statusCode,
    close: ended(agents),
  }
}

// fetch and ky use Node's own dispatcher, whose connections are unlimited, as theirs are for everybody.
export const clients = {
  entreat,
  'undici.request': undiciRequest,
  'bare dispatch': bareDispatch,
  'undici.fetch': undiciFetchClient,
  fetch: (options) => fetchWith(fetch, options),
  'node:http': nodeHttp,
  got: gotClient,
  axios: axiosClient,
  ky: kyClient,
  'node-fetch': nodeFetchClient,
  superagent: superagentClient,
  needle: needleClient,
}
