import { describe, expect, it } from 'vitest'
import { MessageSigner, sealingKey, signingKey } from '../../src/crypto/message-signer.ts'
import { ntHash } from '../../src/crypto/nt-hash.ts'
import { lmv2Response, ntlmv2Response, responseKey } from '../../src/crypto/ntlmv2.ts'
import { Rc4 } from '../../src/crypto/rc4.ts'
import { answerChallenge } from '../../src/message/answer-challenge.ts'
import { encodeAvPairs, parseAvPairs } from '../../src/message/av-pairs.ts'
import { parseChallenge } from '../../src/message/challenge.ts'
import { encodeNegotiate } from '../../src/message/negotiate.ts'

// MS-NLMP section 4.2: what its tables print, spaces removed.

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex')

const user = 'User'
const domain = 'Domain'
const workstation = 'COMPUTER'
const serverChallenge = hex('0123456789abcdef')
const clientChallenge = Buffer.alloc(8, 0xaa)
const sessionKey = Buffer.alloc(16, 0x55)
const flags = 0xe28a8233
const plaintext = Buffer.from('Plaintext', 'utf16le')
const targetInfo = hex('02000c0044006f006d00610069006e0001000c0053006500720076006500720000000000')
const challengeMessage = hex(`
  4e544c4d53535000 02000000 0c000c0038000000 33828ae2 0123456789abcdef 0000000000000000 2400240044000000
  060070170000000f 530065007200760065007200
  02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000`)
const authenticateMessage = hex(`
  4e544c4d53535000 03000000 180018006c000000 5400540084000000 0c000c0048000000 0800080054000000 100010005c000000
  10001000d8000000 358288e2 0501280a0000000f
  44006f006d00610069006e00 5500730065007200 43004f004d0050005500540045005200
  86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa
  68cd0ab851e51c96aabc927bebef6a1c 0101000000000000 0000000000000000 aaaaaaaaaaaaaaaa 00000000
  02000c0044006f006d00610069006e00 01000c00530065007200760065007200 00000000 00000000
  c5dad2544fc9799094ce1ce90bc9d03e`)
/** What the client of section 4.2.4 must have offered to come out with its flags. */
const negotiate = encodeNegotiate(0xe2088235)
const identity = { user, domain, workstation, key: responseKey(ntHash('Password'), user, domain) }

const answered = answerChallenge({
  identity,
  negotiate,
  challenge: parseChallenge(challengeMessage),
  targetName: null,
  channelBindings: null,
  nowMs: -11_644_473_600_000,
  clientChallenge,
  sessionKey,
  version: hex('0501280a0000000f'),
})
const session = { sessionKey, flags }

describe('MS-NLMP 4.2.2, NTLMv1: what NTLMv2 takes from it', () => {
  it('has NTOWFv1()', () => {
    expect(ntHash('Password')).toEqual(hex('a4f49c406510bdcab6824ee7c30fd852'))
  })

  it('has MD4 of nothing (RFC 1320, A.5)', () => {
    expect(ntHash('')).toEqual(hex('31d6cfe0d16ae931b73c59d7e0c089c0'))
  })
})

