import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPlugin, CreatePluginError, type PluginOptions } from '@entreat/create-plugin'

let root: string
let count = 0

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'entreat-writes-'))
})
afterAll(() => rm(root, { recursive: true, force: true }))

function fresh(): string {
  return join(root, String(count++))
}

async function read(folder: string, path: string): Promise<string> {
  return readFile(join(folder, path), 'utf8')
}

async function allText(folder: string, files: readonly string[]): Promise<string> {
  const texts = await Promise.all(files.filter((file) => file !== 'LICENSE').map((file) => read(folder, file)))
  return [...files, ...texts].join('\n')
}

describe('a package', () => {
  test('of an adapter has everything under its own name', async () => {
    const dir = fresh()
    const { files, folder } = await createPlugin({ kind: 'adapter', name: '@acme/entreat-adapter-redis-cache', dir })
    expect(folder).toBe(dir)
    expect(files).toEqual([
      '.github/workflows/ci.yml',
      '.github/workflows/release.yml',
      '.gitignore',
      '.oxlintrc.json',
      'CHANGELOG.md',
      'LICENSE',
      'README.md',
      'SECURITY.md',
      'package.json',
      'src/index.ts',
      'src/redis-cache-adapter.ts',
      'test/redis-cache-adapter.test.ts',
      'test/redis-cache-target.ts',
      'tsconfig.build.json',
      'tsconfig.json',
    ])
    expect(await allText(folder, files)).not.toMatch(/template/i)
    expect(await read(folder, 'src/index.ts')).toContain('RedisCacheAdapter')
    expect(await read(folder, 'README.md')).toContain("'redis-cache://'")
  })

  test('of a scheme has everything under its own name', async () => {
    const { files, folder } = await createPlugin({
      kind: 'auth',
      name: 'entreat-auth-hawk',
      scheme: 'HAWK',
      dir: fresh(),
    })
    expect(files).toContain('src/hawk-auth.ts')
    expect(files).toContain('test/hawk-server.ts')
    expect(await allText(folder, files)).not.toMatch(/template/i)
    expect(await read(folder, 'src/hawk-auth.ts')).toContain('`HAWK ${this.#credentials(')
  })

  test('has core as a peer, of the version that create-plugin was released with', async () => {
    const { folder } = await createPlugin({ kind: 'auth', name: 'entreat-auth-hawk', dir: fresh() })
    const manifest = JSON.parse(await read(folder, 'package.json')) as Record<string, Record<string, string>>
    const own = JSON.parse(await readFile(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as {
      version: string
    }
    expect(manifest['peerDependencies']).toEqual({ '@entreat/core': `^${own.version}` })
    expect(manifest['devDependencies']?.['@entreat/testkit']).toBe(`^${own.version}`)
    expect(manifest).not.toHaveProperty('dependencies')
    expect(manifest).not.toHaveProperty('author')
  })

  test('takes free text as it is: quotes, dollar signs and the names in templates', async () => {
    const description = 'Say "$&" for template-package, $1'
    const { folder } = await createPlugin({
      kind: 'adapter',
      name: 'entreat-adapter-x',
      dir: fresh(),
      description,
      author: 'Ali "$$" <ali@example.com>',
      license: 'MIT',
      year: 2001,
    })
    const manifest = JSON.parse(await read(folder, 'package.json')) as Record<string, string>
    expect([manifest['description'], manifest['license']]).toEqual([description, 'MIT'])
    expect(await read(folder, 'README.md')).toContain(description)
    expect(await read(folder, 'LICENSE')).toContain('Copyright (c) 2001 Ali "$$" <ali@example.com>')
  })

  test.each(['npm', 'pnpm', 'yarn'] as const)('says how %s does it, and not how others do', async (packageManager) => {
    const { folder } = await createPlugin({ kind: 'auth', name: 'entreat-auth-x', dir: fresh(), packageManager })
    const workflow = await read(folder, '.github/workflows/ci.yml')
    const release = await read(folder, '.github/workflows/release.yml')
    expect(workflow).toContain(`run: ${packageManager} run check`)
    expect(workflow.includes('npm ci')).toBe(packageManager === 'npm')
    expect(workflow.includes('pnpm/action-setup')).toBe(packageManager === 'pnpm')
    expect(workflow + release).not.toContain('# only')
    expect(release).toMatch(/id-token: write[^]*npm publish --provenance/)
    expect(await read(folder, 'README.md')).toContain(`\`${packageManager} run check\``)
  })

  test('has the tools that this workspace itself is checked with', async () => {
    const template = await read(join(import.meta.dirname, '..', 'templates', 'common'), 'manifest.json')
    const { devDependencies } = JSON.parse(template) as { devDependencies: Record<string, string> }
    const workspace = await read(join(import.meta.dirname, '..', '..', '..'), 'package.json')
    const ours = (JSON.parse(workspace) as { devDependencies: Record<string, string> }).devDependencies
    for (const [name, range] of Object.entries(devDependencies)) {
      if (!name.startsWith('@entreat/'))
        expect([name, range.replace(/^[\^~]/, '')]).toEqual([name, ours[name]?.replace('^', '')])
    }
  })
})

describe('a folder', () => {
  test('that is not empty is left alone, unless force is said', async () => {
    const dir = fresh()
    await mkdir(dir)
    await writeFile(join(dir, 'README.md'), 'mine')
    await writeFile(join(dir, 'notes.txt'), 'mine too')
    const options: PluginOptions = { kind: 'auth', name: 'entreat-auth-x', dir }
    await expect(createPlugin(options)).rejects.toThrow(
      /is not empty \(it has .*\): choose another folder, or say --force/,
    )
    expect(await readdir(dir)).toEqual(['README.md', 'notes.txt'])
    await createPlugin({ ...options, force: true })
    expect(await read(dir, 'README.md')).toMatch(/^# entreat-auth-x/)
    expect(await read(dir, 'notes.txt')).toBe('mine too')
  })

  test('that is a repository just made is as good as empty, and a file is none', async () => {
    const dir = fresh()
    await mkdir(join(dir, '.git'), { recursive: true })
    await createPlugin({ kind: 'auth', name: 'entreat-auth-x', dir })
    const file = join(dir, 'LICENSE')
    await expect(createPlugin({ kind: 'auth', name: 'entreat-auth-x', dir: file })).rejects.toThrow(/is not a folder/)
  })
})

describe('options that cannot be', () => {
  const names: readonly [name: string, message: RegExp][] = [
    ['', /needs a name\. Give one such as entreat-adapter-redis/],
    ['Entreat-Adapter-Redis', /has capitals, which npm does not take\. Try entreat-adapter-redis\./],
    ['my adapter', /no name for npm/],
    ['../evil', /no name for npm/],
    ['@acme', /no name for npm/],
    ['@/x', /no name for npm/],
    ['@acme/..', /no name for npm/],
    ['@acme/a/b', /no name for npm/],
    ['.hidden', /no name for npm/],
    ['x\ny', /no name for npm/],
    ['node_modules', /keep for themselves/],
    ['http', /keep for themselves/],
    ['entreat-adapter', /does not say what the adapter is for/],
    ['entreat-adapter-7zip', /begins with a letter/],
    ['entreat-transport-adapter', /the name of the one it extends/],
    ['x'.repeat(215), /has 215 characters; npm takes 214/],
  ]
  test.each(names)('the name %j', async (name, message) => {
    const dir = fresh()
    const error: unknown = await createPlugin({ kind: 'adapter', name, dir }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(CreatePluginError)
    expect(String(error)).toMatch(message)
    await expect(readdir(dir)).rejects.toThrow(/ENOENT/)
  })

  test('a kind, a license, a package manager, a scheme, text of two lines', async () => {
    const good: PluginOptions = { kind: 'adapter', name: 'entreat-adapter-x', dir: fresh() }
    const bad: readonly [object, RegExp][] = [
      [{ kind: 'server' }, /"server" is no kind: choose adapter or auth\./],
      [{ kind: undefined }, /is no kind/],
      [{ license: 'GPL' }, /choose Apache-2.0 or MIT or ISC/],
      [{ packageManager: 'bun' }, /choose npm or pnpm or yarn/],
      [{ scheme: 'x:' }, /no URL scheme.*without the colon/],
      [{ kind: 'auth', scheme: 'a b' }, /no name for an authentication scheme/],
      [{ author: 'a\nb' }, /one line each/],
    ]
    for (const [change, message] of bad) await expect(createPlugin({ ...good, ...change })).rejects.toThrow(message)
  })
})
