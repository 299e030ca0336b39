// One client, and what one thing that grows does to the cost of its requests, in a process of its own.
//
//   node --expose-gc growth.mjs CLIENT GROWTH '{"http":…}'      prints JSON: for each size CPU microseconds of a request, and their ratio to the base size
import { HTTPAdapter, Session } from '@entreat/core'
import { Agent, request } from 'undici'
import { median } from './measure.mjs'

const ROUNDS = 15
const A_ROUND = 4000
const IN_FLIGHT = 32

/** Every name is this machine. */
function lookup(_host, options, callback) {
  if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }])
  else callback(null, '127.0.0.1', 4)
}

/** As many connections as anybody asks for, unless limits say otherwise. */
function openSession(limits = { connectionsPerOrigin: 1000, connections: 2000 }) {
  const session = new Session({ trustEnv: false, limits, timeout: { pool: null } })
  session.mount('http://', new HTTPAdapter({ lookup }))
  return { session, get: async (url) => (await session.get(url)).json(), close: () => session.close() }
}

function openAgent() {
  const dispatcher = new Agent({ connections: 1000, connect: { lookup } })
  return { get: async (url) => (await request(url, { dispatcher })).body.json(), close: () => dispatcher.close() }
}

const openers = { entreat: openSession, 'undici.request': openAgent }

/** Calls until so many are done, with a number of them in flight. */
async function inFlight(count, total, call) {
  let next = 0
  const worker = async () => {
    while (next < total) await call(next++)
  }
  await Promise.all(Array.from({ length: count }, worker))
}

/** The same URL under so many names. */
function origins(http, count) {
  const { port } = new URL(http)
  return Array.from({ length: count }, (_, index) => `http://host${index}.test:${port}/json`)
}

/** Requests to one URL, by a session that has been prepared. */
function prepared(path, prepare) {
  return ({ http }, size) => {
    const { session, get, close } = openSession()
    prepare(session, size, http)
    return { run: (total) => inFlight(IN_FLIGHT, total, () => get(`${http}${path}`)), close }
  }
}

function fillJar({ cookies }, size) {
  for (let index = 1; index < size; index++) cookies.set('name', 'value', { domain: `site${index}.example` })
}

/** `base`: the size that the others are compared with. `rounds`: where one takes long. */
export const growths = {
  origins: {
    sizes: [1, 10, 100, 1000],
    base: 1,
    clients: ['entreat', 'undici.request'],
    open({ http }, size, client) {
      const urls = origins(http, size)
      const { get, close } = openers[client]()
      return { run: (total) => inFlight(IN_FLIGHT, total, (index) => get(urls[index % size])), close }
    },
  },
  // With one request in flight nothing is shared: no batch of answers in one turn of the loop.
  'requests in flight': {
    sizes: [1, 10, 100, 1000],
    base: 10,
    clients: ['entreat', 'undici.request'],
    open({ http }, size, client) {
      const { get, close } = openers[client]()
      return { run: (total) => inFlight(size, total, () => get(`${http}/json`)), close }
    },
  },
  // Each request has to make room for its connection.
  'origins, all at once, for 256 connections': {
    sizes: [300, 1000, 3000],
    base: 300,
    rounds: 5,
    clients: ['entreat'],
    open({ http }, size) {
      const urls = origins(http, size)
      const { get, close } = openSession({})
      return { run: (total) => inFlight(size, total, (index) => get(urls[index % size])), close }
    },
  },
  'cookies in the jar': {
    sizes: [1, 100, 10_000],
    base: 1,
    clients: ['entreat'],
    open: prepared('/json', (session, size, http) => {
      session.cookies.set('session', 'abc', { url: http })
      fillJar(session, size)
    }),
  },
  'cookies in the jar, one set by every answer': {
    sizes: [1, 100, 10_000],
    base: 1,
    clients: ['entreat'],
    open: prepared('/cookie', fillJar),
  },
  mounts: {
    sizes: [1, 10, 100],
    base: 1,
    clients: ['entreat'],
    open: prepared('/json', (session, size) => {
      for (let index = 1; index < size; index++) session.mount(`https://site${index}.example/`, new HTTPAdapter())
    }),
  },
}

async function cpuOf(total, run) {
  const before = process.cpuUsage()
  await run(total)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / total
}

async function measure(client, { sizes, base, rounds = ROUNDS, open }, urls) {
  const cases = sizes.map((size) => ({ size, ...open(urls, size, client), runs: [] }))
  for (let round = -1; round < rounds; round++) {
    for (const { run, runs } of cases) {
      const micros = await cpuOf(A_ROUND, run)
      // The first opens connections, and is for the compiler.
      if (round >= 0) runs.push(micros)
    }
  }
  for (const { close } of cases) await close()
  const { runs: baseRuns } = cases.find(({ size }) => size === base)
  return cases.map(({ size, runs }) => ({
    size,
    cpuMicros: median(runs),
    ratio: median(runs.map((micros, round) => micros / baseRuns[round])),
    runs,
  }))
}

const [client, name, urls] = process.argv.slice(2)
if (urls !== undefined) {
  console.log(JSON.stringify(await measure(client, growths[name], JSON.parse(urls))))
  process.exit(0)
}
