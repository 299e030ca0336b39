import { createHash, X509Certificate } from 'node:crypto'
import { serverEndPoint } from '@entreat/core'
import { testCertificates } from '@entreat/testkit'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { readDer } from '../../src/auth/der.ts'

function der(tag: number, ...contents: (Uint8Array | readonly number[])[]): Uint8Array {
  const content = Buffer.concat(contents.map((part) => Buffer.from(part)))
  const { length } = content
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}

function identifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number)
  const bytes = [first * 40 + second]
  for (const arc of rest) {
    const digits = [arc & 127]
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 127) | 128)
    bytes.push(...digits)
  }
  return der(0x06, bytes)
}

/** A certificate as far as it matters: something to sign, the algorithm, the signature. */
function certificate(...algorithm: Uint8Array[]): Uint8Array {
  return der(0x30, der(0x30, Buffer.alloc(300, 1)), der(0x30, ...algorithm), der(0x03, Buffer.alloc(257, 2)))
}

const hashOf = (bytes: Uint8Array): string | null => {
  const data = serverEndPoint(bytes)
  if (data === null) return null
  const text = Buffer.from(data)
  expect(text.subarray(0, 21).toString()).toBe('tls-server-end-point:')
  const digest = text.subarray(21).toString('hex')
  const hashes = ['sha224', 'sha256', 'sha384', 'sha512', 'sha512-224', 'sha512-256', 'sha3-256', 'sha3-512']
  return hashes.find((hash) => createHash(hash).update(bytes).digest('hex') === digest) ?? 'another'
}

describe("the hash of a certificate's own signature (RFC 5929 section 4.1)", () => {
  test.each([
    ['md5WithRSAEncryption', '1.2.840.113549.1.1.4', 'sha256'],
    ['sha1WithRSAEncryption', '1.2.840.113549.1.1.5', 'sha256'],
    ['sha256WithRSAEncryption', '1.2.840.113549.1.1.11', 'sha256'],
    ['sha384WithRSAEncryption', '1.2.840.113549.1.1.12', 'sha384'],
    ['sha512WithRSAEncryption', '1.2.840.113549.1.1.13', 'sha512'],
    ['sha224WithRSAEncryption', '1.2.840.113549.1.1.14', 'sha224'],
    ['sha512-256WithRSAEncryption', '1.2.840.113549.1.1.16', 'sha512-256'],
    ['ecdsa-with-SHA1', '1.2.840.10045.4.1', 'sha256'],
    ['ecdsa-with-SHA256', '1.2.840.10045.4.3.2', 'sha256'],
    ['ecdsa-with-SHA384', '1.2.840.10045.4.3.3', 'sha384'],
    ['ecdsa-with-SHA512', '1.2.840.10045.4.3.4', 'sha512'],
    ['dsa-with-sha1', '1.2.840.10040.4.3', 'sha256'],
    ['dsa-with-sha256', '2.16.840.1.101.3.4.3.2', 'sha256'],
    ['ecdsa-with-SHA3-256', '2.16.840.1.101.3.4.3.10', 'sha3-256'],
    ['rsassa-pkcs1-v1_5-with-SHA3-512', '2.16.840.1.101.3.4.3.16', 'sha3-512'],
    ['Ed25519, which has none', '1.3.101.112', null],
    ['one that is not known', '1.2.3.4', null],
  ])('%s', (_, dotted, hash) => {
    expect(hashOf(certificate(identifier(dotted), der(0x05)))).toBe(hash)
  })

  test.each([
    ['SHA-384', der(0xa0, der(0x30, identifier('2.16.840.1.101.3.4.2.2'), der(0x05))), 'sha384'],
    ['SHA-1, which gives way to SHA-256', der(0xa0, der(0x30, identifier('1.3.14.3.2.26'))), 'sha256'],
    ['nothing, which is SHA-1', new Uint8Array(), 'sha256'],
    ['a hash that is not known', der(0xa0, der(0x30, identifier('1.2.3'))), null],
    ['nonsense', der(0xa0, [1, 2, 3]), null],
  ])('RSASSA-PSS with %s', (_, hash, expected) => {
    expect(hashOf(certificate(identifier('1.2.840.113549.1.1.10'), der(0x30, hash)))).toBe(expected)
  })

  test('none of what is no certificate', () => {
    for (const bytes of [
      [],
      [0x30],
      [0x30, 0x80],
      [0x30, 0x84, 255, 255, 255, 255],
      [0x04, 0x00],
      [0x1f, 0x81, 0x01, 0],
    ]) {
      expect(serverEndPoint(Uint8Array.from(bytes))).toBeNull()
    }
    expect(serverEndPoint(certificate())).toBeNull()
    expect(serverEndPoint(certificate(der(0x02, [1])))).toBeNull()
  })

  test('any bytes are read without an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        serverEndPoint(bytes)
        serverEndPoint(der(0x30, der(0x30, []), der(0x30, bytes)))
      }),
    )
  })

  test('what was written as DER is read back', () => {
    const element = fc.record({ tag: fc.constantFrom(2, 4, 6, 0x30, 0xa0), content: fc.uint8Array({ maxLength: 400 }) })
    fc.assert(
      fc.property(fc.array(element, { maxLength: 5 }), (elements) => {
        const bytes = Buffer.concat(elements.map(({ tag, content }) => der(tag, content)))
        expect(readDer(bytes).map(({ tag, content }) => [tag, [...content]])).toEqual(
          elements.map(({ tag, content }) => [tag, [...content]]),
        )
      }),
    )
  })
})

test('a real certificate, signed with ECDSA and SHA-256', () => {
  expect(hashOf(new X509Certificate(testCertificates().server.cert).raw)).toBe('sha256')
})
