// What grows with what: the cost of a request should not grow with how many came before it, how many origins, cookies or mounts there are, or how many are in
// flight. And what a connection and a request in flight hold, and whether anything is left of a million requests.
//
//   pnpm bench scaling [--requests 1000000] [--json FILE]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { HTTPAdapter, Session } from '@entreat/core'
import { median } from './measure.mjs'

const KIB = 1024
const ROUNDS = 5
const A_ROUND = 4000
/** How much dearer the largest may be than the smallest: noise, and what a larger heap costs the garbage collector. */
const FLAT = 1.25

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '1000000' }, json: { type: 'string' } },
})
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function inFlight(count, total, call) {
  let next = 0
  const worker = async () => {
    while (next < total) await call(next++)
  }
  await Promise.all(Array.from({ length: count }, worker))
}

async function cpuOf(total, run) {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / total
}

/** CPU of a request for each size; rounds are interleaved. */
async function compareSizes(sizes, open) {
  const cases = []
  for (const size of sizes) cases.push({ size, ...(await open(size)), runs: [] })
  for (let round = -1; round < ROUNDS; round++) {
    for (const { run, runs } of cases) {
      globalThis.gc()
      const micros = await cpuOf(A_ROUND, () => run(A_ROUND))
      if (round >= 0) runs.push(micros)
    }
  }
  for (const { close } of cases) await close()
  return cases.map(({ size, runs }) => ({ size, cpuMicros: median(runs) }))
}

const newSession = (options = {}) =>
  new Session({ trustEnv: false, limits: { connectionsPerOrigin: 1000, connections: 2000 }, ...options })

const growths = {
  origins: ({ http }) =>
    compareSizes([1, 10, 100, 1000], async (size) => {
      const { port } = new URL(http)
      const lookup = (_host, options, callback) =>
        options.all ? callback(null, [{ address: '127.0.0.1', family: 4 }]) : callback(null, '127.0.0.1', 4)
      const session = newSession()
      session.mount('http://', new HTTPAdapter({ lookup }))
      const urls = Array.from({ length: size }, (_, index) => `http://host${index}.test:${port}/json`)
      await inFlight(32, size, (index) => session.get(urls[index]))
      return {
        run: (total) => inFlight(32, total, (index) => session.get(urls[index % size])),
        close: () => session.close(),
      }
    }),
  'cookies in the jar': ({ http }) =>
    compareSizes([1, 100, 10_000], async (size) => {
      const session = newSession()
      session.cookies.set('session', 'abc', { url: http })
      for (let index = 1; index < size; index++)
        session.cookies.set('name', 'value', { domain: `site${index}.example` })
      return { run: (total) => inFlight(32, total, () => session.get(`${http}/json`)), close: () => session.close() }
    }),
  'cookies in the jar, one set by every answer': ({ http }) =>
    compareSizes([1, 100, 10_000], async (size) => {
      const session = newSession()
      for (let index = 1; index < size; index++)
        session.cookies.set('name', 'value', { domain: `site${index}.example` })
      return { run: (total) => inFlight(32, total, () => session.get(`${http}/cookie`)), close: () => session.close() }
    }),
  mounts: ({ http }) =>
    compareSizes([1, 10, 100], async (size) => {
      const session = newSession()
      for (let index = 1; index < size; index++) session.mount(`https://site${index}.example/`, new HTTPAdapter())
      return { run: (total) => inFlight(32, total, () => session.get(`${http}/json`)), close: () => session.close() }
    }),
  'requests in flight': ({ http }) =>
    compareSizes([1, 10, 100, 1000], async (size) => {
      const session = newSession()
      return { run: (total) => inFlight(size, total, () => session.get(`${http}/json`)), close: () => session.close() }
    }),
}

async function settledMemory() {
  for (let count = 0; count < 3; count++) {
    globalThis.gc()
    await sleep(20)
  }
  return process.memoryUsage()
}

