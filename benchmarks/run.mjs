// CPU per request of a Session against the engine it stands on and Node's own clients, as ratios in one run.
//
//   pnpm bench [--requests 4000] [--rounds 5] [--json file]
//   pnpm bench auth [--rounds 3] [--json file]               Kerberos and NTLM: see auth/run-auth.mjs
//   pnpm bench toolbelt [--mib 1024] [--urls 10000]          memory of what is streamed: see toolbelt.mjs
//   pnpm bench ftp [--mebibytes 1024] [--rounds 3]           a large file beside curl and basic-ftp: see ftp.mjs
//   pnpm bench http2 [--requests 10000] [--rounds 5]         requests that share a connection: see http2.mjs
//
// A server in its own process answers 1 KB of JSON. Each client keeps 32 requests in flight over keep-alive connections. Rounds are interleaved and
// the median is taken, so that whatever else the machine does falls on everybody.
import { fork, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runAuthBenchmark } from './auth/run-auth.mjs'
import { clients } from './clients.mjs'

const IN_FLIGHT = 32

async function startServer() {
  const server = fork(fileURLToPath(new URL('server.mjs', import.meta.url)))
  const [{ url }] = await once(server, 'message')
  return { url, stop: () => server.kill() }
}

/** CPU microseconds a request, with `IN_FLIGHT` at once. */
async function measure(get, count) {
  let left = count
  const worker = async () => {
    while (left-- > 0) await get()
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker))
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)]
}

async function runGetBenchmark(args) {
  const { values } = parseArgs({
    args,
    options: {
      requests: { type: 'string', default: '4000' },
      rounds: { type: 'string', default: '5' },
      json: { type: 'string' },
    },
  })
  const requests = Number(values.requests)
  const rounds = Number(values.rounds)
  const server = await startServer()
  const contenders = await Promise.all(
    clients.map(async (client) => ({ name: client.name, ...(await client.open(server.url)), runs: [] })),
  )
  for (const contender of contenders) await measure(contender.get, Math.min(requests, 1000))
  for (let round = 1; round <= rounds; round++) {
    process.stderr.write(`round ${round} of ${rounds}\n`)
    for (const contender of contenders) contender.runs.push(await measure(contender.get, requests))
  }
  const results = contenders.map(({ name, runs }) => ({ name, cpuMicros: median(runs), runs }))
  const base = results.find(({ name }) => name === 'undici.request').cpuMicros
  console.log(
    `GET, 1 KB of JSON, ${IN_FLIGHT} in flight, ${requests} requests x ${rounds} rounds, Node ${process.version}\n`,
  )
  for (const { name, cpuMicros } of results) {
    console.log(
      `${name.padEnd(32)} ${cpuMicros.toFixed(1).padStart(7)} us   ${(cpuMicros / base).toFixed(2)}x undici.request`,
    )
  }
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ node: process.version, requests, rounds, results }, null, 2)}\n`)
  for (const contender of contenders) await contender.close()
  server.stop()
}

/** Runs a script beside this one in a process of its own. */
function runScript(name, args) {
  const script = fileURLToPath(new URL(name, import.meta.url))
  return spawnSync(process.execPath, [script, ...args], { stdio: 'inherit' }).status ?? 1
}

const [command, ...rest] = process.argv.slice(2)
if (command === 'auth') process.exitCode = await runAuthBenchmark(rest)
else if (command === 'toolbelt') process.exitCode = runScript('toolbelt.mjs', rest)
else if (command === 'http2') process.exitCode = runScript('http2.mjs', rest)
else if (command === 'ftp') process.exitCode = runScript('ftp.mjs', rest)
else await runGetBenchmark(process.argv.slice(2))
