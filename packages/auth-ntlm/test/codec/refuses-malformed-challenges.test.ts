import { AuthenticationError } from '@entreat/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeAvPairs, parseAvPairs } from '../../src/message/av-pairs.ts'
import { parseChallenge } from '../../src/message/challenge.ts'
import { challengeMessage, defaultPairs, SERVER_FLAGS, writeSpan } from '../support/messages.ts'

function changed(change: (message: Buffer) => Buffer | void): Buffer {
  const message = challengeMessage()
  return change(message) ?? message
}

function withInfo(info: Uint8Array): Buffer {
  const message = challengeMessage({ pairs: null })
  writeSpan(message, 40, info.length, message.length)
  return Buffer.concat([message, info])
}

const pair = (id: number, length: number, value = ''): Buffer => {
  const head = Buffer.alloc(4)
  head.writeUInt16LE(id)
  head.writeUInt16LE(length, 2)
  return Buffer.concat([head, Buffer.from(value, 'hex')])
}
const END = pair(0, 0)

const malformed: readonly [what: string, message: Buffer, says: RegExp][] = [
  ['nothing', Buffer.alloc(0), /does not begin with NTLMSSP/],
  ['another signature', changed((message) => void message.write('NTLMSSQ')), /does not begin with NTLMSSP/],
  ['a head of 31 bytes', challengeMessage().subarray(0, 31), /has 31 bytes/],
  ['the signature alone', challengeMessage().subarray(0, 8), /has 8 bytes/],
  ['a message of type 1', changed((message) => void message.writeUInt32LE(1, 8)), /type 1, not 2/],
  ['a message of type 3', changed((message) => void message.writeUInt32LE(3, 8)), /type 3, not 2/],
  ['no Unicode', challengeMessage({ flags: (SERVER_FLAGS & ~1) >>> 0 }), /Unicode/],
  ['no room for target information', challengeMessage().subarray(0, 47), /ends before its target information/],
  ['a name past the end', changed((message) => writeSpan(message, 12, 12, 60_000)), /target name ends at byte 60012/],
  [
    'a name at the largest offset',
    changed((message) => writeSpan(message, 12, 0xffff, 0xffffffff)),
    /target name ends at byte/,
  ],
  ['a name inside the head', changed((message) => writeSpan(message, 12, 12, 8)), /target name starts at byte 8/],
  ['target information past the end', changed((message) => writeSpan(message, 40, 0xffff, 68)), /ends at byte 65603/],
  ['target information inside the head', changed((message) => writeSpan(message, 40, 8, 0)), /starts at byte 0/],
  ['parts that overlap', changed((message) => writeSpan(message, 12, 20, 56)), /overlap/],
  ['a cut off payload', challengeMessage().subarray(0, 80), /target information ends at byte/],
  ['pairs without an end', withInfo(pair(1, 2, '4100')), /without an end mark/],
  ['half an end mark', withInfo(Buffer.alloc(3)), /without an end mark/],
  ['a pair longer than the rest', withInfo(Buffer.concat([pair(1, 0xffff, '4100'), END])), /pair 1 says 65535 bytes/],
  ['a pair twice', withInfo(Buffer.concat([pair(1, 0), pair(1, 0), END])), /pair 1 occurs twice/],
  ['a time of 7 bytes', withInfo(Buffer.concat([pair(7, 7, '00'.repeat(7)), END])), /time has 7 bytes/],
  ['flags of 3 bytes', withInfo(Buffer.concat([pair(6, 3, '000000'), END])), /flags have 3 bytes/],
]

describe('a challenge', () => {
  it.each(malformed)('of %s is refused', (_what, message, says) => {
    expect(() => parseChallenge(message)).toThrow(AuthenticationError)
    expect(() => parseChallenge(message)).toThrow(says)
  })

  it('may have no target information', () => {
    expect(parseChallenge(challengeMessage({ flags: 0x00088201 }).subarray(0, 68)).targetInfo).toBeNull()
  })

  it('may keep empty parts wherever it likes', () => {
    const message = changed((message) => {
      writeSpan(message, 12, 0, 0)
      return message
    })
    expect(parseChallenge(message).targetInfo?.size).toBe(3)
  })

  it('may be as short as its first servers made it', () => {
    const short = challengeMessage({ flags: 0x00088201, targetName: '' }).subarray(0, 32)
    expect(Buffer.from(parseChallenge(short).serverChallenge)).toEqual(Buffer.alloc(8, 0x11))
  })

  it('may say more behind the end of its pairs', () => {
    const info = Buffer.concat([encodeAvPairs(defaultPairs()), Buffer.from('more')])
    expect(parseChallenge(withInfo(info)).targetInfo?.size).toBe(3)
  })
})

/** Fails for whatever is thrown but the error that callers expect. */
function parsesOrRefuses(parse: () => unknown): void {
  try {
    parse()
  } catch (error) {
    if (!(error instanceof AuthenticationError)) throw error
  }
}

describe('whatever bytes there are', () => {
  it('a challenge is read or refused', () => {
    const bytes = fc.uint8Array({ maxLength: 400 })
    fc.assert(fc.property(bytes, (any) => parsesOrRefuses(() => parseChallenge(any))))
  })

  it('a challenge with any bytes changed is read or refused', () => {
    const edits = fc.array(fc.tuple(fc.nat(120), fc.nat(255)), { maxLength: 6 })
    fc.assert(
      fc.property(edits, fc.nat(120), (changes, length) => {
        const message = challengeMessage()
        for (const [at, value] of changes) message[at % message.length] = value
        parsesOrRefuses(() => parseChallenge(message.subarray(0, Math.max(length, 40))))
      }),
    )
  })

  it('pairs come back as they were written', () => {
    const value = fc.uint8Array({ maxLength: 100 })
    const id = fc.integer({ min: 1, max: 0xffff }).filter((id) => id !== 6 && id !== 7)
    fc.assert(
      fc.property(fc.uniqueArray(fc.tuple(id, value), { selector: ([id]) => id }), (entries) => {
        const read = parseAvPairs(encodeAvPairs(new Map(entries)))
        expect([...read].map(([id, bytes]) => [id, [...bytes]])).toEqual(entries.map(([id, bytes]) => [id, [...bytes]]))
      }),
    )
  })

  it('a megabyte is refused in the time that it takes to look at it once', () => {
    const empty = Buffer.alloc(1 << 20)
    for (let at = 0; at + 4 <= empty.length; at += 4) empty.writeUInt16LE(1 + ((at / 4) % 0xfffe), at)
    const started = performance.now()
    expect(() => parseAvPairs(empty)).toThrow(AuthenticationError)
    const message = Buffer.concat([challengeMessage(), Buffer.alloc(1 << 20)])
    expect(parseChallenge(message).targetInfo?.size).toBe(3)
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
