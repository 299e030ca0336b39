// Benchmarks, as ratios to peers in one run.
//
//   pnpm bench [--quick] [--scenario TEXT] [--json FILE]     a Session beside undici, got, axios and others: see core/run-core.mjs
//   pnpm bench scaling [--requests 100000]                   what grows with what: see core/scaling.mjs
//   pnpm bench auth [--rounds 3] [--json FILE]               Kerberos and NTLM: see auth/run-auth.mjs
//   pnpm bench toolbelt [--mib 1024] [--urls 10000]          memory of what is streamed: see toolbelt.mjs
//   pnpm bench http2 [--requests 10000] [--rounds 5]         requests that share a connection: see http2.mjs
//   pnpm bench ftp [--mebibytes 1024] [--rounds 5] [--tls]   a large file beside curl and basic-ftp: see ftp.mjs
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { runAuthBenchmark } from './auth/run-auth.mjs'

/** Runs a script beside this one in a process of its own. */
function runScript(name, args) {
  const script = fileURLToPath(new URL(name, import.meta.url))
  return spawnSync(process.execPath, ['--expose-gc', script, ...args], { stdio: 'inherit' }).status ?? 1
}

const [command, ...rest] = process.argv.slice(2)
if (command === 'auth') process.exitCode = await runAuthBenchmark(rest)
else if (command === 'toolbelt') process.exitCode = runScript('toolbelt.mjs', rest)
else if (command === 'http2') process.exitCode = runScript('http2.mjs', rest)
else if (command === 'ftp') process.exitCode = runScript('ftp.mjs', rest)
else if (command === 'scaling') process.exitCode = runScript('core/scaling.mjs', rest)
else process.exitCode = runScript('core/run-core.mjs', process.argv.slice(2))
