// The soak: workers that call through relays which delay, cut, reset and garble, for as long as they are told.
import { fork } from 'node:child_process'
import { getEventListeners } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { RequestException, Session } from '@entreat/core'
import { ABORTED, calls } from './calls.mjs'
import { seededRandom } from './faulty-relay.mjs'

/** What a hostile network may bring about. Anything else is a defect of ours. */
const EXPECTED = new Set([
  'ConnectionError',
  'ProxyError',
  'SSLError',
  'ConnectTimeout',
  'ReadTimeout',
  'WriteTimeout',
  'PoolTimeout',
  'TotalTimeout',
  'ChunkedEncodingError',
  'ContentDecodingError',
  'LimitExceededError',
  'RetryError',
])
/** A call that takes longer is taken to hang: every timeout is far shorter. */
const HANGS_AFTER_MS = 30_000
/** Growth of the heap that is no leak: what the engine itself compiles and caches on the way. */
const HEAP_TOLERANCE = 6 * 1024 * 1024

async function startServers(seed) {
  const servers = fork(fileURLToPath(new URL('servers.mjs', import.meta.url)), [String(seed)], { execArgv: [] })
  const next = () => new Promise((resolve, reject) => servers.once('message', resolve).once('error', reject))
  const urls = await next()
  const ask = async () => {
    const answer = next()
    servers.send('state')
    return answer
  }
  const stop = async () => {
    const gone = new Promise((resolve) => servers.once('exit', resolve))
    servers.send('stop')
    await gone
  }
  return { urls, ask, stop }
}

/** Sessions with different routes, and what is called through them. */
function openRoutes({ http, https, proxy, socks, ca }) {
  const settings = {
    trustEnv: false,
    verify: ca,
    timeout: { connect: 3000, read: 1500, write: 3000, pool: 5000 },
    limits: { connections: 60, connectionsPerOrigin: 30, idleMs: 1000 },
  }
  const route = (url, own = {}) => {
    const options = { ...settings, ...own }
    const { verify, timeout, proxies = null } = options
    return { session: new Session(options), url, options: { verify, timeout, proxies } }
  }
  return [
    route(http),
    route(https),
    route(http, { limits: { connections: 4, connectionsPerOrigin: 3, idleMs: 1000 } }),
    route(http, { proxies: { all: proxy } }),
    route(https, { proxies: { all: proxy } }),
    route(http, { proxies: { all: socks } }),
    route(https, { proxies: { all: socks } }),
  ]
}

/** Settles with the call, or with the news that it does not. */
async function settled(call) {
  let timer
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve({ name: 'a promise that never settles', isDefect: true }), HANGS_AFTER_MS)
  })
  const outcome = call.then(
    (value) => ({ name: String(value), isDefect: false }),
    (error) => judge(error),
  )
  try {
    return await Promise.race([outcome, late])
  } finally {
    clearTimeout(timer)
  }
}

function judge(error) {
  if (error === ABORTED) return { name: "the signal's reason", isDefect: false }
  if (error instanceof RequestException) return { name: error.name, isDefect: !EXPECTED.has(error.name), error }
  // What the fetch interface says, with ours as its cause.
  const { cause } = error ?? {}
  if (error instanceof TypeError && cause instanceof RequestException)
    return { name: `TypeError of ${cause.name}`, isDefect: !EXPECTED.has(cause.name), error }
  return { name: `${error?.name ?? typeof error}: ${error?.message ?? error}`, isDefect: true, error }
}

class Tally {
  /** Outcomes by name: how many, and the longest in milliseconds. */
  outcomes = new Map()
  defects = []
  calls = 0

  add(kind, { name, isDefect, error }, ms) {
    this.calls++
    const outcome = this.outcomes.get(name) ?? { count: 0, longestMs: 0 }
    outcome.count++
    outcome.longestMs = Math.max(outcome.longestMs, ms)
    this.outcomes.set(name, outcome)
    if (isDefect && this.defects.length < 20) this.defects.push({ kind, name, stack: error?.stack })
  }
}

async function work({ routes, signal, random, tally, until }) {
  const names = Object.keys(calls)
  while (performance.now() < until) {
    const kind = names[Math.floor(random() * names.length)]
    const route = routes[Math.floor(random() * routes.length)]
    const started = performance.now()
    const outcome = await settled(calls[kind]({ ...route, signal, random }))
    tally.add(kind, outcome, performance.now() - started)
  }
}

const socketCount = () => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap').length

/** Waits until the sockets are down to what is kept, then says what is held. */
async function weigh(label, elapsed) {
  for (let turn = 0; turn < 100 && socketCount() > 0; turn++) await pause(50)
  for (let turn = 0; turn < 4; turn++) {
    await pause(20)
    globalThis.gc?.()
  }
  return { label, seconds: elapsed, heap: process.memoryUsage().heapUsed, sockets: socketCount() }
}

/**
 * Runs the soak.
 *
 * @param options - seconds in all, workers at once, seed of all chance.
 * @returns outcomes, weights at the end of each third and after the Sessions were closed, and what was wrong.
 */
export async function soak({ seconds, workers, seed }) {
  const servers = await startServers(seed)
  const routes = openRoutes(servers.urls)
  const random = seededRandom(seed + 1)
  const tally = new Tally()
  const { signal } = new AbortController()
  const weights = []
  const started = performance.now()
  for (const third of [1, 2, 3]) {
    const until = started + (seconds * 1000 * third) / 3
    await Promise.all(Array.from({ length: workers }, () => work({ routes, signal, random, tally, until })))
    weights.push(await weigh(`after ${third} of 3`, (performance.now() - started) / 1000))
  }
  await Promise.all(routes.map(({ session }) => session.close()))
  weights.push(await weigh('after close()', (performance.now() - started) / 1000))
  const { fates, open } = await whenClosed(servers)
  await servers.stop()
  const listeners = getEventListeners(signal, 'abort').length
  return { tally, weights, fates, problems: problemsOf({ tally, weights, open, listeners }) }
}

/** What the servers say once they have noticed that everybody has left: a side that waits to write learns it late. */
async function whenClosed(servers) {
  for (let asked = 0; ; asked++) {
    const said = await servers.ask()
    if (said.open === 0 || asked === 20) return said
    await pause(500)
  }
}

function problemsOf({ tally, weights, open, listeners }) {
  const problems = tally.defects.map(({ kind, name, stack }) => `${kind}: ${name}\n${stack ?? ''}`)
  const [first] = weights
  const last = weights.at(-1)
  const grown = last.heap - first.heap
  if (globalThis.gc !== undefined && grown > HEAP_TOLERANCE)
    problems.push(`the heap grew by ${(grown / 2 ** 20).toFixed(1)} MiB after the first third`)
  for (const { label, sockets } of weights) if (sockets > 0) problems.push(`${sockets} sockets are left ${label}`)
  if (open > 0) problems.push(`${open} connections are still open on the servers' side`)
  if (listeners > 0) problems.push(`${listeners} listeners are left on the shared signal`)
  return problems
}
