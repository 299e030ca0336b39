// Answers 1 KB over HTTP/2 in a process of its own, and tells its URL and authority to the one that forked it.
import { createSecureServer } from 'node:http2'
import { testCertificates } from '@entreat/testkit'

const BODY = Buffer.alloc(1024, 'x')
const { server: certificate, ca } = testCertificates()
const server = createSecureServer({ ...certificate, settings: { maxConcurrentStreams: 1000 } })
server.on('stream', (stream) => {
  stream.on('error', () => {})
  stream.respond({ ':status': 200, 'content-type': 'application/octet-stream', 'content-length': BODY.length })
  stream.end(BODY)
})
server.listen(0, '127.0.0.1', () => process.send({ url: `https://localhost:${server.address().port}/`, ca }))
process.once('disconnect', () => process.exit())
