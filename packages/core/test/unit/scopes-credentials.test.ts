import { expect, test } from 'vitest'
import { parseUrl, sameCredentialScope } from '../../src/message/url.ts'

test.each([
  ['http://example.com/foo', 'http://another.example.com/', false],
  ['https://example.com/foo', 'http://example.com/bar', false],
  ['http://example.com/foo', 'https://example.com/bar', true],
  ['http://example.com:80/foo', 'https://example.com/bar', true],
  ['http://example.com/foo', 'https://example.com:443/bar', true],
  ['http://example.com:8080/foo', 'https://example.com/bar', false],
  ['http://example.com/foo', 'https://example.com:8443/bar', false],
  ['http://example.com:1234/foo', 'https://example.com:4321/bar', false],
  ['https://example.com/foo', 'https://example.com:443/bar', true],
  ['https://example.com:443/foo', 'https://example.com/bar', true],
  ['http://example.com/foo', 'http://example.com:80/bar', true],
  ['http://example.com:80/foo', 'http://example.com/bar', true],
  ['http://user@EXAMPLE.com/foo', 'http://example.com/bar', true],
  ['http://example.com/foo', 'http://example.com:8080/bar', false],
])('credentials for %s may go to %s: %s', (from, to, allowed) => {
  expect(sameCredentialScope(parseUrl(from), parseUrl(to))).toBe(allowed)
})
