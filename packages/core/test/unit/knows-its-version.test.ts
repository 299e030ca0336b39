import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { defaultHeaders, VERSION } from '../../src/default-headers.ts'

test('says the version of package.json in User-Agent', () => {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  expect(VERSION).toBe(manifest.version)
  expect(defaultHeaders().get('user-agent')).toBe(`entreat/${manifest.version}`)
})
