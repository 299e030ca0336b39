// Requests that share one HTTP/2 connection: a Session beside node:http2 itself, undici's allowH2 and got.
//
//   pnpm bench http2 [--requests 10000] [--rounds 5]
//
// A server in its own process answers 1 KB. Each client keeps 100 requests in flight. Rounds are interleaved and the median is taken.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { HTTPAdapter, Session } from '@entreat/core'
import { got } from 'got'
import { Agent, request } from 'undici'

const IN_FLIGHT = 100

const clients = [
  {
    name: 'entreat, HTTP/2',
    open: (url, ca) => overSession(url, { verify: ca, limits: { connectionsPerOrigin: 1 } }, { http2: true }),
  },
  {
    name: 'node:http2, one session',
    open(url, ca) {
      const session = connect(url, { ca })
      const get = () =>
        new Promise((resolve, reject) => {
          const stream = session.request({ ':path': '/' })
          const pieces = []
          stream.on('data', (piece) => pieces.push(piece))
          stream.on('end', () => resolve(Buffer.concat(pieces)))
          stream.on('error', reject)
        })
      return { get, close: async () => session.close() }
    },
  },
  {
    name: 'undici.request, allowH2',
    open(url, ca) {
      const dispatcher = new Agent({ allowH2: true, connections: 1, pipelining: IN_FLIGHT, connect: { ca } })
      return {
        get: async () => (await request(url, { dispatcher })).body.arrayBuffer(),
        close: () => dispatcher.close(),
      }
    },
  },
  {
    name: 'got, http2',
    open(url, ca) {
      const https = { certificateAuthority: ca }
      const client = got.extend({ http2: true, https, responseType: 'buffer', retry: { limit: 0 } })
      return { get: async () => (await client(url)).body, close: async () => {} }
    },
  },
]

function overSession(url, settings, options) {
  const session = new Session(settings).mount('https://', new HTTPAdapter(options))
  return { get: async () => (await session.get(url)).content, close: () => session.close() }
}

/** CPU microseconds a request, and requests a second. */
async function measure(get, count) {
  let left = count
  const worker = async () => {
    while (left-- > 0) await get()
  }
  const [before, started] = [process.cpuUsage(), performance.now()]
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / count, rate: count / ((performance.now() - started) / 1000) }
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
}

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '10000' }, rounds: { type: 'string', default: '5' } },
})
const [requests, rounds] = [Number(values.requests), Number(values.rounds)]
const server = fork(fileURLToPath(new URL('http2-server.mjs', import.meta.url)))
const [{ url, ca }] = await once(server, 'message')
const contenders = clients.map((client) => ({ name: client.name, ...client.open(url, ca), runs: [] }))
for (const { get } of contenders) await measure(get, Math.min(requests, 2000))
for (let round = 1; round <= rounds; round++) {
  process.stderr.write(`round ${round} of ${rounds}\n`)
  for (const { get, runs } of contenders) runs.push(await measure(get, requests))
}
console.log(
  `GET, 1 KB, ${IN_FLIGHT} in flight on one connection, ${requests} requests x ${rounds} rounds, ${process.version}\n`,
)
for (const { name, runs } of contenders) {
  const [cpu, rate] = [median(runs.map((run) => run.cpu)), median(runs.map((run) => run.rate))]
  console.log(`${name.padEnd(26)} ${cpu.toFixed(0).padStart(5)} us of CPU   ${rate.toFixed(0).padStart(6)} requests/s`)
}
for (const contender of contenders) await contender.close()
server.kill()
// got keeps its connection.
process.exit()
