import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const root = join(import.meta.dirname, '..', '..', '..')
/** npm takes what it has seen before, so that all of this works without a network the second time. */
const QUIETLY = ['--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']

/**
 * Runs a program outside the workspace.
 *
 * @returns what it printed on both streams.
 * @throws Error with what it printed, if it ends with another code than 0.
 */
export async function runIn(folder: string, command: string, args: readonly string[], input = ''): Promise<string> {
  const { NODE_OPTIONS: _ours, NODE_PATH: _workspace, VITEST: _runner, ...rest } = process.env
  // Whatever the machine's npm or this runner say about themselves is not the plugin's business.
  const foreign = /^(npm_|VITEST|NODE_ENV$|TEST$|FORCE_COLOR$)/
  const env = Object.fromEntries(Object.entries(rest).filter(([name]) => !foreign.test(name)))
  const running = execute(command, args, {
    cwd: folder,
    env: { ...env, NO_COLOR: '1', NODE_NO_WARNINGS: '1' },
    timeout: 240_000,
  })
  running.child.stdin?.end(input)
  try {
    const { stdout, stderr } = await running
    return stdout + stderr
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed in ${folder}:\n${stdout}\n${stderr}`, { cause: error })
  }
}

/** Packs a package of this workspace as for the registry; gives the tarball. */
export async function packWorkspace(name: string, destination: string): Promise<string> {
  const folder = join(root, 'packages', name)
  if (!existsSync(join(folder, 'dist'))) throw new Error(`packages/${name}/dist is missing: run \`pnpm build\` first`)
  const pnpm = join(root, 'node_modules', '.bin', 'pnpm')
  const { stdout } = await execute(pnpm, ['--dir', folder, 'pack', '--json', '--pack-destination', destination])
  return (JSON.parse(stdout) as { filename: string }).filename
}

/** Installs a package's dependencies, with these tarballs in place of what the registry would give. */
export async function install(folder: string, tarballs: readonly string[]): Promise<void> {
  const overrides = { undici: await workspaceVersion('undici'), 'tough-cookie': await workspaceVersion('tough-cookie') }
  const path = join(folder, 'package.json')
  const original = await readFile(path, 'utf8')
  await writeFile(path, JSON.stringify({ ...(JSON.parse(original) as object), overrides }))
  await runIn(folder, 'npm', ['install', '--no-save', ...QUIETLY, ...tarballs])
  await writeFile(path, original)
}

/** The workspace's own versions are in npm's cache. */
async function workspaceVersion(name: string): Promise<string> {
  const manifest = await readFile(join(root, 'packages', 'core', 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

/** One change to one file: whole lines, found and put in their place. */
export interface Edit {
  readonly file: string
  /** What stands there, or begins there; the new lines come before it if `before` is said. */
  readonly find: string
  readonly replacement: readonly string[]
  readonly before?: boolean
}

/** Applies edits as an editor would. @returns how many lines were written. */
export async function edit(folder: string, edits: readonly Edit[]): Promise<number> {
  let written = 0
  for (const { file, find, replacement, before = false } of edits) {
    const path = join(folder, file)
    const text = await readFile(path, 'utf8')
    if (text.split(find).length !== 2) throw new Error(`${file} does not have this once: ${find}`)
    const lines = replacement.join('\n')
    await writeFile(
      path,
      text.replace(find, () => (before ? `${lines}\n${find}` : lines)),
    )
    written += replacement.length
  }
  return written
}
