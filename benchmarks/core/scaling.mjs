// What grows with what: the cost of a request should not grow with how many came before it, how many origins, cookies or mounts there are, or how many are in
// flight. And what a connection and a request in flight hold, and whether anything is left of a million requests.
//
//   pnpm bench scaling [--requests 1000000] [--json FILE]
//
// Exits 1 if something is not flat. A thousand connections have a cost of their own, cold memory above all, which undici has to pay too: where it does
// the same in the same run, what grows may grow as long as it stays cheaper.
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { Session } from '@entreat/core'
import { growths } from './growth.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const KIB = 1024
/** How much dearer the largest may be than the smallest: noise, and what a larger heap costs the garbage collector. */
const FLAT = 1.25

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function measureGrowth(name, urls) {
  const rows = {}
  for (const client of growths[name].clients) {
    const args = ['--expose-gc', here('growth.mjs'), client, name, JSON.stringify(urls)]
    rows[client] = JSON.parse((await promisify(execFile)(process.execPath, args)).stdout)
  }
  return rows
}

function printGrowth(name, rows) {
  console.log(name)
  for (const [client, sizes] of Object.entries(rows)) {
    const shown = sizes.map(({ size, cpuMicros, ratio }) => `${size}: ${cpuMicros.toFixed(1)} (x${ratio.toFixed(2)})`)
    console.log(`  ${client.padEnd(16)} ${shown.map((one) => one.padEnd(20)).join(' ')}`)
  }
}

async function settledMemory() {
  for (let count = 0; count < 3; count++) {
    globalThis.gc()
    await sleep(20)
  }
  return process.memoryUsage()
}

/** What 1,000 of something hold, in KiB each: on the heap, and outside it in buffers. The kernel's buffers are not counted. */
async function heldBy({ http }, path, whileHeld) {
  const count = 1000
  const session = new Session({ trustEnv: false, limits: { connectionsPerOrigin: count, connections: count } })
  await session.get(`${http}/json`)
  const before = await settledMemory()
  // Nobody keeps the responses.
  const call = async () => void (await session.get(`${http}${path}`))
  const all = Promise.all(Array.from({ length: count }, call))
  const during = await whileHeld(all)
  await all
  await session.close()
  const each = (key) => (during[key] - before[key]) / count / KIB
  return { heapKib: each('heapUsed'), outsideKib: each('external') }
}

async function measureHeld(urls) {
  const idle = await heldBy(urls, '/json', async (all) => {
    await all
    return settledMemory()
  })
  const busy = await heldBy(urls, '/slow/3000', async () => {
    await sleep(1500)
    return settledMemory()
  })
  return { 'an idle connection': idle, 'a request in flight and its connection': busy }
}

/** Heap and cost as the requests go by. */
async function overTime({ http }, total) {
  const session = new Session({ trustEnv: false, auth: ['user', 'password'] })
  session.cookies.set('session', 'abc', { url: http })
  const marks = []
  let done = 0
  const steps = [1000, 10_000, 100_000, ...Array.from({ length: 9 }, (_, index) => (index + 2) * 100_000)]
  for (const requests of steps.filter((step) => step <= total)) {
    const cpu = process.cpuUsage()
    const count = requests - done
    const worker = async () => {
      while (done < requests) {
        done++
        await (await session.get(`${http}/json`)).json()
      }
    }
    await Promise.all(Array.from({ length: 32 }, worker))
    const { user, system } = process.cpuUsage(cpu)
    marks.push({
      requests,
      cpuMicros: (user + system) / count,
      heapMib: (await settledMemory()).heapUsed / KIB / KIB,
    })
  }
  await session.close()
  return marks
}

function judgeGrowth(name, { entreat, 'undici.request': peer }) {
  const largest = entreat.at(-1)
  const against = peer === undefined ? null : largest.cpuMicros / peer.at(-1).cpuMicros
  const isMet = largest.ratio <= FLAT || (against !== null && against <= 1)
  const beside = against === null ? '' : `, and ${against.toFixed(2)}x undici.request, which has as many`
  return { isMet, text: `${largest.size} ${name}: ${largest.ratio.toFixed(2)}x${beside}` }
}

function judgeTime(marks) {
  const early = marks.find(({ requests }) => requests === 100_000) ?? marks[0]
  const last = marks.at(-1)
  const dearer = last.cpuMicros / early.cpuMicros
  const heavier = last.heapMib - early.heapMib
  const since = `since ${early.requests} requests`
  return [
    {
      isMet: dearer <= FLAT,
      text: `${last.requests} requests: ${dearer.toFixed(2)}x what it was at ${early.requests}`,
    },
    { isMet: heavier <= 1, text: `heap of ${last.requests} requests: ${heavier.toFixed(2)} MiB more ${since}` },
  ]
}

async function main(args) {
  const { values } = parseArgs({
    args,
    options: { requests: { type: 'string', default: '1000000' }, json: { type: 'string' } },
  })
  const server = fork(here('server.mjs'))
  const [urls] = await once(server, 'message')
  const machine = { node: process.version, cpu: cpus()[0].model, cores: cpus().length }
  console.log(
    `Node ${machine.node}, ${machine.cores} x ${machine.cpu}; CPU microseconds of a request, medians of 15 interleaved rounds\n`,
  )
  const report = { machine, growths: {}, held: {}, overTime: [] }
  try {
    for (const name of Object.keys(growths)) {
      report.growths[name] = await measureGrowth(name, urls)
      printGrowth(name, report.growths[name])
    }
    report.held = await measureHeld(urls)
    console.log()
    for (const [name, { heapKib, outsideKib }] of Object.entries(report.held))
      console.log(`${name.padEnd(46)} ${heapKib.toFixed(1)} KiB of heap, ${outsideKib.toFixed(1)} KiB outside it`)
    report.overTime = await overTime(urls, Number(values.requests))
    console.log('\nrequests so far, CPU us of each, heap MiB')
    for (const { requests, cpuMicros, heapMib } of report.overTime)
      console.log(
        `${String(requests).padStart(9)} ${cpuMicros.toFixed(1).padStart(8)} ${heapMib.toFixed(2).padStart(8)}`,
      )
  } finally {
    server.kill()
  }
  console.log(`\nFlat: at most ${FLAT}x, or no dearer than undici.request; 1 MiB`)
  const verdicts = [
    ...Object.entries(report.growths).map(([name, rows]) => judgeGrowth(name, rows)),
    ...judgeTime(report.overTime),
  ]
  for (const { isMet, text } of verdicts) console.log(`  ${isMet ? 'met    ' : 'NOT MET'} ${text}`)
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ ...report, verdicts }, null, 2)}\n`)
  return verdicts.every(({ isMet }) => isMet) ? 0 : 1
}

process.exitCode = await main(process.argv.slice(2))
