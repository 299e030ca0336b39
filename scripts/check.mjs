// `pnpm check`: format, lint, types, unused code, packages, and what a request costs. All of them run; the failures are listed at the end.
import { install, run, runMain } from './install.mjs'

const node = process.execPath
const checks = [
  { name: 'format', command: ['oxfmt', '--check'], fix: ['oxfmt'] },
  // Before lint: rules that need types find the packages' in dist.
  { name: 'build and types', command: ['tsc', '-b'] },
  { name: 'lint', command: ['oxlint', '--deny-warnings'], fix: ['oxlint', '--deny-warnings', '--fix'] },
  { name: 'unused code', command: ['knip', '--no-config-hints'] },
  { name: 'packages', command: [node, 'scripts/check-packages.mjs'] },
  { name: 'cost of a request', command: [node, '--expose-gc', '--no-warnings', 'benchmarks/core/guard.mjs'] },
]

function main(args) {
  install()
  const results = checks.map((check) => runCheck(check, args.includes('--fix')))
  const failed = results.filter(({ passed }) => !passed)
  console.log('')
  for (const { name, passed, seconds } of results) console.log(`${passed ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`)
  if (failed.length === 0) return 0
  console.log(`\n${failed.length} of ${results.length} checks failed; each says why above.`)
  if (!args.includes('--fix')) console.log('`pnpm check --fix` formats, and mends what the linter can.')
  return 1
}

function runCheck({ name, command, fix }, fixing) {
  console.log(`\n== ${name}`)
  const started = performance.now()
  const [program, ...args] = (fixing && fix) || command
  const passed = run(program, args) === 0
  return { name, passed, seconds: ((performance.now() - started) / 1000).toFixed(1) }
}

await runMain(() => main(process.argv.slice(2)))
