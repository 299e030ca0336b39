import { spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import ts from 'typescript'

// For what can only be seen from outside: a crash, an exit, memory, the environment. Children run the sources, compiled once per state of them.

const packageFolder = join(import.meta.dirname, '..', '..', '..')
const sources = join(packageFolder, 'src')
// Below node_modules, so that the package's dependencies are found.
const cache = join(packageFolder, 'node_modules', '.cache', 'behaviour')

export interface ChildResult {
  /** Exit code, or `null` if it was killed. */
  readonly code: number | null
  readonly stderr: string
  /** What it reported, in order. */
  readonly reports: readonly unknown[]
  /** Whether it had to be killed because it did not end by itself. */
  readonly isKilled: boolean
}

export interface ChildOptions {
  /** The script finds it as `input`. */
  readonly input?: unknown
  readonly env?: Readonly<Record<string, string>>
  readonly nodeOptions?: readonly string[]
  /** When to kill it. */
  readonly limitMs?: number
}

/**
 * Runs an ES module in a process of its own. It has `core` (the package's public names), `input`, and `report(value)`.
 */
export async function runChild(script: string, options: ChildOptions = {}): Promise<ChildResult> {
  const { input = null, env = {}, nodeOptions = [], limitMs = 15_000 } = options
  const preamble = `import * as core from './index.js'\nconst input = ${JSON.stringify(input)}\nconst report = (value) => console.log(JSON.stringify(value))\n`
  const args = [...nodeOptions, '--input-type=module', '--eval', preamble + script]
  const child = spawn(process.execPath, args, {
    cwd: compiledSources(),
    env: { PATH: process.env['PATH'] ?? '', HOME: cache, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  let isKilled = false
  const timer = setTimeout(() => {
    isKilled = true
    child.kill('SIGKILL')
  }, limitMs)
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  clearTimeout(timer)
  const reports = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as unknown)
  return { code, stderr, reports, isKilled }
}

let compiled: string | null = null

function compiledSources(): string {
  compiled ??= compile()
  return compiled
}

function compile(): string {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  const state = createHash('sha256')
  for (const file of files.toSorted()) state.update(file).update(readFileSync(join(sources, file)))
  const folder = join(cache, state.digest('hex').slice(0, 16))
  if (existsSync(folder)) return folder
  const draft = join(cache, `draft-${randomUUID()}`)
  for (const file of files) {
    const { outputText } = ts.transpileModule(readFileSync(join(sources, file), 'utf8'), {
      compilerOptions: {
        module: ts.ModuleKind.ESNext,
        target: ts.ScriptTarget.ES2022,
        rewriteRelativeImportExtensions: true,
        verbatimModuleSyntax: true,
      },
    })
    const target = join(draft, file.replace(/\.ts$/, '.js'))
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, outputText)
  }
  writeFileSync(join(draft, 'package.json'), '{"type":"module"}')
  try {
    renameSync(draft, folder)
  } catch {
    rmSync(draft, { recursive: true, force: true }) // another worker was faster
  }
  forgetOldStates()
  return folder
}

function forgetOldStates(): void {
  const anHourAgo = Date.now() - 3_600_000
  for (const name of readdirSync(cache)) {
    const folder = join(cache, name)
    const stat = statSync(folder, { throwIfNoEntry: false })
    if (stat !== undefined && stat.mtimeMs < anHourAgo) rmSync(folder, { recursive: true, force: true })
  }
}
