import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..', '..')

test('a strict project that uses every package checks without errors, and cheaply', { timeout: 120_000 }, () => {
  const { stdout, stderr } = spawnSync(process.execPath, ['scripts/type-cost.mjs', '--json'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  const { errors, entries, instantiations, types } = JSON.parse(stdout) as Record<string, number>
  expect(errors).toEqual([])
  expect(entries).toBeGreaterThan(20)
  // 377 and 749 when this was written. Seconds depend on the machine; these do not.
  expect(instantiations).toBeLessThan(5000)
  expect(types).toBeLessThan(5000)
})
