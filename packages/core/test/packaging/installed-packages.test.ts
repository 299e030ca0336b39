import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The tarballs as a user gets them: packed, installed by npm outside the workspace, then imported, required and type-checked.

const execute = promisify(execFile)
const packages = [
  'core',
  'testkit',
  'auth-ntlm',
  'auth-kerberos',
  'auth-oauth',
  'adapter-ftp',
  'toolbelt',
  'create-plugin',
]
const root = join(import.meta.dirname, '..', '..', '..', '..')
const versions = { typescript: '', '@types/node': '' }
let project: string

beforeAll(async () => {
  for (const name of packages) {
    if (!existsSync(join(root, 'packages', name, 'dist'))) {
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

  test('look for a Kerberos ticket with the library that npm installed, from an ES module and from CommonJS', async () => {
    const names = {
      '@entreat/core': 'Session',
      '@entreat/testkit': 'TestServer',
      '@entreat/auth-kerberos': 'KerberosAuth',
    }
    const imports = Object.entries(names).map(([from, name]) => `import { ${name} } from '${from}'\n`)
    const requires = Object.entries(names).map(([from, name]) => `const { ${name} } = require('${from}')\n`)
    expect(await runScript('kerberos.mjs', imports.join('') + kerberosBody)).toBe('ok\n')
    expect(await runScript('kerberos.cjs', requires.join('') + kerberosBody)).toBe('ok\n')
  })

  test('log in by NTLM, without the HTTP client of httpntlm, from an ES module and from CommonJS', async () => {
    const names = { '@entreat/core': 'Session', '@entreat/testkit': 'TestServer', '@entreat/auth-ntlm': 'NTLMAuth' }
    const imports = Object.entries(names).map(([from, name]) => `import { ${name} } from '${from}'\n`)
    const requires = Object.entries(names).map(([from, name]) => `const { ${name} } = require('${from}')\n`)
    expect(await runScript('ntlm.mjs', imports.join('') + ntlmBody)).toBe('ok\n')
    expect(await runScript('ntlm.cjs', requires.join('') + ntlmBody)).toBe('ok\n')
  })

  test('sign with OAuth, without the HTTP client of simple-oauth2, from an ES module and from CommonJS', async () => {
    const names = {
      '@entreat/core': 'Session',
      '@entreat/testkit': 'TestServer',
      '@entreat/auth-oauth': 'OAuth1, OAuth2Auth, OAuth2Client',
    }
    const imports = Object.entries(names).map(([from, name]) => `import { ${name} } from '${from}'\n`)
    const requires = Object.entries(names).map(([from, name]) => `const { ${name} } = require('${from}')\n`)
    expect(await runScript('oauth.mjs', imports.join('') + oauthBody)).toBe('ok\n')
    expect(await runScript('oauth.cjs', requires.join('') + oauthBody)).toBe('ok\n')
  })

  test('store and fetch a file by FTP, from an ES module and from CommonJS', async () => {
    const names = { 'adapter-ftp': 'FTPAdapter', core: 'Session', testkit: 'TestFTPServer' }
    const imports = Object.entries(names).map(([from, name]) => `import { ${name} } from '@entreat/${from}'\n`)
    const requires = Object.entries(names).map(([from, name]) => `const { ${name} } = require('@entreat/${from}')\n`)
    expect(await runScript('ftp.mjs', imports.join('') + ftpBody)).toBe('ok\n')
    expect(await runScript('ftp.cjs', requires.join('') + ftpBody)).toBe('ok\n')
  })

  test('give every subpath of the toolbelt, from an ES module and from CommonJS', async () => {
    expect(await runScript('toolbelt.mjs', toolbeltBody('await import'))).toBe('ok\n')
    expect(await runScript('toolbelt.cjs', `(async () => {${toolbeltBody('require')}})()`)).toBe('ok\n')
  })

  test('upload a form by the toolbelt, which loads nothing that it is not asked for', async () => {
    expect(await runScript('form.cjs', formBody)).toBe('ok\n')
  })

  test('write a plugin, by program and by the command that npm installed', async () => {
    const [from, name] = ['@entreat/create-plugin', 'createPlugin']
    const body = (folder: string): string =>
      `createPlugin({ kind: 'auth', name: 'entreat-auth-x', dir: '${folder}' }).then(({ files }) => console.log(files.length > 10 ? 'ok' : files))`
    expect(await runScript('plugin.mjs', `import { ${name} } from '${from}'\n${body('by-import')}`)).toBe('ok\n')
    expect(await runScript('plugin.cjs', `const { ${name} } = require('${from}')\n${body('by-require')}`)).toBe('ok\n')
    const command = join(project, 'node_modules', '.bin', 'create-plugin')
    const flags = ['--kind', 'adapter', '--name', 'entreat-adapter-x', '--dir', 'by-command', '--yes']
    expect(await runIn(project, command, flags)).toContain('entreat-adapter-x: 15 files in by-command')
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

const kerberosBody = `
async function main() {
  const server = await TestServer.start({ tls: false })
  const session = new Session({ auth: new KerberosAuth({ preemptive: true, credentials: { ccache: '/nonexistent' } }) })
  const error = await session.get(server.url).catch((failure) => failure)
  await session.close()
  await server.close()
  // A machine may be without the system's library; koffi must be there.
  if (!/No credentials cache|Kerberos library is missing/.test(error.message)) throw error
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

const ftpBody = `
async function main() {
  const server = await TestFTPServer.start()
  const session = new Session().mount('ftp://', new FTPAdapter())
  await session.put(server.url + '/a.txt', { data: 'up and down' })
  const response = await session.get(server.url + '/a.txt')
  await session.close()
  await server.close()
  console.log(response.text === 'up and down' ? 'ok' : response.text)
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`

const oauthBody = `
async function main() {
  const server = await TestServer.start({ tls: false })
  const client = await OAuth2Client.discover(server.url, { clientId: 'c' })
  const session = new Session({ auth: new OAuth2Auth({ client, obtain: 'client_credentials' }) })
  const api = await session.get(server.url + '/oauth/api')
  const signed = await session.get(server.url + '/headers', { auth: new OAuth1({ clientKey: 'k', clientSecret: 's' }) })
  await session.close()
  await server.close()
  const { createRequire } = await import('node:module')
  const loaded = Object.keys(createRequire(process.cwd() + '/x.js').cache)
  const unwanted = loaded.filter((path) => /hapi.wreck|joi|boom/.test(path))
  const isSigned = /^OAuth /.test(signed.json().headers.Authorization)
  console.log(api.statusCode === 200 && isSigned && unwanted.length === 0 ? 'ok' : [api.text, signed.text, unwanted])
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`

const toolbeltBody = (load: string): string => `
const { readFileSync } = process.getBuiltinModule ? process.getBuiltinModule('fs') : ${load}('fs')
const { exports } = JSON.parse(readFileSync('./node_modules/@entreat/toolbelt/package.json', 'utf8'))
const paths = Object.keys(exports).filter((path) => path !== './package.json')
const empty = []
for (const path of paths) if (Object.keys(${load}('@entreat/toolbelt' + path.slice(1))).length === 0) empty.push(path)
console.log(paths.length > 20 && empty.length === 0 ? 'ok' : [paths, empty])
`

const formBody = `
const { Session } = require('@entreat/core')
const { TestServer } = require('@entreat/testkit')
require('@entreat/toolbelt/adapters')
const { MultipartEncoder } = require('@entreat/toolbelt/multipart')
async function main() {
  const server = await TestServer.start({ tls: false })
  const session = new Session()
  const response = await session.post(server.url + '/post', { data: new MultipartEncoder({ whale: 'white' }) })
  await session.close()
  await server.close()
  const unwanted = Object.keys(require.cache).filter((path) => /koffi|http-cache-semantics|cli-progress|url-template/.test(path))
  const isRight = response.json().form.whale === 'white' && unwanted.length === 0
  console.log(isRight ? 'ok' : [response.text, unwanted])
}
main().catch((error) => { console.error(error); process.exitCode = 1 })
`

const typedUse = `
import { NetworkAdapter } from '@entreat/toolbelt/adapters'
import { AuthHandler } from '@entreat/toolbelt/auth'
import { fileBody } from '@entreat/toolbelt/body'
import { CacheAdapter } from '@entreat/toolbelt/cache'
import { map } from '@entreat/toolbelt/concurrency'
import { download } from '@entreat/toolbelt/downloads'
import { MultipartEncoder } from '@entreat/toolbelt/multipart'
import { RateLimitAdapter } from '@entreat/toolbelt/rate-limit'
import { type FTPEntry, ftpSession } from '@entreat/adapter-ftp'
import { NTLMAuth, type NTLMAuthOptions } from '@entreat/auth-ntlm'
import { createPlugin, type CreatedPlugin, type PluginOptions } from '@entreat/create-plugin'
import { clientAuth, FileTokenStore, OAuth2Auth, OAuth2Client, type Token } from '@entreat/auth-oauth'
import { AuthBase, HTTPAdapter, Session, TransportAdapter } from '@entreat/core'
import type { AuthContext, PreparedRequest, Response, TransportOptions } from '@entreat/core'
import { KerberosAuth, type KerberosOptions, koffiProvider } from '@entreat/auth-kerberos'
import { TestServer } from '@entreat/testkit'

export async function kerberos(options: KerberosOptions): Promise<KerberosAuth> {
  return new KerberosAuth({ ...options, provider: await koffiProvider() })
}

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

export async function list(url: string): Promise<readonly FTPEntry[]> {
  return ftpSession({ ftp: { explicitTls: true } }).list(url)
}

export async function signIn(): Promise<Token> {
  const client = await OAuth2Client.discover('https://auth.example.com', { clientId: 'c', auth: clientAuth.basic('s') })
  const auth = new OAuth2Auth({ client, store: new FileTokenStore({ directory: 'tokens' }), obtain: 'client_credentials' })
  return auth.token()
}

export function scaffold(options: PluginOptions): Promise<CreatedPlugin> {
  return createPlugin({ ...options, license: 'MIT' })
}

export async function belt(session: Session): Promise<number[]> {
  session.auth = new AuthHandler({ 'https://example.com': ['user', 'password'] })
  session.mount('https://', new RateLimitAdapter({ limit: 10 }, new CacheAdapter(new NetworkAdapter({ tls: { minVersion: 'TLSv1.3' } }))))
  await session.post('https://example.com/', { data: new MultipartEncoder({ file: await fileBody('use.ts') }) })
  const { bytes } = await download('https://example.com/', 'file', { session, segments: 2 })
  const codes = await map(['https://example.com/'], { session, onResponse: ({ statusCode }) => statusCode, onError: () => 0 })
  return [bytes, ...codes]
}

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
    koffi: await installedVersion(join(root, 'packages', 'auth-kerberos'), 'koffi'),
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
  // Node 20 warns about require() of an ES module. NODE_PATH of a package manager leads back into the workspace.
  const env = { ...process.env, NODE_NO_WARNINGS: '1', NODE_OPTIONS: '', NODE_PATH: '' }
  try {
    return (await execute(command, args, { cwd: folder, env, timeout: 120_000 })).stdout
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }
    throw new Error(`${command} ${args.join(' ')} failed:\n${stdout}\n${stderr}`, { cause: error })
  }
}
