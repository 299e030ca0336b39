import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  KeyObject,
  sign as signBytes,
  type SignKeyObjectInput,
} from 'node:crypto'
import { UsageError } from '@entreat/core'

/** A private key: a KeyObject, PEM text or bytes, or a JWK. */
export type KeyLike = KeyObject | string | Uint8Array | JsonWebKey

/** Signs elsewhere: in a key service or a hardware module. */
export interface JwsSigner {
  /** The JWS algorithm, such as `ES256`. */
  readonly alg: string
  /** Goes into the header as `kid`. */
  readonly keyId?: string
  /** Signs the bytes of `header.payload`. ECDSA signatures are the two numbers side by side (RFC 7518 section 3.4). */
  sign(input: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/** The JWS algorithm of each curve (RFC 7518 section 3.4). */
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' }

/**
 * A signer with a private key of this process.
 *
 * @param alg - default: the usual one of the key: RS256, ES256, ES384, ES512 or EdDSA.
 * @throws UsageError for what is no private key, or does not fit the algorithm. The message shows nothing of it.
 */
export function keySigner(key: KeyLike, alg?: string, keyId?: string): JwsSigner {
  const privateKey = readPrivateKey(key)
  const algorithm = alg ?? usualAlgorithm(privateKey)
  const input = signInput(privateKey, algorithm)
  const hash = algorithm.startsWith('Ed') ? null : `sha${algorithm.slice(2)}`
  return {
    alg: algorithm,
    ...(keyId === undefined ? {} : { keyId }),
    sign: (bytes) => signBytes(hash, bytes, input),
  }
}

/** A signer with a shared secret. @param alg - `HS256`, `HS384` or `HS512`. */
export function secretSigner(secret: string, alg: string): JwsSigner {
  if (!/^HS(?:256|384|512)$/.test(alg))
    throw new UsageError(`A shared secret signs with HS256, HS384 or HS512, not ${alg}`)
  return {
    alg,
    sign: (bytes) =>
      createHmac(`sha${alg.slice(2)}`, secret)
        .update(bytes)
        .digest(),
  }
}

/** A compact JWS over JSON (RFC 7515 section 7.1). */
export async function signJwt(
  signer: JwsSigner,
  header: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const kid = signer.keyId === undefined ? {} : { kid: signer.keyId }
  const input = `${encodeJson({ ...header, alg: signer.alg, ...kid })}.${encodeJson(claims)}`
  const signature = await signer.sign(Buffer.from(input))
  return `${input}.${Buffer.from(signature).toString('base64url')}`
}

function encodeJson(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Whether a value signs by itself, instead of being a key. */
export function isSigner(value: KeyLike | JwsSigner): value is JwsSigner {
  return typeof value === 'object' && typeof (value as Partial<JwsSigner>).sign === 'function'
}

/** @throws UsageError for what is no private key. */
export function readPrivateKey(key: KeyLike): KeyObject {
  try {
    const read = key instanceof KeyObject ? key : importKey(key)
    if (read.type === 'private') return read
  } catch {
    // The original message may quote the key.
  }
  throw new UsageError('The key is not a private key: give a KeyObject, PEM text, or a JWK with its private members')
}

function importKey(key: Exclude<KeyLike, KeyObject>): KeyObject {
  if (typeof key === 'string') return createPrivateKey(key)
  if (key instanceof Uint8Array) return createPrivateKey(Buffer.from(key))
  return createPrivateKey({ key, format: 'jwk' })
}

/** The public half, as JWK. */
export function publicJwk(key: KeyObject): JsonWebKey {
  return createPublicKey(key).export({ format: 'jwk' })
}

function usualAlgorithm(key: KeyObject): string {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key
  if (type === 'rsa') return 'RS256'
  if (type === 'rsa-pss') return 'PS256'
  if (type === 'ed25519') return 'EdDSA'
  const curve = type === 'ec' ? CURVES[details?.namedCurve ?? ''] : undefined
  if (curve === undefined) throw new UsageError(`No JWS algorithm is known for a key of type ${type ?? 'unknown'}`)
  return curve
}

function signInput(key: KeyObject, alg: string): SignKeyObjectInput {
  const type = key.asymmetricKeyType
  const isRsa = type === 'rsa' || type === 'rsa-pss'
  if (/^RS(?:256|384|512)$/.test(alg) && type === 'rsa') return { key }
  if (/^PS(?:256|384|512)$/.test(alg) && isRsa) {
    return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  }
  if (/^Ed(?:DSA|25519)$/.test(alg) && type === 'ed25519') return { key }
  // RFC 7518 section 3.4: the two numbers side by side, not DER.
  if (type === 'ec' && usualAlgorithm(key) === alg) return { key, dsaEncoding: 'ieee-p1363' }
  throw new UsageError(`The algorithm ${alg} does not fit a key of type ${type ?? 'unknown'}`)
}
