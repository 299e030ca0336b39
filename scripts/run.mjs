// `npm start`, `npm test` and `pnpm build`: install what is missing, build, then run the tour or the tests.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { install, root, run, runMain, ScriptError, workspaceFolders } from './install.mjs'

const inCI = process.env.CI === 'true'
const summaryFile = join(root, '.cache', 'test-summary.json')

async function main([command, ...args]) {
  if (!['start', 'test', 'build'].includes(command)) {
    throw new ScriptError('Usage: node scripts/run.mjs start|test|build [arguments]')
  }
  install()
  if (command === 'test' && inCI) installDebianPackages()
  build()
  if (command === 'build') return 0
  return command === 'start' ? startTour(args) : runTests(args)
}

/** Compiles the packages alone: a test that does not type-check keeps nobody from the tour. */
function build() {
  console.log('Building…')
  const folders = workspaceFolders().filter((folder) => folder !== '.')
  const packages = folders.filter((folder) => existsSync(join(root, folder, 'tsconfig.json')))
  if (run('tsc', ['-b', ...packages]) !== 0) throw new ScriptError('The build failed: tsc says why above.')
}

function startTour(args) {
  const tour = join('examples', 'tour', 'tour.mjs')
  if (!existsSync(join(root, tour))) throw new ScriptError(`Cannot start: ${tour} does not exist.`)
  return run(process.execPath, [tour, ...args])
}

/** In CI no test may be skipped, so what the tests need is installed; elsewhere they use what they find. */
function installDebianPackages() {
  const list = join(root, 'lab', 'debian-packages.txt')
  const names = readFileSync(list, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter(Boolean)
  const missing = names.filter((name) => !isInstalled(name))
  if (missing.length === 0) return
  console.log(`Installing Debian packages: ${missing.join(' ')}…`)
  // RUNLEVEL=1: the servers are the tests' to start, not the system's. sudo drops the environment, env sets it.
  const apt = ['env', 'DEBIAN_FRONTEND=noninteractive', 'RUNLEVEL=1', 'apt-get']
  const [command, ...prefix] = process.getuid?.() === 0 ? apt : ['sudo', '-n', ...apt]
  run(command, [...prefix, 'update', '-qq']) // a stale list may still do
  const code = run(command, [...prefix, 'install', '-y', '-qq', '--no-install-recommends', ...missing])
  if (code === 0) return
  throw new ScriptError(
    `Cannot install the Debian packages ${missing.join(', ')} (lab/debian-packages.txt): apt-get ended with code ${code}.\n` +
      'With CI=true they are required: run on Debian or Ubuntu as root, or with sudo that asks no password.\n' +
      'Without CI=true the tests that need them are skipped.',
  )
}

function isInstalled(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f=${db:Status-Status}', name], { encoding: 'utf8' })
  return stdout === 'installed'
}

function runTests(args) {
  rmSync(summaryFile, { force: true })
  const reporters = ['--reporter=default', '--reporter=./scripts/test-reporter.mjs']
  const code = run('vitest', ['run', ...reporters, ...args], { env: { ENTREAT_TEST_SUMMARY: summaryFile } })
  if (!existsSync(summaryFile)) throw new ScriptError('vitest ended without a summary: its message is above.')
  const { passed, failed, skipped } = JSON.parse(readFileSync(summaryFile, 'utf8'))
  const problems = findProblems({ code, passed, failed, skipped })
  const filtered = args.some((arg) => arg.startsWith('-t') || arg.startsWith('--testNamePattern'))
  if (skipped.length > 0 && !filtered) printSkipped(skipped)
  for (const problem of problems) console.log(problem)
  console.log(`${passed} passed, ${failed.length} failed, ${skipped.length} skipped`)
  return problems.length > 0 ? 1 : 0
}

function printSkipped(skipped) {
  console.log('Skipped:')
  for (const { file, name, note } of skipped) console.log(`  ${file} > ${name}: ${note ?? 'no reason given'}`)
  console.log('')
}

function findProblems({ code, passed, failed, skipped }) {
  const problems = failed.map(({ file, name }) => `FAILED ${file} > ${name}`)
  if (code !== 0 && failed.length === 0) problems.push(`FAILED vitest ended with code ${code}: its message is above.`)
  if (passed + failed.length === 0) problems.push('FAILED no test ran.')
  if (inCI && skipped.length > 0) problems.push('FAILED with CI=true no test may be skipped: they are named above.')
  return problems
}

await runMain(() => main(process.argv.slice(2)))
