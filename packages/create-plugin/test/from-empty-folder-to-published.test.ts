import { execFileSync } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { edit, type Edit, install, packWorkspace, runIn } from './installed.ts'

// What a third party does, outside this workspace, with the tarballs that users get: scaffold, see it green, edit nine lines, see
// it green, pack, install in an app, use.

const MOST_LINES = 9
let folder: string
let tarballs: { core: string; testkit: string; createPlugin: string }

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'entreat-create-'))
  const [core, testkit, createPlugin] = await Promise.all(
    ['core', 'testkit', 'create-plugin'].map((name) => packWorkspace(name, folder)),
  )
  tarballs = { core, testkit, createPlugin } as typeof tarballs
}, 120_000)

afterAll(() => rm(folder, { recursive: true, force: true }))

/** As `npm create @entreat/plugin` runs it. */
function create(args: readonly string[], answers = ''): Promise<string> {
  return runIn(
    folder,
    'npm',
    ['exec', '--yes', '--offline', `--package=${tarballs.createPlugin}`, '--', 'create-plugin', ...args],
    answers,
  )
}

async function expectGreen(plugin: string): Promise<void> {
  await runIn(plugin, 'npm', ['run', 'check'])
  const output = await runIn(plugin, 'npm', ['test'])
  expect(output).toMatch(/Tests +\d{2,} passed/)
  expect(output).not.toMatch(/failed/)
}

/** Packs a plugin, and installs it in an app beside core. @returns the app's folder. */
async function publish(plugin: string): Promise<string> {
  await runIn(plugin, 'npm', ['run', 'build'])
  await runIn(plugin, 'npm', ['run', 'check:package'])
  await runIn(plugin, 'npm', ['pack', '--ignore-scripts', '--pack-destination', plugin])
  const [tarball] = (await readdir(plugin)).filter((name) => name.endsWith('.tgz'))
  const app = `${plugin}-app`
  await mkdir(app)
  await writeFile(join(app, 'package.json'), '{ "name": "app", "private": true }')
  await install(app, [tarballs.core, join(plugin, tarball as string)])
  return app
}

async function useIn(app: string, lines: (load: string) => string): Promise<string[]> {
  await writeFile(join(app, 'use.mjs'), lines('await import'))
  await writeFile(join(app, 'use.cjs'), `(async () => {\n${lines('require')}\n})()`)
  return Promise.all(['use.mjs', 'use.cjs'].map((file) => runIn(app, process.execPath, [file])))
}

// Blobs of git repositories: `git-blob://REPOSITORY/OBJECT`.
const GIT_BLOBS: readonly Edit[] = [
  {
    file: 'src/git-blob-adapter.ts',
    find: 'import {\n  ConnectionError,',
    replacement: ["import { execFile } from 'node:child_process'", "import { promisify } from 'node:util'"],
    before: true,
  },
  {
    file: 'src/git-blob-adapter.ts',
    find: '  readonly source: (url: URL, signal?: AbortSignal) => Promise<Uint8Array | null>',
    replacement: ['  readonly source: string'],
  },
  {
    file: 'src/git-blob-adapter.ts',
    find: '    return this.#source(url, signal)',
    replacement: [
      // A signal of its own: Node leaves a listener on the one it is given where git cannot be started.
      "    const git = promisify(execFile)('git', ['cat-file', 'blob', url.pathname.slice(1)], { cwd: `${this.#source}/${url.host}`, encoding: 'buffer', maxBuffer: 2 ** 30, signal: signal && AbortSignal.any([signal]) })",
      '    return git.then(({ stdout }) => stdout, (error) => (error.code === 128 ? null : Promise.reject(error)))',
    ],
  },
  {
    file: 'test/git-blob-target.ts',
    find: 'import {\n  type AdapterCapabilities,',
    replacement: ["import { execFileSync } from 'node:child_process'"],
    before: true,
  },
  {
    file: 'test/git-blob-target.ts',
    find: '  readonly #contents = new Map<string, Uint8Array>()',
    replacement: [
      `  readonly #source = execFileSync('sh', ['-c', 'cd $(mktemp -d) && git init -q main && pwd'], { encoding: 'utf8' }).trim()`,
    ],
  },
  {
    file: 'test/git-blob-target.ts',
    find: '    return new GitBlobAdapter({ source: async (url) => this.#find(url) })',
    replacement: ['    return new GitBlobAdapter({ source: this.#source })'],
  },
  {
    file: 'test/git-blob-target.ts',
    find: '    const name = String(this.#contents.size)\n    this.#contents.set(`/${name}`, content)\n    return name',
    replacement: [
      "    return execFileSync('git', ['hash-object', '-w', '--stdin'], { cwd: `${this.#source}/main`, input: content, encoding: 'utf8' }).trim()",
    ],
  },
  {
    file: 'test/git-blob-target.ts',
    find: `
  #find(url: URL): Uint8Array | null {
    if (url.host === 'broken') throw new Error('the source is broken')
    return this.#contents.get(url.pathname) ?? null
  }
`,
    replacement: [],
  },
]

