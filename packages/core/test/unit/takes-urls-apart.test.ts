import { InvalidSchema, InvalidURL, MissingSchema, RequestException } from '@entreat/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeComponent, PATH_CHARACTERS, QUERY_CHARACTERS, RAW_QUERY_CHARACTERS } from '../../src/message/percent.ts'
import { encodeFields, encodeParams } from '../../src/message/query.ts'
import { parseUrl, resolveUrl } from '../../src/message/url.ts'
import { parseRetryAfter } from '../../src/retry.ts'
import { expectFast, FAMILIES, textOf } from './adversarial.ts'

const hostile = fc.oneof(
  textOf('htp:/@?#[]\\.%a1 \r\n\0é'),
  fc.string({ unit: 'binary' }),
  fc
    .tuple(fc.constantFrom('http://', 'https:', '//', 'HTTP:\\\\', 'ftp://', ''), textOf('a1.:@/?#[]%\\ é'))
    .map((parts) => parts.join('')),
)

/** What a request line and a Host header are made of. */
function expectSendable({ href, host, pathUrl, port }: ReturnType<typeof parseUrl>): void {
  expect(host).toMatch(/^[!-~]+$/)
  expect(host).not.toMatch(/[/?#@\\]/)
  expect(pathUrl).toMatch(/^\/[!-~]*$/)
  expect(port).toMatch(/^[0-9]{0,5}$/)
  expect(href).not.toMatch(/[^!-~]/)
}

/** Long enough to show what grows faster than the text, where each character costs an escape. */
const LENGTH = 100_000

describe('encodeComponent', () => {
  const text = fc.oneof(textOf('aZ09-._~!$&\'()*+,;=:@/?[]% é"<>^`{|}\\'), fc.string({ unit: 'binary' }))
  const escapes = fc
    .array(
      fc.oneof(
        fc.constantFrom('a', '/', '=', '%'),
        fc.nat(255).map((byte) => `%${byte.toString(16)}`),
      ),
    )
    .map((pieces) => pieces.join(''))
  const mixed = fc.oneof(
    text,
    escapes,
    escapes.map((one) => one.toUpperCase()),
  )

  it.each([
    ['a path', PATH_CHARACTERS],
    ['a query', QUERY_CHARACTERS],
    ['a query given as text', RAW_QUERY_CHARACTERS],
  ])(
    'of %s makes the same of a text that it need not look at twice, and of one that is too long for that',
    (_, allowed) => {
      const padding = 'x'.repeat(2001)
      fc.assert(
        fc.property(mixed, (short) => {
          expect(encodeComponent(short, allowed) + padding).toBe(encodeComponent(short + padding, allowed))
        }),
        { numRuns: 2000 },
      )
    },
  )

  it('leaves escapes that are as they should be, and no others', () => {
    expect(encodeComponent('a%20b%2F%C3%A9', PATH_CHARACTERS)).toBe('a%20b%2F%C3%A9')
    expect(encodeComponent('%2f%7E%41', PATH_CHARACTERS)).toBe('%2F~A')
  })
})

describe('parseUrl', () => {
  it('gives what can be sent, or an error of the library', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        try {
          const parsed = parseUrl(text)
          if (parsed.scheme === 'http' || parsed.scheme === 'https') expectSendable(parsed)
        } catch (error) {
          // Something before a colon that is no scheme's name has no adapter, as in Requests.
          expect([InvalidURL, MissingSchema, InvalidSchema].some((type) => error instanceof type)).toBe(true)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('gives the same for what it has given', () => {
    fc.assert(
      fc.property(textOf('aé1.:@/?#[]%2fF &=+'), (text) => {
        let first: ReturnType<typeof parseUrl>
        try {
          first = parseUrl(`http://host${text}`)
        } catch {
          return
        }
        const second = parseUrl(first.href)
        expect([second.href, second.host, second.port, second.pathUrl, second.endpoint]).toEqual([
          first.href,
          first.host,
          first.port,
          first.pathUrl,
          first.endpoint,
        ])
      }),
      { numRuns: 1000 },
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time on much of %s', (_name, text) => {
    for (const start of ['http://', 'http://h/'])
      expectFast(() => attempt(() => parseUrl(start + text.slice(0, LENGTH))))
  })
})

function attempt(run: () => unknown): void {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(RequestException)
  }
}

describe('resolveUrl', () => {
  const base = parseUrl('https://user:pass@here.test:8443/a/b?c=d')

  it('stays on its host unless another is named, or is an error of the library', () => {
    fc.assert(
      fc.property(hostile, (reference) => {
        try {
          const target = resolveUrl(reference, base)
          if (target.scheme === 'http' || target.scheme === 'https') expectSendable(target)
          if (/^[a-z0-9/?#.]*$/i.test(reference) && !reference.startsWith('//'))
            expect(target.endpoint).toBe(base.endpoint)
          expect(target.href).not.toContain('pass')
        } catch (error) {
          expect(error).toBeInstanceOf(RequestException)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time on much of %s', (_name, text) => {
    for (const start of ['', '//']) expectFast(() => attempt(() => resolveUrl(start + text.slice(0, LENGTH), base)))
  })
})

describe('encoded parameters', () => {
  const text = fc.string({ unit: 'grapheme' })
  const pairs = fc.array(fc.tuple(text, text), { maxLength: 5 })

  it('are read back by a server as they were given', () => {
    fc.assert(
      fc.property(pairs, (given) => {
        for (const encoded of [encodeParams(given), encodeFields(given, 'data')]) {
          expect(encoded).toMatch(/^[!-~]*$/)
          expect([...new URLSearchParams(encoded)]).toEqual(given)
        }
      }),
    )
  })

  it('are those of bytes too', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const encoded = encodeFields([['k', bytes]], 'data').slice(2)
        const read = encoded
          .replaceAll('+', ' ')
          .replace(/%(..)/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
        expect(Buffer.from(read, 'latin1')).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it('given as text hold nothing that ends a request line', () => {
    fc.assert(
      fc.property(hostile, (given) => {
        expect(encodeParams(given)).toMatch(/^[!-~]*$/)
      }),
    )
  })

  it.each(Object.entries(FAMILIES))('take linear time for much of %s', (_name, text) => {
    const given = text.slice(0, LENGTH)
    expectFast(() => encodeParams(given))
    expectFast(() => encodeParams([[given, given]]))
  })
})

describe('parseRetryAfter', () => {
  const now = Date.UTC(2024, 0, 1)

  it('reads the dates that it is given', () => {
    const dates = fc.date({ min: new Date(now), max: new Date(Date.UTC(2099, 11, 31)), noInvalidDate: true })
    fc.assert(
      fc.property(dates, (date) => {
        const seconds = Math.floor(date.getTime() / 1000) * 1000
        expect(parseRetryAfter(date.toUTCString(), now)).toBe(Math.max(0, seconds - now))
      }),
    )
  })

  it('gives time that can be waited, or nothing', () => {
    const word = fc.constantFrom(
      'Mon',
      'Jan',
      ', ',
      '2024',
      ' ',
      '-',
      '1',
      '99',
      ':',
      'GMT',
      '+0900',
      'e9',
      '\0',
      'Infinity',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.array(word).map((words) => words.join('')),
          fc.string(),
        ),
        (header) => {
          const ms = parseRetryAfter(header, now)
          if (ms !== null) expect(ms >= 0 && Number.isFinite(ms)).toBe(true)
        },
      ),
      { numRuns: 2000 },
    )
  })

  it.each(Object.entries(FAMILIES))('takes linear time on 1 MB of %s', (_name, text) => {
    expectFast(() => parseRetryAfter(text, now))
    expectFast(() => parseRetryAfter(`Mon ${text}`, now))
  })
})
