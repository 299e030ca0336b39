import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, test } from 'vitest'

// Each tarball beside core and nothing else, as an ES module and by require(), on every line of Node that is supported.

const execute = promisify(execFile)
const root = join(import.meta.dirname, '..', '..', '..', '..')
/** npm has Node's own binaries, a package for each platform: the newest of each line, and the floor. */
const NODES = ['20.19.0', '20.20.2', '22.23.3', '24.21.0', '26.10.0']
const PLATFORM = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
/** Kept between runs: each is 100 MB or more. */
const binaries = join(root, '.cache', 'node-versions')
const INSTALL = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error']

let folder: string
let names: string[]

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'entreat-alone-'))
  names = await readdir(join(root, 'packages'))
  const tarballs = new Map<string, string>()
  for (const name of names) tarballs.set(name, await pack(name))
  const core = tarballs.get('core') as string
  for (const [name, tarball] of tarballs) await install(name, name === 'core' ? [core] : [core, tarball])
}, 600_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

test('installs with nothing of this workspace but core', { timeout: 60_000 }, async () => {
  for (const name of names) {
    const installed = await readdir(join(folder, name, 'node_modules', '@entreat'))
    expect(installed.toSorted()).toEqual([...new Set(['core', name])].toSorted())
  }
})

test.for(NODES)('works on Node %s, by import and by require()', { timeout: 240_000 }, async (version, ctx) => {
  const node = await findNode(version).catch((error: unknown) => String(error))
  if (!existsSync(node)) {
    if (process.env['CI'] === 'true') throw new Error(`${PLATFORM}@${version} cannot be installed: ${node}`)
    return ctx.skip(`${PLATFORM}@${version} cannot be installed: ${node.slice(0, 200)}`)
  }
  for (const name of names) {
    const { stdout } = await run(node, [join(folder, name, 'smoke.mjs')], join(folder, name))
    expect(stdout).toBe(`${name} ok on v${version}\n`)
  }
})

/** Every entry both ways, and one request by core. */
const SMOKE = `
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import * as core from '@entreat/core'

const name = process.argv[1].split(/[\\\\/]/).at(-2)
const require = createRequire(import.meta.url)
const { exports } = JSON.parse(readFileSync('./node_modules/@entreat/' + name + '/package.json', 'utf8'))
for (const path of Object.keys(exports).filter((path) => path !== './package.json')) {
  const id = '@entreat/' + name + path.slice(1)
  const [imported, required] = [await import(id), require(id)]
  for (const key of Object.keys(imported)) if (imported[key] !== required[key]) throw new Error(id + ': ' + key + ' is not one')
  if (Object.keys(imported).length === 0) throw new Error(id + ' is empty')
}
const server = createServer((request, response) => response.end(request.headers.authorization))
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const session = new core.Session({ trustEnv: false, auth: new core.BearerAuth('abc') })
const response = await session.get('http://127.0.0.1:' + server.address().port)
if (response.text !== 'Bearer abc') throw new Error('unexpected answer: ' + response.text)
await session.close()
server.close()
console.log(name + ' ok on ' + process.version)
`

async function install(name: string, tarballs: readonly string[]): Promise<void> {
  const project = join(folder, name)
  await mkdir(project)
  const core = join(root, 'packages', 'core', 'node_modules')
  const overrides = { undici: await versionIn(core, 'undici'), 'tough-cookie': await versionIn(core, 'tough-cookie') }
  await writeFile(join(project, 'package.json'), JSON.stringify({ name: 'alone', private: true, overrides }))
  await writeFile(join(project, 'smoke.mjs'), SMOKE)
  await run('npm', ['install', ...INSTALL, '--prefix', project, ...tarballs], project)
}

async function pack(name: string): Promise<string> {
  const source = join(root, 'packages', name)
  if (!existsSync(join(source, 'dist'))) throw new Error(`packages/${name}/dist is missing: run \`pnpm build\` first`)
  const pnpm = join(root, 'node_modules', '.bin', 'pnpm')
  const { stdout } = await run(pnpm, ['--dir', source, 'pack', '--json', '--pack-destination', folder], root)
  return (JSON.parse(stdout) as { filename: string }).filename
}

/** The path of a Node, installed if it is not there yet. */
async function findNode(version: string): Promise<string> {
  const prefix = join(binaries, version)
  const path = join(prefix, 'node_modules', PLATFORM, process.platform === 'win32' ? 'bin/node.exe' : 'bin/node')
  if (existsSync(path)) return path
  await mkdir(prefix, { recursive: true })
  await run('npm', ['install', ...INSTALL, '--no-save', '--prefix', prefix, `${PLATFORM}@${version}`], prefix)
  return path
}

async function versionIn(modules: string, name: string): Promise<string> {
  return (JSON.parse(await readFile(join(modules, name, 'package.json'), 'utf8')) as { version: string }).version
}

function run(command: string, args: readonly string[], cwd: string): Promise<{ stdout: string; stderr: string }> {
  const env = { ...process.env, NODE_NO_WARNINGS: '1', NODE_OPTIONS: '', NODE_PATH: '' }
  return execute(command, args, { cwd, env, timeout: 200_000 })
}
