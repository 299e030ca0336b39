import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { labProblem } from '../start-lab.ts'

const program = join(import.meta.dirname, '..', 'run-lab.mjs')

/** Processes that have the lab's folder in their command line. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readCommandLine(pid))
    .filter((command) => command.includes(`${folder}/`))
}

function readCommandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return '' // it has ended meanwhile
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 20))
}

test.for(['SIGKILL', 'SIGTERM'] as const)(
  'nothing is left when %s ends `pnpm lab`',
  { timeout: 30_000 },
  async (signal, context) => {
    const problem = labProblem({ kdc: true, apache: true, epa: true, squid: 'kerberos' })
    if (problem !== null) context.skip(problem)
    const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (text: Buffer) => (output += String(text)))
    await until(() => output.includes('Ctrl-C'))
    const folder = dirname(/^Logs +(\S+)$/m.exec(output)?.[1] ?? '')
    expect(existsSync(folder)).toBe(true)
    expect(processesOf(folder).length).toBeGreaterThan(3)
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
    await until(() => !existsSync(folder))
    await until(() => processesOf(folder).length === 0)
  },
)
