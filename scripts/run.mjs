// `npm start`, `npm test`, `pnpm bench` and others: install what is missing, build, then run the tour, the tests or the benchmarks.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { install, root, run, runMain, ScriptError, workspaceFolders } from './install.mjs'

const inCI = process.env.CI === 'true'
const summaryFile = join(root, '.cache', 'test-summary.json')

/** Programs that need nothing but the built packages, with what Node is told. */
const programs = new Map([
  ['start', [join('examples', 'tour', 'tour.mjs')]],
  ['bench', [join('benchmarks', 'run.mjs')]],
  ['soak', ['--expose-gc', join('benchmarks', 'soak', 'run.mjs')]],
])

async function main([command, ...args]) {
  const commands = [...programs.keys(), 'test', 'build']
  if (!commands.includes(command)) {
    throw new ScriptError(`Usage: node scripts/run.mjs ${commands.join('|')} [arguments]`)
  }
  install()
  if (command === 'test' && inCI) {
    installDebianPackages()
    unpackDebianPackages()
  }
  build()
  if (command === 'build') return 0
  return command === 'test' ? runTests(args) : runProgram(programs.get(command), args)
}

/** Compiles the packages alone: a test that does not type-check keeps nobody from the tour. */
function build() {
  console.log('Building…')
  const folders = workspaceFolders().filter((folder) => folder !== '.')
  const packages = folders.filter((folder) => existsSync(join(root, folder, 'tsconfig.json')))
  if (run('tsc', ['-b', ...packages]) !== 0) throw new ScriptError('The build failed: tsc says why above.')
}

function runProgram(call, args) {
  const program = call.at(-1)
  if (!existsSync(join(root, program))) throw new ScriptError(`Cannot start: ${program} does not exist.`)
  return run(process.execPath, [...call, ...args])
}

/** In CI no test may be skipped, so what the tests need is installed; elsewhere they use what they find. */
function installDebianPackages() {
  installAll(namesIn('debian-packages.txt'), 'lab/debian-packages.txt')
}

function installAll(names, list) {
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
    `Cannot install the Debian packages ${missing.join(', ')} (${list}): apt-get ended with code ${code}.\n` +
      'With CI=true they are required: run on Debian or Ubuntu as root, or with sudo that asks no password.\n' +
      'Without CI=true the tests that need them are skipped.',
  )
}

function namesIn(list) {
  const lines = readFileSync(join(root, 'lab', list), 'utf8').split('\n')
  return lines.map((line) => line.replace(/#.*/, '').trim()).filter(Boolean)
}

/** Packages that cannot be installed beside others are unpacked where the tests look for them. */
function unpackDebianPackages() {
  const target = join(root, '.cache', 'debian-root')
  const done = join(target, '.unpacked')
  const missing = namesIn('unpacked-debian-packages.txt').filter((name) => !existsSync(join(done, name)))
  if (missing.length === 0) return
  console.log(`Unpacking Debian packages: ${missing.join(' ')}…`)
  const folder = join(root, '.cache', 'debs')
  rmSync(folder, { recursive: true, force: true })
  for (const needed of [folder, done]) mkdirSync(needed, { recursive: true })
  const download = spawnSync('apt-get', ['download', '-qq', ...missing], { cwd: folder, stdio: 'inherit' })
  const files = readdirSync(folder)
  installAll([...new Set(files.flatMap((file) => librariesOf(join(folder, file))))], 'lab/unpacked-debian-packages.txt')
  const isUnpacked = files.every((file) => spawnSync('dpkg', ['-x', join(folder, file), target]).status === 0)
  if (download.status !== 0 || files.length < missing.length || !isUnpacked)
    throw new ScriptError(`Cannot unpack the Debian packages ${missing.join(', ')} (lab/unpacked-debian-packages.txt).`)
  for (const name of missing) writeFileSync(join(done, name), '')
}

/** The libraries that a package depends on; of alternatives the first. */
function librariesOf(file) {
  const { stdout } = spawnSync('dpkg-deb', ['-f', file, 'Depends'], { encoding: 'utf8' })
  const names = stdout.split(',').map((dependency) => dependency.trim().split(/[ :(|]/, 1)[0])
  return names.filter((name) => name.startsWith('lib'))
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
