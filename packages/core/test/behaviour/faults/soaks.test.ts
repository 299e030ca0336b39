import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const script = join(import.meta.dirname, '../../../../../benchmarks/soak/run.mjs')

it('five seconds of the soak leave nothing behind, and bring no error that no network brings about', async () => {
  const args = ['--expose-gc', script, '--seconds', '5', '--workers', '30', '--seed', '1']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve))
  expect(output).toContain('Nothing is left, and nothing was unexpected.')
  expect(code).toBe(0)
}, 90_000)
