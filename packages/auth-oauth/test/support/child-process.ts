import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import ts from 'typescript'

// For what several processes do to each other. Children run this package's sources, compiled once per state of them, over core as it is built.

const packageFolder = join(import.meta.dirname, '..', '..')
const sources = join(packageFolder, 'src')
// Below node_modules, so that the package's dependencies are found.
const cache = join(packageFolder, 'node_modules', '.cache', 'children')
const LIMIT_MS = 60_000

/** A script in a process of its own. It has `oauth` (the package's public names), `input`, `report(value)` and `heard()`: the next line that it is told. */
export class Child implements Disposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #ended: Promise<number | null>
  readonly #limit: NodeJS.Timeout

  /** @param openFiles - how many files it may have open; default: as many as this process. */
  constructor(script: string, input: unknown = null, openFiles?: number) {
    const args = [
      process.execPath,
      '--input-type=module',
      '--eval',
      PREAMBLE.replace('INPUT', () => JSON.stringify(input)) + script,
    ]
    const env = { PATH: process.env['PATH'], HOME: cache }
    const limited =
      openFiles === undefined ? args : ['/bin/sh', '-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, ...args]
    this.#child = spawn(limited[0] as string, limited.slice(1), {
      cwd: compiledSources(),
      env,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const stdout = this.#child.stdout as NonNullable<ChildProcess['stdout']>
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
    this.#ended = new Promise((resolve) => void this.#child.once('close', resolve))
    this.#limit = setTimeout(() => this.kill(), LIMIT_MS)
  }

  /** What it reports next; `undefined` once it has ended. */
  async report<T>(): Promise<T | undefined> {
    const { value, done } = await this.#lines.next()
    return done === true ? undefined : (JSON.parse(value) as T)
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** Ends it without a word to it. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  stop(): void {
    this.#child.kill('SIGSTOP')
  }

  go(): void {
    this.#child.kill('SIGCONT')
  }

  /** @returns its exit code, or `null` if it was killed. */
  async ended(): Promise<number | null> {
    const code = await this.#ended
    clearTimeout(this.#limit)
    return code
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#limit)
    this.kill()
  }
}

const PREAMBLE = `
import * as oauth from './index.js'
import { createInterface } from 'node:readline'
const input = INPUT
const report = (value) => console.log(JSON.stringify(value ?? null))
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const heard = async () => (await lines.next()).value
`

let compiled: string | null = null

function compiledSources(): string {
  compiled ??= compile()
  return compiled
}

function compile(): string {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => /(?<!\.d)\.ts$/.test(name))
  const state = createHash('sha256')
  for (const file of files.toSorted()) state.update(file).update(readFileSync(join(sources, file)))
  const folder = join(cache, state.digest('hex').slice(0, 16))
  if (existsSync(folder)) return folder
  rmSync(cache, { recursive: true, force: true })
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
  renameSync(draft, folder)
  return folder
}
