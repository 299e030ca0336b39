// One client doing one thing in a process of its own, for what a shared process cannot tell: memory, throughput, the cost of beginning.
//
//   node job.mjs JOB CLIENT '{"http":…,"https":…,"ca":…,"mib":…}'      prints JSON
import { once } from 'node:events'
import http from 'node:http'
import https from 'node:https'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

const [job, client, given] = process.argv.slice(2)
const { http: plain, https: secure, ca, mib = 64, slowMs = 0 } = JSON.parse(given)
const MIB = 1 << 20
const block = Buffer.alloc(64 * 1024, 'up it goes ')
const NEW_CONNECTIONS = 300

function* blocks(length) {
  for (let sent = 0; sent < length; sent += block.length) yield block.subarray(0, Math.min(block.length, length - sent))
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
/** Counts and forgets; takes its time where the scenario wants a slow reader. */
const sink = () =>
  new Writable({
    highWaterMark: 64 * 1024,
    write: (_piece, _encoding, done) => (slowMs > 0 ? setTimeout(done, slowMs) : done()),
  })

/** Peak of resident memory over what a small transfer left behind, seconds, and CPU seconds. */
async function transfer(move) {
  await move(MIB)
  globalThis.gc()
  await sleep(50)
  const idle = process.memoryUsage.rss()
  let peak = idle
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5)
  const cpu = process.cpuUsage()
  const started = performance.now()
  await move(mib * MIB)
  const seconds = (performance.now() - started) / 1000
  const { user, system } = process.cpuUsage(cpu)
  clearInterval(timer)
  peak = Math.max(peak, process.memoryUsage.rss())
  return { mibPerSecond: mib / seconds, cpuSeconds: (user + system) / 1e6, overIdleMib: (peak - idle) / MIB }
}

/** How each client moves a body of a length down or up. */
const movers = {
  async entreat() {
    const { Session } = await import('@entreat/core')
    const session = new Session()
    return {
      async download(length) {
        const response = await session.get(`${plain}/download/${length}`, { stream: true })
        if (slowMs > 0) return pipeline(response.raw, sink())
        for await (const _piece of response);
      },
      upload: (length) =>
        session.post(`${plain}/taken`, { data: blocks(length), headers: { 'Content-Length': String(length) } }),
      async lines(length) {
        const response = await session.get(`${plain}/lines/${length}`, { stream: true })
        let count = 0
        for await (const line of response.iterLines()) count += line.length > 0 ? 1 : 0
        return count
      },
      form: (length) =>
        session.post(`${plain}/taken`, { files: { file: ['file', () => Readable.from(blocks(length))] } }),
      close: () => session.close(),
    }
  },
  async 'undici.stream'() {
    const { Agent, stream } = await import('undici')
    const dispatcher = new Agent()
    const idle = () => new Writable({ write: (_piece, _encoding, done) => done() })
    const up = (length) => ({
      method: 'POST',
      body: Readable.from(blocks(length)),
      headers: { 'content-length': String(length) },
    })
    return {
      download: (length) => stream(`${plain}/download/${length}`, { method: 'GET', dispatcher }, sink),
      upload: (length) => stream(`${plain}/taken`, { ...up(length), dispatcher }, idle),
      close: () => dispatcher.close(),
    }
  },
  async 'undici.request'() {
    const { Agent, request } = await import('undici')
    const { createInterface } = await import('node:readline')
    const dispatcher = new Agent()
    return {
      async download(length) {
        const { body } = await request(`${plain}/download/${length}`, { dispatcher })
        for await (const _piece of body);
      },
      async lines(length) {
        const { body } = await request(`${plain}/lines/${length}`, { dispatcher })
        let count = 0
        for await (const line of createInterface({ input: body })) count += line.length > 0 ? 1 : 0
        return count
      },
      close: () => dispatcher.close(),
    }
  },
  async 'node:http'() {
    const agent = new http.Agent({ keepAlive: true })
    return {
      async download(length) {
        const [response] = await once(http.get(`${plain}/download/${length}`, { agent }), 'response')
        for await (const _piece of response);
      },
      async upload(length) {
        const headers = { 'content-length': length }
        const outgoing = http.request(`${plain}/taken`, { agent, method: 'POST', headers })
        const answered = once(outgoing, 'response')
        await pipeline(Readable.from(blocks(length)), outgoing)
        const [response] = await answered
        response.resume()
      },
      close: async () => agent.destroy(),
    }
  },
  async got() {
    const { default: got } = await import('got')
    return {
      download: (length) => pipeline(got.stream(`${plain}/download/${length}`), sink()),
      async upload(length) {
        const body = Readable.from(blocks(length))
        await got.post(`${plain}/taken`, { body, headers: { 'content-length': String(length) } })
      },
      close: async () => {},
    }
  },
}

/** A connection for every call. */
const beginners = {
  async entreat() {
    const { get } = await import('@entreat/core')
    return {
      oneShot: async () => (await get(`${plain}/json`)).json(),
      tls: async () => (await get(`${secure}/json`, { verify: ca })).json(),
    }
  },
  async 'undici.request'() {
    const { Agent, request } = await import('undici')
    const once = async (url, options) => {
      const dispatcher = new Agent(options)
      const value = await (await request(url, { dispatcher })).body.json()
      await dispatcher.close()
      return value
    }
    return { oneShot: () => once(`${plain}/json`, {}), tls: () => once(`${secure}/json`, { connect: { ca } }) }
  },
  async 'node:http'() {
    const read = (module, url, options) =>
      new Promise((resolve, reject) => {
        const call = module.get(url, { ...options, agent: false }, (response) => {
          const chunks = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())))
        })
        call.on('error', reject)
      })
    return { oneShot: () => read(http, `${plain}/json`, {}), tls: () => read(https, `${secure}/json`, { ca }) }
  },
  async got() {
    const { default: got } = await import('got')
    const options = { agent: { http: false, https: false }, https: { certificateAuthority: ca } }
    return { oneShot: () => got(`${plain}/json`, options).json(), tls: () => got(`${secure}/json`, options).json() }
  },
}

async function begin(which) {
  const call = (await beginners[client]())[which]
  for (let count = 0; count < 20; count++) await call()
  const cpu = process.cpuUsage()
  const started = performance.now()
  for (let count = 0; count < NEW_CONNECTIONS; count++) await call()
  const { user, system } = process.cpuUsage(cpu)
  const ms = performance.now() - started
  return { cpuMicros: (user + system) / NEW_CONNECTIONS, perSecond: (NEW_CONNECTIONS / ms) * 1000 }
}

/** From nothing to the first answer: loading the client, and what it holds then. */
async function coldStart() {
  const modules = {
    entreat: '@entreat/core',
    'undici.request': 'undici',
    'node:http': 'node:http',
    got: 'got',
    axios: 'axios',
    ky: 'ky',
    'node-fetch': 'node-fetch',
    superagent: 'superagent',
    needle: 'needle',
  }
  const before = process.memoryUsage.rss()
  const started = performance.now()
  await import(modules[client])
  return { importMs: performance.now() - started, rssMib: (process.memoryUsage.rss() - before) / MIB }
}

async function run() {
  if (job === 'cold') return coldStart()
  if (job === 'oneShot' || job === 'tls') return begin(job)
  const mover = await movers[client]()
  const result = await transfer(mover[job])
  await mover.close()
  return result
}

console.log(JSON.stringify(await run()))
process.exit(0)
