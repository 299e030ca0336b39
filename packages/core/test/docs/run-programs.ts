import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A program in a file. */
export interface Program {
  readonly file: string
  readonly language: 'node' | 'python'
}

/** How a program went. */
export interface Outcome {
  /** What it printed, without the last line's end. */
  readonly output: string
  /** The exception that ended it, with its stack, or `null`. */
  readonly error: string | null
}

const run = promisify(execFile)
const runners = { node: [process.execPath, 'print-outcomes.mjs'], python: ['python3', 'print_outcomes.py'] } as const

/**
 * Runs programs one after the other in one process for each language.
 *
 * @returns how each went, in the order of the programs.
 */
export async function runPrograms(programs: readonly Program[], folder: string): Promise<Outcome[]> {
  const outcomes = new Map<string, Outcome>()
  for (const language of ['node', 'python'] as const) {
    const files = programs.filter((program) => program.language === language).map(({ file }) => file)
    if (files.length === 0) continue
    const [command, runner] = runners[language]
    const { stdout } = await run(command, [join(import.meta.dirname, runner), ...files], {
      cwd: folder,
      timeout: 120_000,
      env: { PATH: process.env['PATH'], HOME: folder, PYTHONDONTWRITEBYTECODE: '1' },
    })
    for (const [index, outcome] of (JSON.parse(stdout) as Outcome[]).entries())
      outcomes.set(files[index] ?? '', outcome)
  }
  return programs.map(({ file }) => outcomes.get(file) ?? { output: '', error: 'not run' })
}
