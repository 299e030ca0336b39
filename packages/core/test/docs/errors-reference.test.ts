import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..', '..', '..', '..')

test('the reference lists every error code with cause and remedy, as the sources say them', { timeout: 60_000 }, () => {
  const { stdout, stderr, status } = spawnSync(process.execPath, ['scripts/error-codes.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect([stdout, stderr, status]).toEqual(['', '', 0])
})
