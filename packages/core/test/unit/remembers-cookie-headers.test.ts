import * as fc from 'fast-check'
import { afterEach, expect, it, vi } from 'vitest'
import { CookieJar } from '@entreat/core'
import { type ParsedUrl, parseUrl } from '../../src/message/url.ts'

const hosts = ['a.test', 'b.a.test', 'c.test']
const paths = ['/', '/x', '/x/', '/x/y', '/xy', '/x%20y', '/é', '/%', '/x/y?q=/x']
const oneOf = (choices: string[]) => fc.constantFrom(...choices)
const url = fc
  .tuple(oneOf(['http', 'https']), oneOf(hosts), oneOf(paths))
  .map(([scheme, host, path]) => `${scheme}://${host}${path}`)
const attributes = [
  '',
  '; Path=/',
  '; Path=/x',
  '; Path=/x/y',
  '; Path=/x%20y',
  '; Secure',
  '; Domain=a.test',
  '; Max-Age=0',
]
const cookie = fc.tuple(oneOf(['k', 'l', 'm']), fc.nat(9), oneOf(attributes), oneOf(['', '; Path=/']))
const step = fc.oneof(
  fc.record({ asked: url }),
  fc.record({ url, line: cookie.map(([name, value, first, second]) => `${name}=${value}${first}${second}`) }),
)

/** What the declarations leave out. */
interface Internals {
  header(url: ParsedUrl): string
  receive(lines: string[], url: string): void
}
const inside = (jar: CookieJar): Internals => jar as unknown as Internals
const headerFor = (jar: CookieJar, text: string): string => inside(jar).header(parseUrl(text))

afterEach(() => void vi.useRealTimers())

it('sends whatever the jar would choose if nothing were remembered', () => {
  let compared = 0
  fc.assert(
    fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
      const jar = new CookieJar()
      for (const one of steps) {
        if ('line' in one) inside(jar).receive([one.line], one.url)
        else {
          const { href } = parseUrl(one.asked)
          const chosen = jar.tough.getCookieStringSync(href)
          expect(headerFor(jar, one.asked), one.asked).toBe(chosen)
          compared += chosen === '' ? 0 : 1
        }
      }
    }),
    { numRuns: 300 },
  )
  expect(compared).toBeGreaterThan(1000)
})

it('leaves out a cookie once it has expired, whatever was remembered', () => {
  vi.useFakeTimers()
  const jar = new CookieJar()
  inside(jar).receive(
    ['kept=1; Path=/', 'short=2; Path=/; Max-Age=10', 'deep=3; Path=/x; Max-Age=5'],
    'http://a.test/x',
  )
  expect(headerFor(jar, 'http://a.test/x')).toBe('deep=3; kept=1; short=2')
  vi.advanceTimersByTime(5000)
  expect(headerFor(jar, 'http://a.test/x')).toBe('kept=1; short=2')
  vi.advanceTimersByTime(5000)
  expect(headerFor(jar, 'http://a.test/x')).toBe('kept=1')
})

it('chooses once for all paths of a host', () => {
  const jar = new CookieJar().set('session', 'abc', { url: 'http://a.test/' })
  const choose = vi.spyOn(jar.tough, 'getCookiesSync')
  for (let path = 0; path < 100; path++) expect(headerFor(jar, `http://a.test/${path}`)).toBe('session=abc')
  expect(choose).toHaveBeenCalledTimes(1)
})
