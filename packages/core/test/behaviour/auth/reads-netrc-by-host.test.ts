import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Request, Session } from '@entreat/core'
import { afterAll, afterEach, beforeEach, expect, test, vi } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'netrc-by-host-'))
const netrc = join(folder, 'netrc')
writeFileSync(
  netrc,
  'machine example.com login wrong password wrong\nmachine evil.example login right password right\n',
  {
    mode: 0o600,
  },
)
beforeEach(() => void vi.stubEnv('NETRC', netrc))
afterEach(() => void vi.unstubAllEnvs())
afterAll(() => rmSync(folder, { recursive: true }))

const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`

// CVE-2024-47081: what stands before the @ is no host.
test.each([
  ['http://evil.example/', basic('right:right')],
  ['http://example.com:@evil.example/', basic('example.com:')],
  ['http://example.com@evil.example/', basic('right:right')],
  ['http://example.com:80@evil.example/', basic('example.com:80')],
  ["http://unknown.example/'@example.com/", null],
])('asks netrc for the host that is dialled, whatever the userinfo looks like: %s', async (url, expected) => {
  await using session = new Session()
  const { headers } = await session.prepareRequest(new Request('GET', url))
  expect(headers.get('authorization')).toBe(expected)
})
