import * as fc from 'fast-check'
import { expect } from 'vitest'

const MEGABYTE = 1_000_000

/** One megabyte each of what makes careless parsers slow. */
export const FAMILIES: Readonly<Record<string, string>> = Object.fromEntries(
  [
    '"',
    ',',
    ' ',
    ';',
    '\\',
    '=',
    '<',
    "'",
    'a',
    '"\\',
    '\\"',
    ' ,',
    ', a',
    '; a',
    ' a',
    '="',
    ';a="',
    ';"\\"',
    ',<',
    '<>',
    '<a>;b="',
    'a=b ',
    'a="b" ',
    'a=,',
    'a b=c,',
    '\n',
    '#\n',
    '#a ',
    'a\n\n',
    '%',
    '.',
    ':',
  ].map((unit) => [JSON.stringify(unit), unit.repeat(MEGABYTE / unit.length)]),
)

/** Expects `run` to need no more than 2 s; the best of three counts, so that a busy machine does not fail it. */
export function expectFast(run: () => unknown): void {
  let best = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < 3 && best >= 2000; attempt++) {
    const start = performance.now()
    run()
    best = Math.min(best, performance.now() - start)
  }
  expect(best).toBeLessThan(2000)
}

/** Texts of these characters only: they meet what a parser looks for more often than others would. */
export function textOf(characters: string): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...Array.from(characters)) })
}
