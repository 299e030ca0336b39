import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ConnectionError, LimitExceededError } from '@entreat/core'
import { type Reply, ReplyParser, replyText } from '../../src/protocol/reply.ts'

const code = fc.integer({ min: 100, max: 599 })
const line = fc.string({ maxLength: 60 }).map((text) => text.replace(/[\r\n]/g, ''))

/** How a server writes a reply. */
function encode({ code, lines }: Reply): string {
  if (lines.length === 1) return `${code} ${lines[0]}\r\n`
  const inner = lines.slice(1, -1).map((text) => ` ${text}\r\n`)
  return `${code}-${lines[0]}\r\n${inner.join('')}${code} ${lines.at(-1)}\r\n`
}

test('replies come out as they went in, however the bytes are cut (RFC 959 section 4.2)', () => {
  const reply = fc.record({ code, lines: fc.array(line, { minLength: 1, maxLength: 5 }) })
  fc.assert(
    fc.property(fc.array(reply, { minLength: 1, maxLength: 5 }), fc.array(fc.nat(20)), (replies, cuts) => {
      const bytes = Buffer.from(replies.map(encode).join(''))
      const parser = new ReplyParser(100_000)
      const parsed: Reply[] = []
      let at = 0
      for (const cut of [...cuts, bytes.length]) {
        parsed.push(...parser.push(bytes.subarray(at, at + cut)))
        at += cut
      }
      parsed.push(...parser.push(bytes.subarray(at)))
      expect(parsed.map((one) => one.code)).toEqual(replies.map((one) => one.code))
      for (const [index, { lines }] of parsed.entries()) {
        const wanted = replies[index]?.lines ?? []
        const inner = (_: string, position: number): boolean => position > 0 && position < wanted.length - 1
        expect(lines).toEqual(wanted.map((text, position) => (inner(text, position) ? ` ${text}` : text)))
      }
      expect(parser.isInside).toBe(false)
    }),
  )
})

test('any bytes give replies or an error of the library', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 })), (pieces) => {
      const parser = new ReplyParser(150)
      try {
        for (const piece of pieces) for (const reply of parser.push(Buffer.from(piece))) replyText(reply)
      } catch (error) {
        expect(error instanceof ConnectionError || error instanceof LimitExceededError).toBe(true)
      }
    }),
  )
})

test('a megabyte of one byte at a time takes no longer than it must', () => {
  const parser = new ReplyParser(2_000_000)
  const started = performance.now()
  for (const byte of Buffer.alloc(1_000_000, 'x')) parser.push(Buffer.from([byte]))
  expect(performance.now() - started).toBeLessThan(5000)
})

test.each([
  ['220\r\n', 220, ['']],
  ['220 a\n', 220, ['a']],
  ['220-a\r\n220-b\r\n220 c\r\n', 220, ['a', 'b', 'c']],
  ['220-a\r\n221 not the end\r\n220 c\r\n', 220, ['a', '221 not the end', 'c']],
  ['220-a\r\n220\r\n', 220, ['a', '']],
  ['220 \u00e9\r\n', 220, ['\u00e9']],
])('reads %j', (text, wanted, lines) => {
  expect(new ReplyParser(1000).push(Buffer.from(text))).toEqual([{ code: wanted, lines }])
})

test('bytes that are no UTF-8 are Latin-1', () => {
  expect(new ReplyParser(1000).push(Buffer.from('220 caf\xe9\r\n', 'latin1'))).toEqual([{ code: 220, lines: ['café'] }])
})
