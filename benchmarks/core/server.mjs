// The server under the benchmarks, in a process of its own: the least that answers, so that it is not the bottleneck. It reads heads on the raw socket,
// trusts Content-Length, and has every answer ready. Sends its URLs to the process that forked it.
import { createSecureServer } from 'node:http2'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { gzipSync } from 'node:zlib'
import { testCertificates } from '@entreat/testkit'

const BLOCK = 256 * 1024
const json = Buffer.from(JSON.stringify({ text: 'x'.repeat(1000), n: 1 }))
const people = Array.from({ length: 800 }, (_, id) => ({
  id,
  name: `Person ${id}`,
  mail: `person.${id}@example.com`,
  tags: ['a', 'bb', 'ccc'],
  score: (id * 7919) % 1000,
  about: 'Lorem ipsum dolor sit amet',
}))
const gzipped = gzipSync(JSON.stringify(people))
const zeros = Buffer.alloc(BLOCK)
const lines = Buffer.from(`${'a line of the benchmark '.repeat(4).padEnd(99, '.')}\n`.repeat(BLOCK / 100))

function answer(status, headers, body = Buffer.alloc(0)) {
  const head = [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${body.length}`, '', ''].join('\r\n')
  return Buffer.concat([Buffer.from(head), body])
}

const type = 'Content-Type: application/json'
const answers = new Map([
  ['/json', answer('200 OK', [type, 'Date: Thu, 26 Nov 2026 00:00:00 GMT', 'Server: bench'], json)],
  ['/missing', answer('404 Not Found', [type], Buffer.from('{"error":"no such thing"}'))],
  ['/gzip', answer('200 OK', [type, 'Content-Encoding: gzip'], gzipped)],
  ['/cookie', answer('200 OK', [type, 'Set-Cookie: seen=yes; Path=/'], json)],
  ['/taken', answer('200 OK', [type], Buffer.from('{"taken":true}'))],
  ...[3, 2, 1].map((left) => [
    `/redirect/${left}`,
    answer('302 Found', [`Location: ${left === 1 ? '/json' : `/redirect/${left - 1}`}`]),
  ]),
])

/** Endless bytes of one kind, as fast as the other side takes them. */
function stream(socket, block, length) {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: ${length}\r\n\r\n`)
  let left = length
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      const piece = left >= block.length ? block : block.subarray(0, left)
      left -= piece.length
      if (!socket.write(piece)) return void socket.once('drain', more)
    }
  }
  more()
}

function reply(socket, path) {
  const [, kind, length] = path.split('/')
  if (kind === 'download') stream(socket, zeros, Number(length))
  else if (kind === 'lines') stream(socket, lines, Number(length))
  else if (kind === 'slow') setTimeout(() => socket.write(answers.get('/json')), Number(length))
  else socket.write(answers.get(path) ?? answers.get(kind === 'json' ? '/json' : '/missing'))
}

/** What a head says of the body to come: so many bytes, or Infinity for chunked. */
function bodyOf(head) {
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) return Infinity
  return Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
}

const LAST_CHUNK = Buffer.from('0\r\n\r\n')

function serve(socket) {
  socket.setNoDelay(true)
  socket.on('error', () => {})
  let held = null
  let path = ''
  let left = 0
  socket.on('data', (received) => {
    let chunk = held === null ? received : Buffer.concat([held, received])
    held = null
    while (chunk.length > 0) {
      if (left === Infinity) {
        // Good enough for bodies that we know.
        const isLast = chunk.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
        if (isLast) left = 0
        if (isLast) reply(socket, path)
        return
      }
      if (left > 0) {
        const taken = Math.min(left, chunk.length)
        left -= taken
        chunk = chunk.subarray(taken)
        if (left === 0) reply(socket, path)
        continue
      }
      const end = chunk.indexOf('\r\n\r\n')
      if (end === -1) return void (held = chunk)
      const head = chunk.latin1Slice(0, end)
      chunk = chunk.subarray(end + 4)
      path = head.slice(head.indexOf(' ') + 1, head.indexOf(' ', head.indexOf(' ') + 1))
      left = head.startsWith('GET') ? 0 : bodyOf(head)
      if (left === 0) reply(socket, path)
    }
  })
}

function listen(server) {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))
}

const { ca, server: secure } = testCertificates()
const h2 = createSecureServer(secure, (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length })
  response.end(json)
})
const [http, https, http2] = await Promise.all([createServer(serve), createTlsServer(secure, serve), h2].map(listen))
process.send({
  http: `http://127.0.0.1:${http}`,
  https: `https://127.0.0.1:${https}`,
  http2: `https://127.0.0.1:${http2}`,
  ca,
})
