import { AuthenticationError } from '@entreat/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hmacMd5 } from '../../src/crypto/md5.ts'
import { answerChallenge, type Answering } from '../../src/message/answer-challenge.ts'
import { encodeAuthenticate } from '../../src/message/authenticate.ts'
import { parseChallenge } from '../../src/message/challenge.ts'
import { OFFERED_FLAGS } from '../../src/message/flags.ts'
import { encodeNegotiate } from '../../src/message/negotiate.ts'
import { challengeMessage, partOf } from '../support/messages.ts'

const negotiate = encodeNegotiate(OFFERED_FLAGS)

function answering(challenge: Buffer): Answering {
  return {
    identity: { user: 'ali', domain: 'DOM', workstation: 'desk', key: Buffer.alloc(16, 1) },
    negotiate,
    challenge: parseChallenge(challenge),
    targetName: 'HTTP/localhost',
    channelBindings: null,
    nowMs: 0,
    clientChallenge: Buffer.alloc(8, 2),
    sessionKey: Buffer.alloc(16, 3),
  }
}

describe('the opening message', () => {
  it('has 40 bytes and names nobody', () => {
    expect(negotiate).toHaveLength(40)
    expect([partOf(negotiate, 16), partOf(negotiate, 24)]).toEqual([Buffer.alloc(0), Buffer.alloc(0)])
  })

  it('offers neither OEM character sets nor LAN Manager keys', () => {
    expect(negotiate.readUInt32LE(12) & (0x2 | 0x80)).toBe(0)
  })
})

describe('the answer to a challenge', () => {
  it('is signed over all three messages', () => {
    const challenge = challengeMessage()
    const { message, session } = answerChallenge(answering(challenge))
    const mic = Buffer.from(message.subarray(72, 88))
    message.fill(0, 72, 88)
    expect(mic).toEqual(hmacMd5(session.sessionKey, negotiate, challenge, message))
  })

  it('agrees to nothing that was not offered', () => {
    const { session } = answerChallenge(answering(challengeMessage({ flags: 0xffffffff })))
    expect((session.flags & ~OFFERED_FLAGS) >>> 0).toBe(0x800000)
  })

  it('is refused where a length field could not tell its length', () => {
    const pairs = new Map([[2, Buffer.alloc(65_500)]])
    expect(() => answerChallenge(answering(challengeMessage({ pairs })))).toThrow(AuthenticationError)
    expect(() => answerChallenge(answering(challengeMessage({ pairs })))).toThrow(/so long that no message can answer/)
  })

  it('holds every part where it says', () => {
    const bytes = fc.uint8Array({ maxLength: 300 })
    fc.assert(
      fc.property(fc.tuple(fc.string(), fc.string(), fc.string(), bytes, bytes, bytes, fc.boolean()), (parts) => {
        const [domain, user, workstation, lmResponse, ntResponse, encryptedSessionKey, hasMic] = parts
        const texts = { domain, user, workstation }
        const message = encodeAuthenticate({
          flags: 1,
          ...texts,
          lmResponse,
          ntResponse,
          encryptedSessionKey,
          hasMic,
        })
        expect([28, 36, 44].map((at) => partOf(message, at).toString('utf16le'))).toEqual(Object.values(texts))
        expect([12, 20, 52].map((at) => [...partOf(message, at)])).toEqual(
          [lmResponse, ntResponse, encryptedSessionKey].map((part) => [...part]),
        )
      }),
    )
  })
})
