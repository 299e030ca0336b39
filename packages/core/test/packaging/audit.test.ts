import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const script = join(import.meta.dirname, '..', '..', '..', '..', 'scripts', 'audit.mjs')
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'entreat-audit-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function audit(report: object, ...flags: string[]): { status: number | null; stdout: string } {
  const file = join(folder, 'report.json')
  writeFileSync(file, JSON.stringify(report))
  return spawnSync(process.execPath, [script, '--report', file, ...flags], { encoding: 'utf8' })
}

test('a vulnerability that nobody has explained fails the audit, and names itself', () => {
  const advisory = {
    github_advisory_id: 'GHSA-xxxx',
    module_name: 'left-pad',
    severity: 'high',
    title: 'Pads',
    url: 'https://example.com',
  }
  const { status, stdout } = audit({ advisories: { 1: advisory } })
  expect(status).toBe(1)
  expect(stdout).toContain('FAILED left-pad (high) GHSA-xxxx: Pads. See https://example.com')
})

test('none pass it', () => {
  expect(audit({ advisories: {} })).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0 problems') as string,
  })
})

test('a registry that answers no audit fails it only where an answer is required', () => {
  const silent = { error: { code: 'ERR_PNPM_AUDIT_BAD_RESPONSE' } }
  expect(audit(silent).status).toBe(0)
  expect(audit(silent, '--required').status).toBe(1)
})
