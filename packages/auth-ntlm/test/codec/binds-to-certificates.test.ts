import { createHash } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bindingsOfHash, certificateHash, channelBindings } from '../../src/channel-bindings.ts'
import { encodeElement, Tag } from '../../src/spnego/der.ts'

const BIT_STRING = 0x03
const NULL = Buffer.from([5, 0])

/** As much of a certificate as its signature's algorithm takes. */
function signedBy(identifier: string, ...parameters: Uint8Array[]): Buffer {
  const algorithm = encodeElement(Tag.SEQUENCE, oid(identifier), ...parameters)
  return encodeElement(Tag.SEQUENCE, encodeElement(Tag.SEQUENCE), algorithm, encodeElement(BIT_STRING, Buffer.alloc(9)))
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second, ...rest.flatMap(base128)]
  return encodeElement(Tag.OBJECT_IDENTIFIER, Buffer.from(bytes))
}

function base128(value: number): number[] {
  const digits = [value & 0x7f]
  for (let left = value >>> 7; left > 0; left >>>= 7) digits.unshift((left & 0x7f) | 0x80)
  return digits
}

/** RSASSA-PSS-params with a hash, or without one. */
function pss(hash?: string): Buffer {
  if (hash === undefined) return encodeElement(Tag.SEQUENCE)
  const algorithm = encodeElement(Tag.SEQUENCE, oid(hash), NULL)
  return encodeElement(Tag.SEQUENCE, encodeElement(0xa0, algorithm))
}

describe('the hash of tls-server-end-point (RFC 5929 section 4.1)', () => {
  it.each([
    ['md5WithRSAEncryption', '1.2.840.113549.1.1.4', 'sha256'],
    ['sha1WithRSAEncryption', '1.2.840.113549.1.1.5', 'sha256'],
    ['sha256WithRSAEncryption', '1.2.840.113549.1.1.11', 'sha256'],
    ['sha384WithRSAEncryption', '1.2.840.113549.1.1.12', 'sha384'],
    ['sha512WithRSAEncryption', '1.2.840.113549.1.1.13', 'sha512'],
    ['sha224WithRSAEncryption', '1.2.840.113549.1.1.14', 'sha224'],
    ['ecdsa-with-SHA1', '1.2.840.10045.4.1', 'sha256'],
    ['ecdsa-with-SHA256', '1.2.840.10045.4.3.2', 'sha256'],
    ['ecdsa-with-SHA384', '1.2.840.10045.4.3.3', 'sha384'],
    ['ecdsa-with-SHA512', '1.2.840.10045.4.3.4', 'sha512'],
    ['dsa-with-sha1', '1.2.840.10040.4.3', 'sha256'],
    ['dsa-with-sha256', '2.16.840.1.101.3.4.3.2', 'sha256'],
    ['ecdsa-with-SHA3-384', '2.16.840.1.101.3.4.3.11', 'sha3-384'],
    ['RSA with SHA3-512', '2.16.840.1.101.3.4.3.16', 'sha3-512'],
  ])('of %s is that of the signature, SHA-256 at least', (_name, identifier, hash) => {
    expect(certificateHash(signedBy(identifier, NULL))).toBe(hash)
  })

  it.each([
    ['SHA-1, by default', undefined, 'sha256'],
    ['SHA-1', '1.3.14.3.2.26', 'sha256'],
    ['SHA-256', '2.16.840.1.101.3.4.2.1', 'sha256'],
    ['SHA-384', '2.16.840.1.101.3.4.2.2', 'sha384'],
    ['SHA-512', '2.16.840.1.101.3.4.2.3', 'sha512'],
    ['an unknown hash', '1.2.3.4', null],
  ])('of RSASSA-PSS is among its parameters: %s', (_name, identifier, hash) => {
    expect(certificateHash(signedBy('1.2.840.113549.1.1.10', pss(identifier)))).toBe(hash)
  })

  it.each([
    ['Ed25519', '1.3.101.112'],
    ['Ed448', '1.3.101.113'],
    ['an algorithm nobody has heard of', '1.2.3.4.5'],
  ])('of %s is undefined', (_name, identifier) => {
    expect(certificateHash(signedBy(identifier))).toBeNull()
    expect(channelBindings(signedBy(identifier))).toBeNull()
  })

  it('of what is no certificate is undefined', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(certificateHash(bytes)).toBeNull()
        expect(certificateHash(encodeElement(Tag.SEQUENCE, bytes))).toBeNull()
      }),
    )
  })
})

describe('channel bindings', () => {
  it('are what other implementations make of the same hash', () => {
    const hash = Buffer.from('ea05fefecc6b0bd571dbbc5baa3ed45386d0446835f7b74c85621b9983475f95', 'hex')
    expect(bindingsOfHash(hash).toString('hex')).toBe('6586e99d81c2fc984e47172fd4dd0310')
  })

  it('follow the certificate', () => {
    const certificate = signedBy('1.2.840.10045.4.3.3')
    expect(channelBindings(certificate)).toEqual(bindingsOfHash(createHash('sha384').update(certificate).digest()))
  })
})
