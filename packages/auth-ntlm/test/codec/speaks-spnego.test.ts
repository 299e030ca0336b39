import { AuthenticationError } from '@entreat/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeElement, readElement, readElements, Tag } from '../../src/spnego/der.ts'
import { encodeInitialToken, encodeResponseToken, MECHANISM_LIST, parseReply } from '../../src/spnego/tokens.ts'
import { NTLM_OID, spnegoReply } from '../support/messages.ts'

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')

describe('SPNEGO (RFC 4178)', () => {
  it('opens with NTLM alone, in the frame of RFC 2743 section 3.1', () => {
    expect(encodeInitialToken(hex('abcd')).toString('hex')).toBe(
      hex('6022 06062b0601050502 a018 3016 a00e 300c 060a2b06010401823702020a a204 0402abcd').toString('hex'),
    )
  })

  it('signs the list of mechanisms as it was sent', () => {
    expect(encodeInitialToken(Buffer.alloc(2)).includes(MECHANISM_LIST)).toBe(true)
    expect(MECHANISM_LIST).toEqual(hex('300c 060a 2b06010401823702020a'))
  })

  it('answers with a token, and with a signature if there is one', () => {
    expect(encodeResponseToken(hex('abcd'), null)).toEqual(hex('a108 3006 a204 0402abcd'))
    expect(encodeResponseToken(hex('abcd'), hex('ef'))).toEqual(hex('a10d 300b a204 0402abcd a303 0401ef'))
  })

  it('reads every field of a reply', () => {
    const bytes = spnegoReply({ state: 1, mechanism: NTLM_OID, token: hex('aa'), mic: hex('bb') })
    expect(parseReply(bytes)).toEqual({
      state: 'accept-incomplete',
      choosesNtlm: true,
      token: hex('aa'),
      mechListMic: hex('bb'),
    })
  })

  it('reads a reply without fields', () => {
    expect(parseReply(spnegoReply({}))).toEqual({ state: null, choosesNtlm: null, token: null, mechListMic: null })
  })

  it('sees that another mechanism was chosen', () => {
    expect(parseReply(spnegoReply({ mechanism: '2a864886f712010202' })).choosesNtlm).toBe(false)
  })

  it.each([
    ['nothing', ''],
    ['an initial token', '6000'],
    ['no sequence', 'a1020400'],
    ['an indefinite length', 'a180 3080 0000 0000'],
    ['a length of five bytes', 'a185 0000000002 3000'],
    ['a length past the end', 'a10a 3003 a0030a'],
    ['the largest length', 'a184ffffffff 3000'],
    ['a field that is cut off', 'a105 3003 a0030a'],
    ['a state that is no enumeration', 'a107 3005 a003 020100'],
    ['a fifth state', 'a107 3005 a003 0a0104'],
    ['a state of two bytes', 'a108 3006 a004 0a020000'],
    ['a token that is no octet string', 'a107 3005 a203 030100'],
    ['a tag of several bytes', 'a104 3002 bf81'],
  ])('refuses %s', (_what, bytes) => {
    expect(() => parseReply(hex(bytes))).toThrow(AuthenticationError)
    expect(() => parseReply(hex(bytes))).toThrow(/SPNEGO token is malformed/)
  })

  it('reads or refuses whatever bytes there are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          parseReply(bytes)
          parseReply(encodeElement(0xa1, encodeElement(Tag.SEQUENCE, bytes)))
        } catch (error) {
          if (!(error instanceof AuthenticationError)) throw error
        }
      }),
    )
  })

  it('reads what it writes, of any length', () => {
    fc.assert(
      fc.property(fc.nat(0x11000), (length) => {
        const content = Buffer.alloc(length, 7)
        const bytes = encodeElement(Tag.OCTET_STRING, content)
        const element = readElement(bytes)
        expect([element?.tag, element?.end]).toEqual([Tag.OCTET_STRING, bytes.length])
        expect(element?.content.equals(content)).toBe(true)
      }),
      { numRuns: 30 },
    )
  })

  it('takes a megabyte of elements in the time that it takes to look at it once', () => {
    const started = performance.now()
    expect(readElements(Buffer.alloc(1 << 20, Buffer.from([4, 0])))).toHaveLength(1 << 19)
    expect(readElements(Buffer.alloc(1 << 20, Buffer.from([0xa0, 0x84])))).toBeNull()
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
