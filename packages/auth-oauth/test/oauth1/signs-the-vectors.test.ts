import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bodyHash, resolveMethod } from '../../src/oauth1/signature-method.ts'
import { encodedPairs, SignaturePrimitives } from '../../src/oauth1/signature-primitives.ts'
import { bodyOf, partsOf, privateKeyOf, type VectorInput, vectorSet } from './support/vectors.ts'

function primitivesFor(input: VectorInput): SignaturePrimitives {
  const { sign } = resolveMethod(input.signature_method, privateKeyOf(input))
  return new SignaturePrimitives({ clientKey: input.client_key, clientSecret: input.client_secret ?? '', sign })
}

const encode = new SignaturePrimitives({ clientKey: 'k', clientSecret: 's', sign: () => '' })

describe('the primitives over oauth-1.0a', () => {
  test('there are 93 vectors, of every kind', () => {
    expect(vectorSet.vectors).toHaveLength(93)
    const methods = new Set(vectorSet.vectors.map(({ input }) => input.signature_method))
    expect([...methods].sort()).toEqual([
      'HMAC-SHA1',
      'HMAC-SHA512',
      'PLAINTEXT',
      'RSA-SHA1',
      'RSA-SHA256',
      'RSA-SHA512',
    ])
  })

  describe.each(vectorSet.vectors)('$id', ({ input, expected }) => {
    const primitives = primitivesFor(input)

    test('has the base string, signature and place of the set', async () => {
      const { oauth_signature: _, ...unsigned } = expected.oauth_params
      const parts = partsOf(input)
      // There is no base string for PLAINTEXT, which signs none.
      if (expected.base_string !== null) expect(primitives.baseString(parts, unsigned)).toBe(expected.base_string)
      expect(await primitives.signature(parts, unsigned, input.token_secret ?? '')).toBe(expected.signature)
      const signed = { ...unsigned, oauth_signature: expected.signature }
      if (expected.authorization !== undefined) {
        expect(primitives.header(signed, input.realm ?? null)).toBe(expected.authorization)
      }
      const added = primitives.formText(signed)
      if (expected.signed_url !== undefined) expect(expected.signed_url.endsWith(added)).toBe(true)
      if (expected.signed_body !== undefined) expect(expected.signed_body.endsWith(added)).toBe(true)
    })
  })

  test.each(vectorSet.percent_encoding)('encodes $in', ({ in: text, out }) => {
    expect(encode.percentEncode(text)).toBe(out)
  })

  test.each(vectorSet.normalization)('normalises to $out', ({ params, out }) => {
    const query = params.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')
    const parts = { method: 'GET', url: `https://example.com/?${query}` }
    expect(decodeURIComponent(encode.baseString(parts, {}).split('&')[2] as string)).toBe(out)
  })

  test.each(vectorSet.hmac_sha1)('signs with the key of $client_secret and $token_secret', async (vector) => {
    const { sign } = resolveMethod('HMAC-SHA1', undefined)
    const primitives = new SignaturePrimitives({ clientKey: 'k', clientSecret: vector.client_secret, sign })
    expect(await sign(vector.base_string, primitives.getSigningKey(vector.token_secret))).toBe(vector.signature)
  })

  test.each(vectorSet.body_hash)('hashes the body "$body"', async ({ body, hash }) => {
    expect(await bodyHash('sha1', Buffer.from(body))).toBe(hash)
  })

  test('hashes the bodies of the body hash vectors', async () => {
    for (const { input, expected } of vectorSet.vectors) {
      if (input.body_hash !== true) continue
      expect(await bodyHash('sha1', bodyOf(input) ?? Buffer.alloc(0))).toBe(expected.oauth_params['oauth_body_hash'])
    }
  })
})

describe('what no vector says', () => {
  test('HMAC-SHA256 signs as its algorithm says', async () => {
    const { sign } = resolveMethod('HMAC-SHA256', undefined)
    // RFC 4231 test case 2
    const expected = '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'
    const signature = await sign('what do ya want for nothing?', 'Jefe')
    expect(Buffer.from(signature, 'base64').toString('hex')).toBe(expected)
  })

  test('names of Object.prototype are names like others', () => {
    const parts = { method: 'GET', url: 'https://example.com/?constructor=1&__proto__=2&toString' }
    expect(encode.baseString(parts, {})).toContain('__proto__%3D2%26constructor%3D1%26toString%3D')
  })

  test('bytes that are no UTF-8 stay what they are', () => {
    expect(encodedPairs(Buffer.from('a=%FF%c3&b=%zz'))).toEqual([
      ['a', '%FF%C3'],
      ['b', '%25zz'],
    ])
  })

  test('a realm is a quoted string, the empty one too (RFC 9110 section 5.6.4)', () => {
    const protocol = { oauth_nonce: 'n' }
    expect(encode.header(protocol, 'a "b" \\ $& c')).toBe('OAuth realm="a \\"b\\" \\\\ $& c", oauth_nonce="n"')
    expect(encode.header(protocol, '')).toBe('OAuth realm="", oauth_nonce="n"')
  })

  test('a method of its own is encoded in the base string', () => {
    expect(encode.baseString({ method: "x'y", url: 'http://example.com' }, {})).toBe(
      'X%27Y&http%3A%2F%2Fexample.com%2F&',
    )
  })

  test('text with half a surrogate pair is signed, not refused with URIError', () => {
    expect(encode.percentEncode('a\ud800b')).toBe('a%EF%BF%BDb')
  })

  test('any pairs that URLSearchParams writes are read back as they were', () => {
    const pairs = fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })))
    fc.assert(
      fc.property(pairs, (given) => {
        const text = new URLSearchParams(given).toString()
        const read = encodedPairs(Buffer.from(text))
        const kept = given.filter(([name, value]) => name !== '' || value !== '' || text.includes('='))
        expect(read.map((pair) => pair.map(decodeURIComponent))).toEqual(
          kept.map((pair) => pair.map((t) => t.toWellFormed())),
        )
      }),
    )
  })

  test('a form of a megabyte is read in time that grows with its length', () => {
    const text = Buffer.from('%=&+'.repeat(262_144))
    expect(encodedPairs(text)).toHaveLength(262_145)
  })
})
