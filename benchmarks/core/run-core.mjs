// The main benchmark: a Session beside the clients that people use, scenario by scenario.
//
//   pnpm bench [--quick] [--scenario TEXT] [--rounds 7] [--json FILE]
//
// Under ten minutes on two idle cores. With --quick under one: fewer and shorter rounds of what matters most, good for a look and not for a claim.
// Exits 1 if a line of the budget is not met.
import { execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { judge } from './budget.mjs'
import { clients } from './clients.mjs'
import { compare, median } from './measure.mjs'
import { runPythonRequests } from './python.mjs'
import { printBudget, printJobs, printScenario } from './report.mjs'
import { scenarios } from './scenarios.mjs'

const execute = promisify(execFile)
const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const say = (text) => process.stderr.write(`${text}\n`)

async function startServer() {
  const server = fork(here('server.mjs'))
  const [urls] = await once(server, 'message')
  return { urls, stop: () => server.kill() }
}

/** What a client takes at the very most for a round. One that waits for its own connections would never end. */
const LONGEST_MS = 30_000

/** A client in a process of its own; `null` if it cannot do what is asked. */
async function startWorker(name, scenario, urls) {
  const worker = fork(here('worker.mjs'), [name, scenario.name], { execArgv: ['--no-warnings'] })
  const ask = async (message) => {
    worker.send(message)
    try {
      const [answer] = await once(worker, 'message', { signal: AbortSignal.timeout(LONGEST_MS) })
      return answer
    } catch (error) {
      worker.kill()
      throw new Error(`${name} did not end "${scenario.name}" within ${LONGEST_MS} ms`, { cause: error })
    }
  }
  const close = async () => {
    worker.send({ close: true })
    await once(worker, 'exit')
  }
  const { canRun } = await ask({ urls })
  const round = async (ms) => (await ask({ ms })).round
  const weigh = async (weighMs) => (await ask({ weighMs })).weights
  if (canRun) return { name, round, weigh, close }
  await close()
  return null
}

/** One scenario with every client that can do it. */
async function runScenario(scenario, urls, { rounds, ms, warmMs, isQuick }) {
  const { name, inFlight, without = [] } = scenario
  const only = (isQuick && scenario.quickly) || scenario.only
  const names = Object.keys(clients).filter((client) => !without.includes(client) && (only?.includes(client) ?? true))
  const workers = await Promise.all(names.map((client) => startWorker(client, scenario, urls)))
  const contenders = workers.filter((worker) => worker !== null)
  const results = await compare(contenders, { ms, rounds, warmMs })
  for (const [index, { weigh, close }] of contenders.entries()) {
    Object.assign(results[index], await weigh(ms))
    await close()
  }
  return { name, inFlight, rounds, ms, results }
}

/** What is measured in processes of their own: which job, for whom, how often. */
const jobs = [
  {
    name: 'download',
    title: 'download',
    isQuick: true,
    isBudget: true,
    peers: ['entreat', 'undici.stream', 'undici.request', 'node:http', 'got'],
    rounds: 3,
  },
  {
    name: 'upload',
    title: 'upload',
    isQuick: true,
    peers: ['entreat', 'undici.stream', 'node:http', 'got'],
    rounds: 3,
  },
  { name: 'form', title: 'multipart', isQuick: true, peers: ['entreat'], rounds: 1 },
  {
    name: 'slowDownload',
    job: 'download',
    title: 'download by a slow reader',
    isQuick: true,
    peers: ['entreat', 'undici.stream'],
    rounds: 1,
    size: 1 / 8,
    slowMs: 1,
  },
  { name: 'lines', title: 'lines of 100 bytes', peers: ['entreat', 'undici.request'], rounds: 1 },
  {
    name: 'oneShot',
    title: 'one-shot functions: a connection for every request',
    peers: ['entreat', 'undici.request', 'node:http', 'got'],
    rounds: 3,
  },
  {
    name: 'tls',
    title: 'a new TLS connection for every request',
    peers: ['entreat', 'undici.request', 'node:http', 'got'],
    rounds: 3,
  },
  {
    name: 'cold',
    title: 'cold start',
    peers: ['entreat', 'undici.request', 'node:http', 'got', 'axios', 'ky', 'node-fetch', 'superagent', 'needle'],
    rounds: 3,
  },
]

/** Those that the budget names for transfers. */
const budgetPeers = new Set(['entreat', 'undici.stream'])
/** A transfer takes half a second and keeps two processes busy, so that one says little: the budget's are repeated until the median is steady. */
const BUDGET_ROUNDS = 15
const QUICK_ROUNDS = 3

/**
 * glibc keeps what was freed, for every client alike. Else it gives the memory of collected buffers back to the kernel and takes it again, 10,000 pages or
 * 100,000 in a gibibyte, by the luck of what lies at the end of a heap: up to half the time of a transfer, and the same client is twice as fast in one process
 * as in the next.
 */
const KEEPS_FREED = { MALLOC_TRIM_THRESHOLD_: String(256 * 1024 * 1024), MALLOC_TOP_PAD_: String(64 * 1024 * 1024) }

async function runJob(job, urls, { mib, isQuick }) {
  const { name, peers: all, rounds, size = 1, slowMs = 0 } = job
  const peers = isQuick ? all.filter((peer) => budgetPeers.has(peer)) : all
  const runs = Object.fromEntries(peers.map((peer) => [peer, []]))
  const what = JSON.stringify({ ...urls, mib: mib * size, slowMs })
  // What a slow reader makes a client hold is a question of memory alone.
  const env = slowMs > 0 ? process.env : { ...process.env, ...KEEPS_FREED }
  const most = isQuick ? QUICK_ROUNDS : BUDGET_ROUNDS
  const roundsOf = (peer) => (job.isBudget && budgetPeers.has(peer) ? most : rounds)
  for (let round = 0; round < most; round++) {
    for (const peer of peers.filter((one) => round < roundsOf(one))) {
      const args = ['--expose-gc', here('job.mjs'), job.job ?? name, peer, what]
      const { stdout } = await execute(process.execPath, args, { env })
      runs[peer].push(JSON.parse(stdout))
    }
  }
  return Object.fromEntries(peers.map((peer) => [peer, { ...mediansOf(runs[peer]), runs: runs[peer] }]))
}

function mediansOf(runs) {
  return Object.fromEntries(Object.keys(runs[0]).map((key) => [key, median(runs.map((run) => run[key]))]))
}

async function main(args) {
  const { values } = parseArgs({
    args,
    options: {
      quick: { type: 'boolean', default: false },
      scenario: { type: 'string', default: '' },
      rounds: { type: 'string' },
      json: { type: 'string' },
    },
  })
  const isQuick = values.quick
  const rounds = Number(values.rounds ?? (isQuick ? 5 : 7))
  const pace = { rounds, ms: isQuick ? 100 : 200, warmMs: 750, mib: 1024, isQuick }
  const machine = { node: process.version, cpu: cpus()[0].model, cores: cpus().length }
  console.log(
    `Node ${machine.node}, ${machine.cores} x ${machine.cpu}; medians of ${rounds} interleaved rounds, a process for each client\n`,
  )
  const { urls, stop } = await startServer()
  const report = { machine, scenarios: [], transfers: {}, python: null }
  const isWanted = ({ name, title = name, isQuick: inQuick = false }) =>
    title.includes(values.scenario) && (!isQuick || inQuick)
  try {
    for (const scenario of scenarios.filter(isWanted)) {
      say(scenario.name)
      const result = await runScenario(scenario, urls, pace)
      report.scenarios.push(result)
      printScenario(result)
    }
    report.python = await runPythonRequests(`${urls.http}/json`)
    for (const job of jobs.filter(isWanted)) {
      say(job.title)
      report.transfers[job.name] = await runJob(job, urls, pace)
      printJobs(job.title, report.transfers[job.name], { mib: pace.mib * (job.size ?? 1) })
    }
  } finally {
    stop()
  }
  const lines = judge(report).filter(({ value }) => value !== null || values.scenario === '')
  printBudget(lines, report.python, report.scenarios)
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ ...report, budget: lines }, null, 2)}\n`)
  return values.scenario === '' && lines.some(({ isMet }) => !isMet) ? 1 : 0
}

process.exitCode = await main(process.argv.slice(2))
