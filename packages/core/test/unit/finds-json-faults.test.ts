import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describeJsonFault, findJsonFault } from '../../src/message/json-fault.ts'
import { expectFast, FAMILIES } from './adversarial.ts'

function describeFault(text: string): string | null {
  const fault = findJsonFault(text)
  return fault === null ? null : describeJsonFault(fault)
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

describe('findJsonFault', () => {
  // What CPython 3.11 prints, but for the comma, where it is 3.13.
  it.each([
    ['', 'Expecting value: line 1 column 1 (char 0)'],
    ['<html>', 'Expecting value: line 1 column 1 (char 0)'],
    ['NaN', 'Expecting value: line 1 column 1 (char 0)'],
    ['\ufeff{}', 'Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)'],
    ['{', 'Expecting property name enclosed in double quotes: line 1 column 2 (char 1)'],
    ['{"a" 1}', "Expecting ':' delimiter: line 1 column 6 (char 5)"],
    ['{"a": 1', "Expecting ',' delimiter: line 1 column 8 (char 7)"],
    ['[1,\n 2,\n x]', 'Expecting value: line 3 column 2 (char 9)'],
    ['[1, ]', 'Illegal trailing comma before end of array: line 1 column 3 (char 2)'],
    ['{"a":1,}', 'Illegal trailing comma before end of object: line 1 column 7 (char 6)'],
    ['1 2', 'Extra data: line 1 column 3 (char 2)'],
    ['01', 'Extra data: line 1 column 2 (char 1)'],
    ['["ab', 'Unterminated string starting at: line 1 column 2 (char 1)'],
    ['["ab\\', 'Unterminated string starting at: line 1 column 2 (char 1)'],
    ['["a\tb"]', 'Invalid control character at: line 1 column 4 (char 3)'],
    ['["\\x"]', 'Invalid \\escape: line 1 column 3 (char 2)'],
    ['["\\u12x4"]', 'Invalid \\uXXXX escape: line 1 column 4 (char 3)'],
  ])('says of %j what CPython says', (text, expected) => {
    expect(describeFault(text)).toBe(expected)
  })

  it('finds nothing in what JSON.parse reads, and something in all else', () => {
    const units = '{ } [ ] , : " a \\ \\n \\u12 \\u00e9 1 - 0 .5 e3 true null fals "k" "v":'.split(' ')
    const almostJson = fc.array(fc.constantFrom(...units, ' ', '\n', '\u0001')).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(almostJson, fc.json()), (text) => {
        expect(findJsonFault(text) === null).toBe(isJson(text))
      }),
      { numRuns: 2000 },
    )
  })

  it('points into the text', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 3 }), fc.nat(), (text, at) => {
        const cut = text.slice(0, at % text.length)
        const fault = findJsonFault(cut)
        if (fault === null) return
        expect(fault.position).toBeLessThanOrEqual(cut.length)
        expect(cut.split('\n').length).toBeGreaterThanOrEqual(fault.line)
      }),
    )
  })

  it.each(
    Object.entries({
      ...FAMILIES,
      depth: '['.repeat(1e6),
      records: '{"a":'.repeat(2e5),
      string: `"${'\\n'.repeat(5e5)}`,
    }),
  )('takes linear time for a megabyte of %s', (_name, text) => expectFast(() => findJsonFault(text)))
})
