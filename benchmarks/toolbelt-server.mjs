// The server of toolbelt.mjs, in a process of its own: hashes what is uploaded, gives what is downloaded, and asks for things twice.
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'

const BLOCK = Buffer.alloc(256 * 1024, 'the whiteness of the whale ')
const asked = new Map()

async function take(request) {
  const hash = createHash('sha256')
  let bytes = 0
  for await (const piece of request) {
    hash.update(piece)
    bytes += piece.length
  }
  return { bytes, sha256: hash.digest('hex') }
}

/** The first time a path is asked for it refuses; every body is told of in `x-seen`. */
const refusals = {
  '/once': () => null,
  '/redirect': () => [307, { Location: '/redirected' }],
  '/digest': () => [401, { 'WWW-Authenticate': 'Digest realm="r", nonce="n", qop="auth"' }],
  '/retry': () => [503, {}],
}

async function upload(request, response) {
  const { pathname } = new URL(request.url, 'http://localhost')
  const key = pathname === '/redirected' ? '/redirect' : pathname
  const seen = await take(request)
  const all = [...(asked.get(key) ?? []), seen]
  asked.set(key, all)
  const refusal = all.length === 1 && pathname !== '/redirected' ? refusals[pathname]?.() : null
  if (refusal) return response.writeHead(...refusal).end()
  asked.delete(key)
  response.end(JSON.stringify(all))
}

async function download(response, length) {
  response.writeHead(200, { 'Content-Length': length })
  for (let sent = 0; sent < length; sent += BLOCK.length) {
    const piece = BLOCK.subarray(0, Math.min(BLOCK.length, length - sent))
    if (!response.write(piece)) await new Promise((resolve) => response.once('drain', resolve))
  }
  response.end()
}

const server = createServer((request, response) => {
  const [, kind, rest] = request.url.split('/')
  if (kind === 'download') download(response, Number(rest)).catch(() => response.destroy())
  else if (kind === 'small') response.end(request.url)
  else upload(request, response).catch(() => response.destroy())
})
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }))
