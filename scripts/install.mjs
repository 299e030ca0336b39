// Makes sure that Node and the dependencies are what the lockfile says. Instant and offline when they are.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))
const binFolder = join(root, 'node_modules', '.bin')

/** A failure whose message is all that the reader needs: it is printed without a stack. */
export class ScriptError extends Error {}

/**
 * Runs a command from the repository's root with the installed tools on the PATH, its output shown as it comes.
 *
 * @returns the exit code; 127 if the command cannot be found.
 */
export function run(command, args, { env = {} } = {}) {
  const path = `${binFolder}${delimiter}${process.env.PATH ?? ''}`
  const result = spawnSync(command, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PATH: path, ...env },
    shell: process.platform === 'win32',
  })
  if (result.error) console.error(`Cannot run "${command}": ${result.error.message}`)
  return result.status ?? (result.error ? 127 : 1)
}

/**
 * Runs a script's main function and turns what it returns into the exit code.
 *
 * @param main - returns an exit code, or throws; a ScriptError is shown as its message alone.
 */
export async function runMain(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    console.error(error instanceof ScriptError ? `\n${error.message}` : error)
    process.exitCode = 1
  }
}

/** Folders of the workspace's packages, relative to the root; the root itself is `.`. */
export function workspaceFolders() {
  const inside = ['packages', 'examples'].flatMap((parent) =>
    existsSync(join(root, parent)) ? readdirSync(join(root, parent)).map((name) => `${parent}/${name}`) : [],
  )
  return ['.', ...inside.filter((folder) => existsSync(join(root, folder, 'package.json')))]
}

/** Reads a package.json of the workspace. */
export function readManifest(folder) {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
}

/**
 * Installs what the lockfile names, unless it is all there already.
 *
 * @throws ScriptError if Node is too old, npx is missing, or pnpm fails.
 */
export function install() {
  checkNode()
  const missing = findMissing()
  if (!missing) return
  const { packageManager } = readManifest('.')
  const args = ['install', '--frozen-lockfile', '--prefer-offline']
  console.log(`Installing dependencies with ${packageManager} (${missing})…`)
  const code = existsSync(join(binFolder, 'pnpm')) ? run('pnpm', args) : run('npx', ['--yes', packageManager, ...args])
  if (code === 0) return
  throw new ScriptError(
    code === 127
      ? 'Cannot install: npx was not found. It comes with Node; install Node from https://nodejs.org and try again.'
      : `Cannot install: ${packageManager} ended with code ${code}; its message is above.\n` +
          'The first install needs the npm registry: check the network and `npm config get registry`.\n' +
          'If it says that the lockfile is outdated, run `npx pnpm install` and commit pnpm-lock.yaml.',
  )
}

function checkNode() {
  const wanted = readManifest('.').engines.node
  const [major, minor] = wanted.match(/\d+/g).map(Number)
  const [haveMajor, haveMinor] = process.versions.node.split('.').map(Number)
  if (haveMajor > major || (haveMajor === major && haveMinor >= minor)) return
  throw new ScriptError(`Node ${wanted} is needed and this is ${process.version}: install a newer one and try again.`)
}

/** Says what is not installed, or null: pnpm keeps a copy of the lockfile of its last full install. */
function findMissing() {
  const installed = join(root, 'node_modules', '.pnpm', 'lock.yaml')
  if (!existsSync(installed)) return 'first install'
  if (readFileSync(installed, 'utf8') !== readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8'))
    return 'the lockfile changed'
  for (const folder of workspaceFolders()) {
    const { dependencies, devDependencies } = readManifest(folder)
    for (const name of Object.keys({ ...dependencies, ...devDependencies })) {
      if (!existsSync(join(root, folder, 'node_modules', name))) return `${name} is missing in ${folder}`
    }
  }
  return null
}
