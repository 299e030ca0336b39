import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The tarballs as a user gets them: packed, installed by npm outside the workspace, then imported, required and type-checked.

const execute = promisify(execFile)
const packages = ['core', 'testkit', 'auth-ntlm']
const root = join(import.meta.dirname, '..', '..', '..', '..')
const versions = { typescript: '', '@types/node': '' }
let project: string

beforeAll(async () => {
  for (const name of packages) {
    if (!existsSync(join(root, 'packages', name, 'dist', 'index.js'))) {
      throw new Error(`packages/${name}/dist is missing: run \`pnpm build\` first`)
    }
  }
  project = await mkdtemp(join(tmpdir(), 'entreat-installed-'))
  const tarballs = await Promise.all(packages.map(pack))
  await writeProject(tarballs)
  await runIn(project, 'npm', [
    'install',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--prefer-offline',
    '--prefix',
    project,
  ])
}, 180_000)

afterAll(async () => {
  if (project) await rm(project, { recursive: true, force: true })
})

describe('the packed packages, installed outside the workspace', () => {
  test('answer a GET from an ES module', async () => {
    expect(
      await runScript(
        'use.mjs',
        `import { Session } from '@entreat/core'\nimport { TestServer } from '@entreat/testkit'\n${body}`,
      ),
    ).toBe('ok\n')
  })

  test('answer a GET from CommonJS through require()', async () => {
    const required = `const { Session } = require('@entreat/core')\nconst { TestServer } = require('@entreat/testkit')\n`
    expect(await runScript('use.cjs', required + body)).toBe('ok\n')
  })

  test('log in by NTLM, without the HTTP client of httpntlm, from an ES module and from CommonJS', async () => {
    const names = { '@entreat/core': 'Session', '@entreat/testkit': 'TestServer', '@entreat/auth-ntlm': 'NTLMAuth' }
    const imports = Object.entries(names).map(([from, name]) => `import { ${name} } from '${from}'\n`)
    const requires = Object.entries(names).map(([from, name]) => `const { ${name} } = require('${from}')\n`)
    expect(await runScript('ntlm.mjs', imports.join('') + ntlmBody)).toBe('ok\n')
    expect(await runScript('ntlm.cjs', requires.join('') + ntlmBody)).toBe('ok\n')
  })

  test('type-check under strict with skipLibCheck off', async () => {
    await writeFile(join(project, 'use.ts'), typedUse)
    const tsc = join(project, 'node_modules', 'typescript', 'bin', 'tsc')
    await runIn(project, process.execPath, [tsc, '--project', project])
  }, 60_000)

  test('hold no source condition and no workspace range', async () => {
    for (const name of packages) {
      const manifest = await readFile(join(project, 'node_modules', '@entreat', name, 'package.json'), 'utf8')
      expect(manifest).not.toMatch(/entreat:src"|"(workspace|catalog):/)
    }
  })
})

const body = `
async function main() {
  const server = await TestServer.start()
  const session = new Session()
  const response = await session.get(server.url + '/get', { params: { from: 'tarball' } })
  if (response.json().args.from !== 'tarball') throw new Error('unexpected answer: ' + response.text)
  await session.close()
  await server.close()
  console.log('ok')
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`

const ntlmBody = `
async function main() {
  const server = await TestServer.start({ tls: false })
  const session = new Session({ auth: new NTLMAuth({ username: 'ali', password: 'opensesame' }) })
  const response = await session.post(server.url + '/ntlm-auth/ali/opensesame', { data: 'body' })
  await session.close()
  await server.close()
  const { createRequire } = await import('node:module')
  const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache)
  const unwanted = loaded.filter((path) => /underscore|httpreq|httpntlm.httpntlm/.test(path))
  console.log(response.statusCode === 200 && unwanted.length === 0 ? 'ok' : [response.text, unwanted])
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`

const typedUse = `
import { NTLMAuth, type NTLMAuthOptions } from '@entreat/auth-ntlm'
import { AuthBase, HTTPAdapter, Session, TransportAdapter } from '@entreat/core'
import type { AuthContext, PreparedRequest, Response, TransportOptions } from '@entreat/core'
import { TestServer } from '@entreat/testkit'

class TokenAuth extends AuthBase {
  override apply(request: PreparedRequest, context: AuthContext): void {
    context.authorize(request, 'Token abc')
  }
}

class LoggingAdapter extends TransportAdapter {
  readonly #inner = new HTTPAdapter()

  override send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return this.#inner.send(request, options)
  }

  override close(): Promise<void> {
    return this.#inner.close()
  }
}

const ntlm: NTLMAuthOptions = { username: 'ali', password: 'opensesame', channelBindings: 'require' }
export const ntlmSession: Session = new Session({ auth: new NTLMAuth(ntlm), proxyAuth: new NTLMAuth({ ...ntlm }) })

export async function main(): Promise<string> {
  const server = await TestServer.start()
  const session = new Session({ auth: new TokenAuth() })
  session.mount(server.url, new LoggingAdapter())
  const response = await session.get(server.url, { params: { a: [1, 2] }, timeout: 1000 })
  const { url } = response.json<{ url: string }>()
  await session.close()
  await server.close()
  return url
}
`

async function pack(name: string): Promise<string> {
  const pnpm = join(root, 'node_modules', '.bin', 'pnpm')
  const folder = join(root, 'packages', name)
  const { stdout } = await execute(pnpm, ['--dir', folder, 'pack', '--json', '--pack-destination', project], {
    cwd: root,
  })
  return (JSON.parse(stdout) as { filename: string }).filename
}

/** The workspace's own versions of the tools, and of undici and tough-cookie, so that npm finds them in its cache. */
async function writeProject(tarballs: string[]): Promise<void> {
  for (const name of Object.keys(versions) as (keyof typeof versions)[])
    versions[name] = await installedVersion(root, name)
  const core = join(root, 'packages', 'core')
  const overrides = {
    undici: await installedVersion(core, 'undici'),
    'tough-cookie': await installedVersion(core, 'tough-cookie'),
  }
  const own = packages.map((name, index) => [`@entreat/${name}`, `file:${tarballs[index]}`])
  const dependencies = { ...Object.fromEntries(own), ...versions }
  await writeFile(
    join(project, 'package.json'),
    JSON.stringify({ name: 'outside', private: true, dependencies, overrides }),
  )
  const compilerOptions = {
    strict: true,
    skipLibCheck: false,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    types: ['node'],
  }
  await writeFile(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }))
}

async function installedVersion(folder: string, name: string): Promise<string> {
  const manifest = await readFile(join(folder, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

async function runScript(file: string, code: string): Promise<string> {
  await writeFile(join(project, file), code)
  return runIn(project, process.execPath, [join(project, file)])
}

async function runIn(folder: string, command: string, args: string[]): Promise<string> {
  // Node 20 warns about require() of an ES module.
  const env = { ...process.env, NODE_NO_WARNINGS: '1', NODE_OPTIONS: '' }
  try {
    return (await execute(command, args, { cwd: folder, env, timeout: 120_000 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}
