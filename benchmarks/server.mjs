// The server under the benchmarks: 1 KB of JSON to every request, in a process of its own.
import { createServer } from 'node:http'

const body = Buffer.from(JSON.stringify({ text: 'x'.repeat(1000), n: 1 }))
const server = createServer((request, response) => {
  request.resume()
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': body.length })
  response.end(body)
})
server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}/json` }))
