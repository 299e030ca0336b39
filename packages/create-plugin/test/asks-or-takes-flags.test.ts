import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

// The program itself, as a process of its own.

const bin = join(import.meta.dirname, '..', 'dist', 'bin.js')
let root: string

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'entreat-asks-'))
})
afterAll(() => rmSync(root, { recursive: true, force: true }))

interface Outcome {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

function run(args: readonly string[], answers = '', env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const { npm_config_user_agent: _agent, ...rest } = process.env
  const child = spawn(process.execPath, [bin, ...args], { cwd: root, env: { ...rest, ...env } })
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk) => (output += String(chunk)))
  child.stderr.on('data', (chunk) => (errors += String(chunk)))
  child.stdin.end(answers)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output, errors }))
  })
}

function manifestOf(folder: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Record<string, unknown>
}

describe('by flags', () => {
  test('it asks nothing with --yes, and says what to do next', async () => {
    const flags = ['--kind', 'adapter', '--name', 'entreat-adapter-tape', '--yes']
    const { code, output, errors } = await run(flags, '', {
      npm_config_user_agent: 'pnpm/10.0.0 npm/? node/v20.0.0 linux x64',
    })
    expect([code, errors]).toEqual([0, ''])
    expect(output).not.toContain('(')
    expect(output).toMatch(/cd entreat-adapter-tape\n {2}pnpm install\n {2}pnpm run test/)
    expect(output).toContain('src/tape-adapter.ts, and the world it is tested in, test/tape-target.ts')
    expect(manifestOf('entreat-adapter-tape')['license']).toBe('Apache-2.0')
  })

  test('every flag is taken, and a kind and a name need none', async () => {
    const flags = [
      '--scope',
      'acme',
      '--dir',
      'deep/er',
      '--scheme',
      'X-Key',
      '--description',
      'Keys',
      '--author',
      'Ali',
    ]
    const { code } = await run([
      'auth',
      'entreat-auth-key',
      ...flags,
      '--license',
      'ISC',
      '--package-manager',
      'yarn',
      '-y',
    ])
    expect(code).toBe(0)
    const { name, description, author, license } = manifestOf('deep/er')
    expect([name, description, author, license]).toEqual(['@acme/entreat-auth-key', 'Keys', 'Ali', 'ISC'])
    expect(readFileSync(join(root, 'deep/er/src/key-auth.ts'), 'utf8')).toContain('`X-Key ${')
  })

  test('--help and --version only say so', async () => {
    const [help, version] = await Promise.all([run(['--help']), run(['-v'])])
    expect(help.output).toMatch(/^npm create @entreat\/plugin/)
    for (const flag of ['--kind', '--name', '--dir', '--yes', '--force']) expect(help.output).toContain(flag)
    expect(version.output).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect([help.code, version.code]).toEqual([0, 0])
  })

  const mistakes: readonly [args: string[], message: RegExp][] = [
    [['--yes'], /--kind and --name must say what to write/],
    [['--kind', 'server', '--name', 'x', '--yes'], /"server" is no kind/],
    [['--kind', 'auth', '--name', 'Hawk', '--yes'], /Try hawk\./],
    [['--kind', 'auth', '--name', 'x', '--license', 'GPL', '-y'], /no license/],
    [['--nmae', 'x'], /'--nmae'.* See --help\./],
    [['--name'], /argument missing/],
    [['auth', 'x', 'y'], /"y" is one word too many/],
    [['--kind', 'auth', '--name', 'entreat-auth-x', '--scheme', 'a b'], /no name for an authentication scheme/],
  ]
  test.each(mistakes)('%j is a mistake that is told in one line', async (args, message) => {
    const before = readdirSync(root)
    const { code, errors } = await run(args)
    expect(code).toBe(1)
    expect(errors).toMatch(message)
    expect(errors.trim().split('\n')).toHaveLength(1)
    expect(readdirSync(root)).toEqual(before)
  })
})

describe('by questions', () => {
  test('empty answers take what is offered', async () => {
    const { code, output } = await run([], '\nentreat-adapter-drum\n\n\n\n\n\n')
    expect(code).toBe(0)
    expect(output).toContain('URL scheme (drum)')
    expect(manifestOf('entreat-adapter-drum')['description']).toBe('drum: URLs for entreat')
    expect(manifestOf('entreat-adapter-drum')).not.toHaveProperty('author')
  })

  test('an answer that will not do is asked for again, and says why', async () => {
    const answers = ['server', 'auth', 'Wax', 'entreat-auth-wax', 'a b', '', '', '', '', 'entreat-adapter-drum', 'wax']
    const { code, output, errors } = await run([], `${answers.join('\n')}\n`)
    expect([code, errors]).toEqual([0, ''])
    expect(output).toMatch(
      /"server" is none of adapter, auth\.[^]*Try wax\.[^]*"a b" is no name[^]*entreat-adapter-drum is not empty/,
    )
    expect(manifestOf('wax')['name']).toBe('entreat-auth-wax')
  })

  test('what a flag says is not asked', async () => {
    const { code, output } = await run(
      ['--kind', 'auth', '--name', 'entreat-auth-seal', '--license', 'MIT'],
      '\n\n\n\n',
    )
    expect(code).toBe(0)
    expect(output).not.toMatch(/adapter or auth|name on npm|license/)
  })

  test('input that ends too soon, and five answers that will not do, end it with nothing written', async () => {
    const before = readdirSync(root)
    const [ended, refused] = await Promise.all([run([], 'auth\n'), run([], 'a\nb\nc\nd\ne\nf\n')])
    expect([ended.code, refused.code]).toEqual([1, 1])
    expect(ended.errors).toMatch(/The input ended at "name on npm": answer it, or give its flag/)
    expect(refused.errors).toMatch(/No answer to "adapter or auth" would do/)
    expect(readdirSync(root)).toEqual(before)
  })
})
