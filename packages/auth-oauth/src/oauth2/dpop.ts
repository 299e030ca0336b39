import { createHash, generateKeyPairSync, type JsonWebKey, type KeyObject, randomUUID } from 'node:crypto'
import { UsageError } from '@entreat/core'
import { type JwsSigner, type KeyLike, keySigner, publicJwk, readPrivateKey, signJwt } from './jws.ts'

/** How tokens are bound to a key (RFC 9449). */
export interface DPoPOptions {
  /** The private key. It is not written to token stores: give the same one again after a restart. */
  readonly key: KeyLike
  /** Default: the usual algorithm of the key. */
  readonly alg?: string
}

/** What one proof is for. */
export interface ProofInput {
  readonly method: string
  /** Absolute; its query and fragment are left out (RFC 9449 section 4.2). */
  readonly url: string
  /** Milliseconds since the epoch. */
  readonly now: number
  /** The server's nonce, where it gave one. */
  readonly nonce?: string | undefined
  /** The token that travels with the proof; none at the token endpoint. */
  readonly accessToken?: string | undefined
}

/** A key that tokens are bound to. */
export class DPoPKey {
  /** The private key for a store, where this package made it; `undefined` for one that was given. */
  readonly stored: JsonWebKey | undefined
  /** SHA-256 of the public key, as `jkt` and `dpop_jkt` have it (RFC 7638). */
  readonly thumbprint: string
  readonly #signer: JwsSigner
  readonly #jwk: JsonWebKey

  private constructor(key: KeyObject, alg: string | undefined, isStored: boolean) {
    this.#signer = keySigner(key, alg)
    this.#jwk = essentialMembers(publicJwk(key))
    this.thumbprint = createHash('sha256').update(JSON.stringify(this.#jwk)).digest('base64url')
    this.stored = isStored ? key.export({ format: 'jwk' }) : undefined
    Object.defineProperty(this, 'stored', { enumerable: false })
  }

  /** A new ES256 key. It goes into the store with the token: a refresh token may be bound to it. */
  static generate(): DPoPKey {
    return new DPoPKey(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'ES256', true)
  }

  /** A key of the caller's. @throws UsageError */
  static from(options: DPoPOptions): DPoPKey {
    return new DPoPKey(readPrivateKey(options.key), options.alg, false)
  }

  /** A key from a store. @throws UsageError */
  static fromStored(jwk: JsonWebKey): DPoPKey {
    return new DPoPKey(readPrivateKey(jwk), undefined, true)
  }

  /** A proof for one request: no two are alike. */
  async proof({ method, url, now, nonce, accessToken }: ProofInput): Promise<string> {
    const { origin, pathname } = new URL(url)
    const claims = {
      jti: randomUUID(),
      htm: method,
      htu: `${origin}${pathname}`,
      iat: Math.floor(now / 1000),
      ...(nonce === undefined ? {} : { nonce }),
      ...(accessToken === undefined
        ? {}
        : { ath: createHash('sha256').update(accessToken, 'latin1').digest('base64url') }),
    }
    return signJwt(this.#signer, { typ: 'dpop+jwt', jwk: this.#jwk }, claims)
  }
}

/** The members that identify a public key, in the order of RFC 7638 section 3.2. */
function essentialMembers(jwk: JsonWebKey): JsonWebKey {
  const { kty = '', crv, x, y, e, n } = jwk
  if (kty === 'EC') return { crv, kty, x, y } as JsonWebKey
  if (kty === 'OKP') return { crv, kty, x } as JsonWebKey
  if (kty === 'RSA') return { e, kty, n } as JsonWebKey
  throw new UsageError(`A DPoP key must be of type EC, OKP or RSA, not ${kty}`)
}