// A signature over method, target and time.
const SIGNATURES: readonly Edit[] = [
  {
    file: 'src/hawkish-auth.ts',
    find: 'import {\n  AuthBase,',
    replacement: ["import { createHmac } from 'node:crypto'"],
    before: true,
  },
  {
    file: 'src/hawkish-auth.ts',
    find: '  #credentials(_method: string, _context: AuthContext): string {\n    return this.#secret',
    replacement: [
      '  #credentials(method: string, context: AuthContext): string {',
      '    const time = context.now()',
      '    const text = `${method} ${context.requestTarget} ${time}`',
      "    return `${time}:${createHmac('sha256', this.#secret).update(text).digest('hex')}`",
    ],
  },
  {
    file: 'test/hawkish-server.ts',
    find: 'import type { AuthTarget,',
    replacement: ["import { createHmac } from 'node:crypto'"],
    before: true,
  },
  {
    file: 'test/hawkish-server.ts',
    find: '  return request.authorization === `Hawkish ${secret}`',
    replacement: [
      "  const [, time, mac] = /^Hawkish (\\d+):(\\w+)$/.exec(request.authorization ?? '') ?? []",
      '  if (!(Math.abs(Date.now() - Number(time)) < 60_000)) return false',
      "  return mac === createHmac('sha256', secret).update(`${request.method} ${request.target} ${time}`).digest('hex')",
    ],
  },
]

test('the page that tells this shows the lines that are edited here', async () => {
  const page = await readFile(
    join(import.meta.dirname, '..', '..', '..', 'docs', 'extend', 'your-own-package.md'),
    'utf8',
  )
  for (const line of SIGNATURES.flatMap(({ replacement }) => replacement)) expect(page).toContain(`\n+${line}\n`)
})

describe('from an empty folder', () => {
  test(
    'an adapter, by flags: green, made to read git by nine lines, green, packed, installed, used',
    { timeout: 600_000 },
    async () => {
      const plugin = join(folder, 'entreat-adapter-git-blob')
      const output = await create(['--kind', 'adapter', '--name', 'entreat-adapter-git-blob', '--yes'])
      expect(output).toContain('entreat-adapter-git-blob')
      await install(plugin, [tarballs.core, tarballs.testkit])
      await expectGreen(plugin)
      expect(await edit(plugin, GIT_BLOBS)).toBeLessThanOrEqual(MOST_LINES)
      await expectGreen(plugin)

      const app = await publish(plugin)
      const git = (...args: string[]): string =>
        execFileSync('git', args, { cwd: app, input: 'Call me Ishmael.', encoding: 'utf8' })
      git('init', '-q', 'books')
      const name = git('-C', 'books', 'hash-object', '-w', '--stdin').trim()
      const outputs = await useIn(
        app,
        (load) => `
        const { Session } = ${load}('@entreat/core')
        const { GitBlobAdapter } = ${load}('entreat-adapter-git-blob')
        const session = new Session().mount('git-blob://', new GitBlobAdapter({ source: ${JSON.stringify(app)} }))
        const found = await session.get('git-blob://books/${name}')
        const missing = await session.get('git-blob://books/${'0'.repeat(40)}')
        console.log(found.statusCode, found.text, missing.statusCode)
        await session.close()`,
      )
      expect(outputs).toEqual(['200 Call me Ishmael. 404\n', '200 Call me Ishmael. 404\n'])
    },
  )

  test(
    'a scheme, by answers: green, made to sign by nine lines, green, packed, installed, used',
    { timeout: 600_000 },
    async () => {
      const plugin = join(folder, 'hawkish')
      const answers = [
        'auth',
        '@acme/entreat-auth-hawkish',
        '',
        'Signs with an HMAC',
        'Ali "the" Author',
        'MIT',
        'hawkish',
      ]
      await create([], `${answers.join('\n')}\n`)
      await install(plugin, [tarballs.core, tarballs.testkit])
      await expectGreen(plugin)
      expect(await edit(plugin, SIGNATURES)).toBeLessThanOrEqual(MOST_LINES)
      await expectGreen(plugin)

      const outputs = await useIn(
        await publish(plugin),
        (load) => `
        const { createServer } = ${load}('node:http')
        const { Session } = ${load}('@entreat/core')
        const { HawkishAuth } = ${load}('@acme/entreat-auth-hawkish')
        const server = createServer((request, response) => response.end(request.headers.authorization))
        await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
        const session = new Session({ auth: new HawkishAuth({ secret: 's3cret' }), trustEnv: false })
        console.log((await session.get('http://127.0.0.1:' + server.address().port + '/')).text)
        await session.close()
        server.close()`,
      )
      for (const output of outputs) expect(output).toMatch(/^Hawkish \d+:[0-9a-f]{64}\n$/)
    },
  )
})
