import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

// T20: what is installed with our packages, and who could change it, as far as this repository decides it.

const root = join(import.meta.dirname, '..', '..', '..', '..')

interface Manifest {
  readonly name: string
  readonly private?: boolean
  readonly scripts?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
}

function read(...path: string[]): string {
  return readFileSync(join(root, ...path), 'utf8')
}

function manifestsIn(folder: string): Manifest[] {
  return readdirSync(join(root, folder))
    .filter((name) => readdirSync(join(root, folder, name)).includes('package.json'))
    .map((name) => JSON.parse(read(folder, name, 'package.json')) as Manifest)
}

const published = manifestsIn('packages')
const everyManifest = [JSON.parse(read('package.json')) as Manifest, ...published, ...manifestsIn('examples')]

/** Everything that an install of a package may bring along. A new name is a decision: it belongs here and in docs/decisions. */
const RUN_TIME: Readonly<Record<string, readonly string[]>> = {
  '@entreat/adapter-ftp': [],
  '@entreat/auth-kerberos': ['koffi'],
  '@entreat/auth-ntlm': ['httpntlm'],
  '@entreat/auth-oauth': ['oauth-1.0a', 'simple-oauth2'],
  '@entreat/core': ['tough-cookie', 'undici'],
  '@entreat/create-plugin': [],
  '@entreat/testkit': ['@fastify/busboy', 'asn1js'],
  '@entreat/toolbelt': ['cli-progress', 'http-cache-semantics', 'tough-cookie', 'url-template'],
}

/** Scripts that npm runs when a package is installed, from a registry or from git. */
const AT_INSTALL = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare', 'prepublish']

const PUBLISHED = /^(?:LICENSE|README\.md|CHANGELOG\.md|package\.json|(?:src|dist)\/.+\.(?:ts|js|map|html|css|json))$/
const LEFT_OUT = /(?:^|\/)(?:tests?|fixtures|node_modules)\/|\.test\.|tsbuildinfo/

describe('T20 the packages', () => {
  test('are those whose run-time dependencies are listed, and have these alone', () => {
    const found = published.map(({ name, dependencies, optionalDependencies }) => [
      name,
      Object.keys({ ...dependencies, ...optionalDependencies }).sort(),
    ])
    expect(Object.fromEntries(found)).toEqual(RUN_TIME)
  })

  test.each(published)('$name runs nothing when it is installed', ({ scripts = {} }) => {
    expect(Object.keys(scripts).filter((name) => AT_INSTALL.includes(name))).toEqual([])
  })

  test.each(published)('$name brings core as a peer, and what else is a peer is optional', (manifest) => {
    const { name, peerDependencies = {}, peerDependenciesMeta = {} } = manifest
    const others = Object.keys(peerDependencies).filter((peer) => peer !== '@entreat/core')
    expect(others.filter((peer) => peerDependenciesMeta[peer]?.optional !== true)).toEqual([])
    const standsAlone = name === '@entreat/core' || name === '@entreat/create-plugin'
    expect('@entreat/core' in peerDependencies).toBe(!standsAlone)
  })

  test.each(published)('$name is published with its provenance', ({ publishConfig }) => {
    expect(publishConfig).toMatchObject({ access: 'public', provenance: true })
  })

  test('hold no tests, keys, environments or leftovers of a build', () => {
    const folders = published.map(({ name }) => `./packages/${name.replace('@entreat/', '')}`)
    const listed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', ...folders], {
      cwd: root,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const tarballs = JSON.parse(listed) as { name: string; files: { path: string }[] }[]
    expect(tarballs.map(({ name }) => name).sort()).toEqual(Object.keys(RUN_TIME))
    for (const { name, files } of tarballs) {
      // What create-plugin writes has tests of its own.
      const paths = files.map(({ path }) => path).filter((path) => !path.startsWith('templates/'))
      expect(paths, name).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'package.json']))
      expect(
        paths.filter((path) => !PUBLISHED.test(path) || LEFT_OUT.test(path)),
        name,
      ).toEqual([])
    }
  }, 120_000)
})

describe('T20 what is installed here', () => {
  const lock = read('pnpm-lock.yaml')

  test('has a hash for each package, and comes from the registry', () => {
    const resolutions = lock.split('\n').filter((line) => line.trimStart().startsWith('resolution:'))
    expect(resolutions.length).toBeGreaterThan(100)
    expect(resolutions.filter((line) => !/^ {4}resolution: \{integrity: sha512-[\w+/=]{88}\}$/.test(line))).toEqual([])
  })

  test('is asked for by version: nothing comes from git, a URL, a file or whatever is the latest', () => {
    const wanted = everyManifest.flatMap(
      ({ name, dependencies, devDependencies, optionalDependencies, peerDependencies }) =>
        Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies, ...peerDependencies }).map(
          ([dependency, range]) => ({ name, dependency, range }),
        ),
    )
    const pinned = /^(?:workspace:\^|catalog:|npm:@?[\w./-]+@[~^]?\d[\w.-]*|(?:[~^]|>=)?\d[\w.-]*(?: (?:<|\|\|).*)?)$/
    expect(wanted.filter(({ range }) => !pinned.test(range))).toEqual([])
  })

  test('runs no scripts, and is a day old at least', () => {
    const workspace = read('pnpm-workspace.yaml')
    expect(workspace).toMatch(/^onlyBuiltDependencies: \[\]$/m)
    expect(workspace).toMatch(/^strictDepBuilds: true$/m)
    expect(Number(/^minimumReleaseAge: (\d+)$/m.exec(workspace)?.[1])).toBeGreaterThanOrEqual(24 * 60)
  })
})

describe('T20 the workflows', () => {
  const folder = join('.github', 'workflows')
  const workflows = readdirSync(join(root, folder)).map((name) => ({ name, text: read(folder, name) }))

  test.each(workflows)('$name uses actions of a stated version, of two owners', ({ text }) => {
    const used = [...text.matchAll(/uses: *(\S+)/g)].map(([, action]) => action as string)
    expect(used.length).toBeGreaterThan(0)
    expect(
      used.filter((action) => !/^(?:actions|changesets)\/[\w-]+@(?:v\d+(?:\.\d+)*|[0-9a-f]{40})$/.test(action)),
    ).toEqual([])
  })

  test.each(workflows)(
    '$name may do nothing that a job does not ask for, and puts nothing of a stranger into a shell',
    ({ text }) => {
      expect(text).toMatch(/^permissions:\n {2}contents: read$/m)
      expect(text).not.toContain('pull_request_target')
      expect(text.match(/\$\{\{ *github\.(?:event|head_ref)[^}]*\}\}/g) ?? []).toEqual([])
    },
  )

  test('only the release may say who it is, and it holds no token of the registry', () => {
    const mayIdentify = workflows.filter(({ text }) => text.includes('id-token: write')).map(({ name }) => name)
    expect(mayIdentify).toEqual(['release.yml'])
    for (const { text } of workflows) expect(text).not.toMatch(/NPM_TOKEN|NODE_AUTH_TOKEN/)
  })
})
