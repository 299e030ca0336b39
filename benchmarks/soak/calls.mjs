// What the workers of the soak do, one call at a time. Each gives what came of it as a word; errors are the caller's to judge.
import { Readable } from 'node:stream'
import { get, Retry } from '@entreat/core'

let serial = 0

/** Marks a request, and says whether an answer is that of another. */
function marked() {
  const mark = `call-${++serial}`
  const check = (response) => {
    const seen = response.headers.get('x-whose')
    // Garbage before the header's line may have swallowed it: what must not be is somebody else's.
    if (seen !== null && seen !== mark) throw new Error(`an answer to ${seen} was given to ${mark}`)
    return response
  }
  return { headers: { 'X-Whose': mark }, check }
}

async function* pieces(count, bytes) {
  for (let at = 0; at < count; at++) yield await Promise.resolve(Buffer.alloc(bytes, at))
}

function pick(random, list) {
  return list[Math.floor(random() * list.length)]
}

/** A plain buffered call. */
const buffered = (path, method = 'GET', options = () => ({})) => {
  return async ({ session, url }) => {
    const { headers, check } = marked()
    return check(await session.request(method, url + path, { headers, ...options() })).statusCode
  }
}

/** A streamed call that is read by `read`. */
const streamed = (path, read) => {
  return async (needs) => {
    const { headers, check } = marked()
    const response = check(await needs.session.get(needs.url + path(needs.random), { headers, stream: true }))
    return (await read(response, needs)) ?? 'streamed'
  }
}

const download = (random) => `/stream-bytes/${1 + Math.floor(random() * 500_000)}`

/** Name, and the call itself: `{ session, url, random, signal }` → a status, or a word. */
export const calls = {
  get: buffered('/get'),
  head: buffered('/get', 'HEAD'),
  options: buffered('/anything', 'OPTIONS'),
  delete: buffered('/anything', 'DELETE'),
  json: buffered('/anything', 'POST', () => ({ json: { much: 'x'.repeat(5000) } })),
  form: buffered('/anything', 'PUT', () => ({ data: { name: 'value', other: 'é' } })),
  multipart: buffered('/anything', 'POST', () => ({
    files: { file: ['a.bin', Buffer.alloc(20_000)] },
    data: { a: 'b' },
  })),
  'upload from memory': buffered('/upload', 'POST', () => ({ data: Buffer.alloc(300_000) })),
  'upload of a stream': buffered('/upload', 'POST', () => ({ data: pieces(20, 10_000) })),
  'upload of a Readable': buffered('/upload', 'PUT', () => ({ data: Readable.from(pieces(20, 10_000)) })),
  'upload by a factory': buffered('/upload', 'PATCH', () => ({ data: () => pieces(10, 1000) })),
  gzip: buffered('/gzip'),
  brotli: buffered('/brotli'),
  deflate: buffered('/deflate'),
  redirects: buffered('/redirect/3'),
  'redirect with body': buffered('/redirect-to?url=/anything&status_code=307', 'POST', () => ({ data: 'again' })),
  cookies: buffered('/cookies/set/soak/yes'),
  basic: buffered('/basic-auth/ahab/whale', 'GET', () => ({ auth: ['ahab', 'whale'] })),
  'status 503, retried': buffered('/status/503', 'GET', () => ({
    retry: new Retry({ total: 2, backoffMs: 5, statusForcelist: [503] }),
  })),
  'get, retried': buffered('/get', 'GET', () => ({ retry: new Retry({ total: 3, backoffMs: 5 }) })),
  'server that closes': buffered('/close'),
  'server that resets': buffered('/reset'),
  'server that cuts': buffered('/truncated'),
  'stream read in pieces': streamed(download, async (response) => {
    for await (const _piece of response.iterContent(10_000)) await new Promise(setImmediate)
  }),
  'stream read whole': streamed(download, async (response) => void (await response.read())),
  'stream left early': streamed(download, async (response) => {
    for await (const _piece of response.iterContent()) break
    response.close()
  }),
  'stream closed unread': streamed(download, (response) => response.close()),
  'stream read as raw': streamed(download, async (response) => {
    for await (const _piece of response.raw) continue
  }),
  'stream read as web': streamed(download, async (response) => {
    for await (const _piece of response.toWeb().body) continue
  }),
  'stream of gzip': streamed(
    () => '/gzip',
    async (response) => {
      for await (const _line of response.iterLines()) continue
    },
  ),
  'stream aborted': streamed(download, async (response, { random }) => {
    const reading = response.read()
    setTimeout(() => response.close(), random() * 5)
    await reading
  }),
  async 'call aborted'({ session, url, random }) {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(ABORTED), random() * 25)
    try {
      const { headers, check } = marked()
      const path = pick(random, ['/get', '/delay/0.02', '/redirect/5', '/never', '/stream-bytes/200000'])
      const response = check(await session.get(url + path, { headers, signal: controller.signal }))
      return response.statusCode
    } finally {
      clearTimeout(timer)
    }
  },
  async 'upload aborted'({ session, url, random }) {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(ABORTED), random() * 15)
    try {
      const options = { data: pieces(200, 10_000), signal: controller.signal }
      return (await session.post(`${url}/upload`, options)).statusCode
    } finally {
      clearTimeout(timer)
    }
  },
  async 'shared signal'({ session, url, signal }) {
    const { headers, check } = marked()
    return check(await session.get(`${url}/get`, { headers, signal })).statusCode
  },
  async 'total timeout'({ session, url, random }) {
    const timeout = { total: 1 + random() * 40 }
    return (await session.get(`${url}/delay/0.02`, { timeout })).statusCode
  },
  async fetch({ session, url }) {
    return (await (await session.fetch(`${url}/get`)).text(), 'fetched')
  },
  async 'one-shot'({ url, options }) {
    const { headers, check } = marked()
    return check(await get(`${url}/get`, { headers, ...options })).statusCode
  },
}

/** What aborted calls are aborted with. */
export const ABORTED = { aborted: 'by the soak' }
