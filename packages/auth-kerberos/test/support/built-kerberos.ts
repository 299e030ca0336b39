import { execFile, execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, realpathSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { KerberosModule } from '../../src/provider/kerberos-provider.ts'

const root = fileURLToPath(new URL('../../../../', import.meta.url))
const require = createRequire(import.meta.url)

/** The package `kerberos` with its native part, which no install builds here. */
export async function builtKerberos(): Promise<KerberosModule> {
  return require(await kerberosFolder()) as KerberosModule
}

/**
 * Where it is: built once, into the workspace's cache.
 *
 * @throws Error with the compiler's output.
 */
export async function kerberosFolder(): Promise<string> {
  const { version } = require('kerberos/package.json') as { version: string }
  const folder = join(root, '.cache', `kerberos-${version}-napi-${process.platform}-${process.arch}`)
  if (!existsSync(folder)) await build(folder)
  return join(folder, 'node_modules', 'kerberos')
}

/** Why it cannot be built here, or `null`. */
export function buildProblem(): string | null {
  if (nodeGyp() === null) return 'npm, whose node-gyp builds the package kerberos, is not on the PATH'
  if (!existsSync('/usr/include/gssapi/gssapi.h')) return 'libkrb5-dev is not installed'
  for (const command of ['make', 'g++', 'python3']) {
    if (!isOnPath(command)) return `${command}, which builds the package kerberos, is not installed`
  }
  return null
}

/** Builds beside the place, and moves it there when it is whole. */
async function build(folder: string): Promise<void> {
  const making = `${folder}.${process.pid}`
  const source = dirname(require.resolve('kerberos/package.json'))
  const api = dirname(createRequire(realpathSync(join(source, 'package.json'))).resolve('node-addon-api/package.json'))
  mkdirSync(join(making, 'node_modules'), { recursive: true })
  cpSync(source, join(making, 'node_modules', 'kerberos'), { recursive: true, dereference: true })
  cpSync(api, join(making, 'node_modules', 'node-addon-api'), { recursive: true, dereference: true })
  const prefix = join(dirname(process.execPath), '..')
  const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? ['--nodedir', prefix] : []
  const cwd = join(making, 'node_modules', 'kerberos')
  await promisify(execFile)(process.execPath, [nodeGyp() ?? '', 'rebuild', ...headers], { cwd })
  try {
    renameSync(making, folder)
  } catch (error) {
    // Another process was faster.
    if (!existsSync(folder)) throw error
    rmSync(making, { recursive: true })
  }
}

function nodeGyp(): string | null {
  try {
    const npm = realpathSync(execFileSync('sh', ['-c', 'command -v npm'], { encoding: 'utf8' }).trim())
    const path = join(dirname(npm), '..', 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')
    return existsSync(path) ? path : null
  } catch {
    return null
  }
}

function isOnPath(command: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${command}`], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