describe('MS-NLMP 4.2.4, NTLMv2', () => {
  it('has NTOWFv2()', () => {
    expect(identity.key).toEqual(hex('0c868a403bfd7a93a3001ef22ef02e3f'))
  })

  it('takes the user in any case, the domain as it is', () => {
    expect(responseKey(ntHash('Password'), 'uSER', domain)).toEqual(identity.key)
    expect(responseKey(ntHash('Password'), user, 'DOMAIN')).not.toEqual(identity.key)
  })

  it('has temp, NTProofStr and the session base key', () => {
    const { response, sessionBaseKey } = ntlmv2Response({
      key: identity.key,
      serverChallenge,
      clientChallenge,
      time: 0n,
      targetInfo,
    })
    expect(response.subarray(0, 16)).toEqual(hex('68cd0ab851e51c96aabc927bebef6a1c'))
    expect(response.subarray(16)).toEqual(
      hex(`01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000${targetInfo.toString('hex')}00000000`),
    )
    expect(sessionBaseKey).toEqual(hex('8de40ccadbc14a82f15cb0ad0de95ca3'))
  })

  it('has the LMv2 response', () => {
    expect(lmv2Response(identity.key, serverChallenge, clientChallenge)).toEqual(
      hex('86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa'),
    )
  })

  it('has the encrypted session key', () => {
    expect(new Rc4(hex('8de40ccadbc14a82f15cb0ad0de95ca3')).update(sessionKey)).toEqual(
      hex('c5dad2544fc9799094ce1ce90bc9d03e'),
    )
  })

  it('reads the CHALLENGE_MESSAGE', () => {
    const challenge = parseChallenge(challengeMessage)
    expect(challenge.flags).toBe(flags)
    expect(Buffer.from(challenge.serverChallenge)).toEqual(serverChallenge)
    expect(
      [...(challenge.targetInfo ?? [])].map(([id, value]) => [id, Buffer.from(value).toString('utf16le')]),
    ).toEqual([
      [2, 'Domain'],
      [1, 'Server'],
    ])
    expect(encodeAvPairs(parseAvPairs(targetInfo))).toEqual(targetInfo)
  })

  it('writes the AUTHENTICATE_MESSAGE, byte by byte', () => {
    expect(answered.message.toString('hex')).toBe(authenticateMessage.toString('hex'))
  })

  it('has the session that it starts', () => {
    expect(answered.session).toEqual({ sessionKey, flags: 0xe2888235 })
  })
})

describe('MS-NLMP 4.2.4.4, GSS_WrapEx', () => {
  it('has the sealing and signing keys', () => {
    expect(sealingKey(session, 'client')).toEqual(hex('59f600973cc4960a25480a7c196e4c58'))
    expect(signingKey(sessionKey, 'client')).toEqual(hex('4788dc861b4782f35d43fd98fe1a2d39'))
  })

  it('has the sealed data and its signature', () => {
    const cipher = new Rc4(sealingKey(session, 'client'))
    expect(cipher.update(plaintext)).toEqual(hex('54e50165bf1936dc996020c1811b0f06fb5f'))
    expect(new MessageSigner(session, 'client', cipher).sign(plaintext)).toEqual(
      hex('010000007fb38ec5c55d497600000000'),
    )
  })

  // Section 4.2.3.4 of NTLMv1 with extended session security seals with the same keys' rules: 40 bits, no key exchange.
  it('has those of section 4.2.3.4, where no key is exchanged and 40 bits must do', () => {
    const weak = { sessionKey: hex('eb93429a8bd952f8b89c55b87f475edc'), flags: 0x820a8233 }
    expect(sealingKey(weak, 'client')).toEqual(hex('04dd7f014d8504d265a25cc86a3a7c06'))
    expect(signingKey(weak.sessionKey, 'client')).toEqual(hex('60e799be5c72fc92922ae8ebe961fb8d'))
    const cipher = new Rc4(sealingKey(weak, 'client'))
    expect(cipher.update(plaintext)).toEqual(hex('a02372f6530273f3aa1eb90190ce5200c99d'))
    expect(new MessageSigner(weak, 'client', cipher).sign(plaintext)).toEqual(hex('01000000ff2aeb52f681793a00000000'))
  })
})

describe('RC4', () => {
  it.each([
    ['Key', 'Plaintext', 'bbf316e8d940af0ad3'],
    ['Wiki', 'pedia', '1021bf0420'],
    ['Secret', 'Attack at dawn', '45a01f645fc35b383552544b9bf5'],
  ])('with the key %s makes of %s what it should', (key, text, sealed) => {
    expect(new Rc4(Buffer.from(key)).update(Buffer.from(text))).toEqual(hex(sealed))
  })

  it('goes on where it stopped', () => {
    const cipher = new Rc4(Buffer.from('Secret'))
    const pieces = [cipher.update(Buffer.from('Attack')), cipher.update(Buffer.from(' at dawn'))]
    expect(Buffer.concat(pieces)).toEqual(hex('45a01f645fc35b383552544b9bf5'))
  })
})
