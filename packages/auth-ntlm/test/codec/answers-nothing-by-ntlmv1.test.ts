import { NtlmVerifier } from '@entreat/testkit'
import { createCipheriv, createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { ntHash } from '../../src/crypto/nt-hash.ts'
import { ntlmv2Response, responseKey } from '../../src/crypto/ntlmv2.ts'
import { answerChallenge } from '../../src/message/answer-challenge.ts'
import { parseChallenge } from '../../src/message/challenge.ts'
import { encodeNegotiate } from '../../src/message/negotiate.ts'

// MS-NLMP sections 4.2.2 and 4.2.3: the messages of NTLMv1, which this client reads and never answers in kind.

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')

const serverChallenge = hex('0123456789abcdef')
const clientChallenge = Buffer.alloc(8, 0xaa)
const names = '44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200'
const places = '1800 1800 6c000000 1800 1800 84000000 0c00 0c00 48000000 0800 0800 54000000 1000 1000 5c000000'

const sections = [
  {
    name: '4.2.2, NTLMv1',
    flags: 0xe2028233,
    challenge: '3382 02e2',
    lm: '98def7b87f88aa5dafe2df779688a172def11c7d5ccdef13',
    nt: '67c43011f30298a2ad35ece64f16331c44bdbed927841f94',
    key: '518822b1b3f350c8958682ecbb3e3cb7',
    agreed: '358280e2',
    challenged: serverChallenge,
  },
  {
    name: '4.2.3, NTLMv1 with extended session security',
    flags: 0x820a8233,
    challenge: '3382 0a82',
    lm: 'aaaaaaaaaaaaaaaa 00000000000000000000000000000000',
    nt: '7537f803ae367128ca458204bde7caf81e97ed2683267232',
    key: '',
    agreed: '35820882',
    // Section 3.3.1: both challenges go into what is encrypted.
    challenged: createHash('md5')
      .update(Buffer.concat([serverChallenge, clientChallenge]))
      .digest()
      .subarray(0, 8),
  },
]

describe.each(sections)('the messages of MS-NLMP $name', ({ flags, challenge, lm, nt, key, agreed, challenged }) => {
  const challengeMessage = hex(
    `4e544c4d53535000 02000000 0c00 0c00 38000000 ${challenge} 0123456789abcdef 0000000000000000 0000 0000 00000000
     060070170000000f 530065007200760065007200`,
  )
  const keyLength = key === '' ? '0000 0000' : '1000 1000'
  const authenticateMessage = hex(
    `4e544c4d53535000 03000000 ${places} ${keyLength} 9c000000 ${agreed} 0501280a0000000f ${names} ${lm} ${nt} ${key}`,
  )

  it('hold the response that DES makes of the NT hash', () => {
    expect(desl(ntHash('Password'), challenged)).toEqual(hex(nt))
  })

  it('have a challenge that is read', () => {
    const read = parseChallenge(challengeMessage)
    expect([read.flags, Buffer.from(read.serverChallenge), read.targetInfo]).toEqual([flags, serverChallenge, null])
  })

  it('have a challenge that is answered by NTLMv2 all the same', () => {
    const identity = {
      user: 'User',
      domain: 'Domain',
      workstation: '',
      key: responseKey(ntHash('Password'), 'User', 'Domain'),
    }
    const { message } = answerChallenge({
      identity,
      negotiate: encodeNegotiate(0xe2088235),
      challenge: parseChallenge(challengeMessage),
      targetName: null,
      channelBindings: null,
      nowMs: -11_644_473_600_000,
      clientChallenge,
      sessionKey: Buffer.alloc(16, 0x55),
    })
    // No target information but the pair that ends it.
    const expected = { key: identity.key, serverChallenge, clientChallenge, time: 0n, targetInfo: Buffer.alloc(4) }
    expect(message.includes(ntlmv2Response(expected).response)).toBe(true)
    expect(message.includes(hex(nt)) || message.includes(hex(lm))).toBe(false)
  })

  it('have an answer that a strict server refuses', () => {
    const verifier = new NtlmVerifier({ username: 'User', password: 'Password', domain: 'Domain', serverChallenge })
    const sent = (message: Buffer): string => `NTLM ${message.toString('base64')}`
    verifier.verify({ connection: 1, authorization: sent(encodeNegotiate(0xe2088235)) })
    const verdict = verifier.verify({ connection: 1, authorization: sent(authenticateMessage) })
    expect([verdict.isAccepted, verifier.accepted]).toEqual([false, 0])
    expect(verifier.refusals.at(-1)).toBe('ntlmv1')
  })
})

/** DESL of MS-NLMP section 6: three times DES, with what 16 bytes give for three keys. */
function desl(key: Uint8Array, data: Uint8Array): Buffer {
  const padded = Buffer.concat([key, Buffer.alloc(5)])
  return Buffer.concat([0, 7, 14].map((at) => des(padded.subarray(at, at + 7), data)))
}

/** One DES: OpenSSL 3 has only the triple one, which with one key three times is the same. */
function des(key: Buffer, data: Uint8Array): Buffer {
  const bits = BigInt(`0x${key.toString('hex')}`)
  const spread = Buffer.from(Array.from({ length: 8 }, (_, at) => Number((bits >> BigInt(49 - at * 7)) & 0x7fn) << 1))
  const cipher = createCipheriv('des-ede3', Buffer.concat([spread, spread, spread]), null).setAutoPadding(false)
  return Buffer.concat([cipher.update(data), cipher.final()])
}
