// `pnpm bench auth [--rounds 3] [--json file]`: Kerberos and NTLM clients side by side, on the servers of lab/kerberos-ntlm.
//
// Each client makes 1 request, 20 in turn, and 80 and 800 with 8 at once, each in a process of its own that has warmed up with
// requests that need no credentials. Round trips and connections are what the server's log has; CPU is what the
// client's process used, user and system, for each request that was let in. Rounds are interleaved; counts are of the worst round, CPU is the median.
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs, promisify } from 'node:util'
import { loadLab } from '../../lab/kerberos-ntlm/load-lab.mjs'
import { contenders, findProblem } from './contenders.mjs'

const workloads = [
  { name: '1', count: 1, workers: 1 },
  { name: '20 in turn', count: 20, workers: 1 },
  { name: '80, 8 at once', count: 80, workers: 8 },
  { name: '800, 8 at once', count: 800, workers: 8 },
]
const LIMIT_MS = 120_000

/** @returns {Promise<number>} the exit code. */
export async function runAuthBenchmark(args) {
  const { values } = parseArgs({
    args,
    options: { rounds: { type: 'string', default: '3' }, json: { type: 'string' } },
  })
  const { startLab, labProblem, labDomain, labUsers } = await loadLab()
  const needs = { kdc: true, apache: true }
  const problem = labProblem(needs)
  if (problem !== null) {
    console.log(`Nothing to measure: ${problem}`)
    return 1
  }
  const lab = await startLab(needs)
  try {
    const skipped = []
    const able = []
    for (const contender of contenders) {
      const reason = await findProblem(contender)
      if (reason === null) able.push(contender)
      else skipped.push({ name: contender.name, reason })
    }
    const user = { username: `${labDomain}\\${labUsers.alice.name}`, password: labUsers.alice.password }
    const results = await measureAll(lab, able, user, Number(values.rounds))
    printTable(results)
    for (const { name, reason } of skipped) console.log(`skipped  ${name}: ${reason}`)
    const report = { node: process.version, rounds: Number(values.rounds), results, skipped }
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`)
    return 0
  } finally {
    await lab.stop()
  }
}

async function measureAll(lab, able, user, rounds) {
  const cells = able.flatMap((contender) => workloads.map((workload) => ({ contender, workload, runs: [] })))
  for (let round = 1; round <= rounds; round += 1) {
    process.stderr.write(`round ${round} of ${rounds}\n`)
    for (const cell of cells) cell.runs.push(await measure(lab, cell, user))
  }
  return cells.map(({ contender, workload, runs }) => ({
    scheme: contender.scheme,
    client: contender.name,
    workload: workload.name,
    requests: workload.count,
    roundTrips: Math.max(...runs.map((run) => run.roundTrips)),
    connections: Math.max(...runs.map((run) => run.connections)),
    failures: Math.max(...runs.map((run) => run.failures)),
    cpuMicros: median(runs.map((run) => run.cpuMicros)),
    runs,
  }))
}

async function measure(lab, { contender, workload }, user) {
  await lab.apache.log.clear()
  const path = `/${contender.scheme === 'Kerberos' ? 'krb' : 'ntlm'}/echo`
  const task = {
    client: contender.client,
    url: lab.apache.url + path,
    warmUpUrl: `${lab.apache.url}/open/echo`,
    ...user,
    count: workload.count,
    workers: workload.workers,
  }
  const outcome = await runClient(lab, contender.program, task)
  const rows = await lab.apache.log.requests()
  const own = rows.filter((row) => row.path === path)
  return {
    roundTrips: own.length,
    connections: new Set(own.map((row) => row.connection)).size,
    failures: workload.count - outcome.accepted,
    causes: outcome.causes,
    cpuMicros: outcome.accepted === 0 ? Number.NaN : outcome.cpuMicros / outcome.accepted,
  }
}

/** A client that crashes or hangs has failed with all its requests. */
async function runClient(lab, [command, ...args], task) {
  const legacy = join(lab.folder, 'openssl-legacy.cnf')
  const providers = 'providers = list\n[list]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n'
  writeFileSync(legacy, `openssl_conf = main\n[main]\n${providers}`)
  const env = { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', ...lab.clientEnv('alice') }
  // Debian's requests-ntlm takes MD4 from OpenSSL, where it is off; Node's clients must do without.
  if (command.includes('python')) env.OPENSSL_CONF = legacy
  try {
    const { stdout } = await promisify(execFile)(command, [...args, JSON.stringify(task)], { env, timeout: LIMIT_MS })
    return JSON.parse(stdout)
  } catch (error) {
    const cause = error.signal ?? `exit code ${error.code}`
    return { accepted: 0, causes: { [`the process ended with ${cause}`]: task.count }, cpuMicros: Number.NaN }
  }
}

function median(numbers) {
  const sorted = numbers.filter((number) => !Number.isNaN(number)).toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? null
}

function printTable(results) {
  const columns = ['scheme', 'client', 'requests', 'round trips', 'connections', 'failures', 'CPU us/answer']
  const rows = results.map((result) => [
    result.scheme,
    result.client,
    result.workload,
    String(result.roundTrips),
    String(result.connections),
    result.failures === 0 ? '0' : `${result.failures}  ${mostFrequent(result.runs)}`,
    result.cpuMicros === null ? '-' : String(Math.round(result.cpuMicros)),
  ])
  const widths = columns.map((title, index) => Math.max(title.length, ...rows.map((row) => row[index].length)))
  for (const row of [columns, ...rows]) console.log(row.map((text, index) => text.padEnd(widths[index])).join('  '))
  console.log('')
}

function mostFrequent(runs) {
  const causes = runs.flatMap((run) => Object.entries(run.causes))
  return causes.toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? ''
}