/** What 1,000 of something hold, in KiB each: on the heap, and with buffers and sockets (resident memory, which the allocator rounds up). */
async function heldBy({ http }, path, whileHeld) {
  const count = 1000
  const session = newSession()
  await session.get(`${http}/json`)
  const before = await settledMemory()
  const all = Promise.all(Array.from({ length: count }, () => session.get(`${http}${path}`)))
  const during = await whileHeld(all)
  await all
  await session.close()
  return { heapKib: (during.heapUsed - before.heapUsed) / count / KIB, rssKib: (during.rss - before.rss) / count / KIB }
}

/** Heap and cost as the requests go by. */
async function overTime({ http }, total) {
  const session = newSession({ auth: ['user', 'password'] })
  session.cookies.set('session', 'abc', { url: http })
  const marks = []
  let done = 0
  for (const until of [1000, 10_000, 100_000, ...Array.from({ length: 9 }, (_, index) => (index + 2) * 100_000)].filter(
    (mark) => mark <= total,
  )) {
    const count = until - done
    const cpuMicros = await cpuOf(count, () =>
      inFlight(32, count, async () => (await session.get(`${http}/json`)).json()),
    )
    done = until
    marks.push({ requests: until, cpuMicros, heapMib: (await settledMemory()).heapUsed / KIB / KIB })
  }
  await session.close()
  return marks
}

function verdict(what, figures, limit) {
  const isMet = figures <= limit
  console.log(`  ${isMet ? 'met    ' : 'NOT MET'} ${figures.toFixed(2)} <= ${limit} ${what}`)
  return isMet
}

async function main() {
  const server = fork(fileURLToPath(new URL('server.mjs', import.meta.url)))
  const [urls] = await once(server, 'message')
  const report = { growths: {}, held: {}, overTime: [] }
  console.log(`Node ${process.version}, CPU microseconds of a request\n`)
  for (const [name, measure] of Object.entries(growths)) {
    const rows = (report.growths[name] = await measure(urls))
    console.log(
      `${name.padEnd(46)} ${rows.map(({ size, cpuMicros }) => `${size}: ${cpuMicros.toFixed(1)}`).join('   ')}`,
    )
  }
  report.held['an idle connection'] = await heldBy(urls, '/json', async (all) => {
    await all
    return settledMemory()
  })
  report.held['a request in flight and its connection'] = await heldBy(urls, '/slow/3000', async () => {
    await sleep(1500)
    return settledMemory()
  })
  console.log()
  for (const [name, { heapKib, rssKib }] of Object.entries(report.held))
    console.log(`${name.padEnd(46)} ${heapKib.toFixed(1)} KiB of heap, ${rssKib.toFixed(1)} KiB resident`)
  report.overTime = await overTime(urls, Number(values.requests))
  console.log('\nrequests so far, CPU us of each, heap MiB')
  for (const { requests, cpuMicros, heapMib } of report.overTime)
    console.log(`${String(requests).padStart(9)} ${cpuMicros.toFixed(1).padStart(8)} ${heapMib.toFixed(2).padStart(8)}`)
  server.kill()
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
  console.log('\nFlat')
  const verdicts = Object.entries(report.growths).map(([name, rows]) => {
    // With one request in flight nothing is shared: no batch of answers in one turn of the loop.
    const base = name === 'requests in flight' ? rows[1] : rows[0]
    return verdict(`largest against smallest, by ${name}`, rows.at(-1).cpuMicros / base.cpuMicros, FLAT)
  })
  const [, warm] = report.overTime
  const last = report.overTime.at(-1)
  verdicts.push(verdict('the last requests against the first 10,000', last.cpuMicros / warm.cpuMicros, FLAT))
  verdicts.push(verdict('MiB of heap gained since the first 10,000 requests', last.heapMib - warm.heapMib, 1))
  return verdicts.every(Boolean) ? 0 : 1
}

process.exitCode = await main()
