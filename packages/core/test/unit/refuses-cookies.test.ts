import { expect, it } from 'vitest'
import { isReceivable } from '../../src/received-cookies.ts'

it.each(['a\x01=1', 'a=1\x00', 'a=1; Path=/\x7f', '\x00'])(
  '%j is no cookie (RFC 6265bis section 5.7, step 1)',
  (line) => {
    expect(isReceivable(line, 'https://a.com/')).toBe(false)
  },
)

it('a tab is no such control', () => {
  expect(isReceivable('a=b\tc', 'https://a.com/')).toBe(true)
})
