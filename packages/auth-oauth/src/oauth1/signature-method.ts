import { createHash, createHmac, createPrivateKey, KeyObject, sign as signBytes } from 'node:crypto'
import { UsageError } from '@entreat/core'
import type { Sign } from './signature-primitives.ts'

/** The signature methods that are built in: those of RFC 5849, and the same with SHA-2. */
export type SignatureMethodName =
  | 'HMAC-SHA1'
  | 'HMAC-SHA256'
  | 'HMAC-SHA512'
  | 'RSA-SHA1'
  | 'RSA-SHA256'
  | 'RSA-SHA512'
  | 'PLAINTEXT'

/** A signature method of your own: a key service, a hardware module, another algorithm. */
export interface CustomSignatureMethod {
  /** Sent as `oauth_signature_method`. */
  readonly name: string
  /**
   * Gives the signature as it is to be sent, before encoding.
   *
   * @param baseString - RFC 5849 section 3.4.1.
   * @param signingKey - both secrets, encoded and joined by `&`.
   */
  sign(baseString: string, signingKey: string): string | Promise<string>
}

/** How requests are signed. */
export type SignatureMethod = SignatureMethodName | CustomSignatureMethod

/** A private RSA key: PEM, or a KeyObject. */
export type RSAPrivateKey = string | Uint8Array | KeyObject

/** Hashes that bodies are summed up with. */
export type BodyHashAlgorithm = 'sha1' | 'sha256' | 'sha512'

/** A signature method with its key. */
export interface ResolvedMethod {
  readonly name: string
  readonly sign: Sign
  /** The hash that the method is built on; SHA-1 where it is not known. */
  readonly hash: BodyHashAlgorithm
  /** Whether the signature shows the secrets. */
  readonly isPlaintext: boolean
}

type Family = 'HMAC' | 'RSA'

const METHODS: ReadonlyMap<string, readonly [family: Family, hash: BodyHashAlgorithm]> = new Map([
  ['HMAC-SHA1', ['HMAC', 'sha1']],
  ['HMAC-SHA256', ['HMAC', 'sha256']],
  ['HMAC-SHA512', ['HMAC', 'sha512']],
  ['RSA-SHA1', ['RSA', 'sha1']],
  ['RSA-SHA256', ['RSA', 'sha256']],
  ['RSA-SHA512', ['RSA', 'sha512']],
])

/**
 * Finds a signature method.
 *
 * @param privateKey - needed by the RSA methods, and by no other.
 * @throws UsageError for an unknown name, a missing or superfluous key, or a key that is not RSA.
 */
export function resolveMethod(method: SignatureMethod, privateKey: RSAPrivateKey | undefined): ResolvedMethod {
  if (typeof method === 'object' && method !== null) return customMethod(method)
  const [family, hash] = METHODS.get(method) ?? []
  if (family === 'RSA') {
    const key = readPrivateKey(privateKey, method)
    const sign: Sign = (baseString) => signBytes(hash, Buffer.from(baseString), key).toString('base64')
    return { name: method, sign, hash: hash as BodyHashAlgorithm, isPlaintext: false }
  }
  if (privateKey !== undefined) {
    throw new UsageError(`OAuth1: privateKey is for the RSA methods; ${JSON.stringify(method)} signs with secrets`)
  }
  if (method === 'PLAINTEXT') return { name: method, sign: (_, key) => key, hash: 'sha1', isPlaintext: true }
  if (hash === undefined) {
    const known = [...METHODS.keys(), 'PLAINTEXT'].join(', ')
    throw new UsageError(`OAuth1: signatureMethod must be one of ${known}, or an object with a name and sign()`)
  }
  const sign: Sign = (baseString, key) => createHmac(hash, key).update(baseString).digest('base64')
  return { name: method, sign, hash, isPlaintext: false }
}

function customMethod(method: CustomSignatureMethod): ResolvedMethod {
  if (typeof method.name !== 'string' || method.name === '' || typeof method.sign !== 'function') {
    throw new UsageError(
      'OAuth1: a signatureMethod of your own needs a name and a function sign(baseString, signingKey)',
    )
  }
  const sign: Sign = (baseString, key) => method.sign(baseString, key)
  return { name: method.name, sign, hash: 'sha1', isPlaintext: method.name.toUpperCase() === 'PLAINTEXT' }
}

function readPrivateKey(key: RSAPrivateKey | undefined, method: string): KeyObject {
  if (key === undefined) throw new UsageError(`OAuth1: ${method} needs a privateKey`)
  let read: KeyObject
  try {
    read = key instanceof KeyObject ? key : createPrivateKey(typeof key === 'string' ? key : Buffer.from(key))
  } catch {
    // Its own message can quote the key.
    throw new UsageError('OAuth1: privateKey is no private key in PEM that can be read without a passphrase')
  }
  if (read.type !== 'private' || read.asymmetricKeyType !== 'rsa') {
    throw new UsageError(`OAuth1: ${method} needs a private RSA key`)
  }
  return read
}

/** `oauth_body_hash`: base64 of the hash of a body's bytes. */
export async function bodyHash(
  algorithm: BodyHashAlgorithm,
  body: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<string> {
  const hash = createHash(algorithm)
  if (body instanceof Uint8Array) hash.update(body)
  else for await (const chunk of body) hash.update(chunk)
  return hash.digest('base64')
}
