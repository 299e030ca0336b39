import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ProtocolParameters, SignedParts } from '../../../src/oauth1/signature-primitives.ts'
import type { SignatureMethodName } from '../../../src/oauth1/signature-method.ts'

/** What is signed, in the set's own words. What is absent is not sent. */
export interface VectorInput {
  readonly client_key: string
  readonly client_secret?: string
  readonly token?: string
  readonly token_secret?: string
  readonly signature_method: SignatureMethodName
  readonly timestamp?: string
  readonly nonce?: string
  readonly version?: '1.0'
  readonly realm?: string
  readonly callback?: string
  readonly verifier?: string
  readonly method: string
  readonly url: string
  readonly host_header?: string
  readonly content_type?: string
  readonly body?: string
  readonly body_b64?: string
  readonly body_hash?: boolean
  readonly rsa_key?: string
  readonly placement?: 'header' | 'query' | 'body'
}

export interface Vector {
  readonly id: string
  readonly tags: readonly string[]
  readonly input: VectorInput
  readonly expected: {
    readonly base_string: string | null
    readonly signature: string
    readonly oauth_params: ProtocolParameters
    readonly authorization?: string
    readonly signed_url?: string
    readonly signed_body?: string
  }
  readonly oauthlib: { readonly agrees: boolean; readonly server_accepts: boolean | string; readonly why?: string }
}

export interface VectorSet {
  readonly keys: Readonly<Record<string, { readonly private_jwk: JsonWebKey }>>
  readonly percent_encoding: readonly { readonly in: string; readonly out: string }[]
  readonly normalization: readonly { readonly params: readonly [string, string][]; readonly out: string }[]
  readonly hmac_sha1: readonly {
    readonly client_secret: string
    readonly token_secret: string
    readonly base_string: string
    readonly signature: string
  }[]
  readonly body_hash: readonly { readonly body: string; readonly hash: string }[]
  readonly vectors: readonly Vector[]
}

const FILE = new URL('../../vectors/oauth1.json', import.meta.url)

export const vectorSet = JSON.parse(readFileSync(FILE, 'utf8')) as VectorSet

/** The body's bytes, or `null` if there is none. */
export function bodyOf({ body, body_b64 }: VectorInput): Buffer | null {
  if (body_b64 !== undefined) return Buffer.from(body_b64, 'base64')
  return body === undefined ? null : Buffer.from(body)
}

function isForm({ content_type = '' }: VectorInput): boolean {
  return /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(content_type)
}

/** What the primitives take. */
export function partsOf(input: VectorInput): SignedParts {
  return {
    method: input.method,
    url: input.url,
    host: input.host_header ?? null,
    form: isForm(input) ? bodyOf(input) : null,
  }
}

export function privateKeyOf({ rsa_key }: VectorInput): KeyObject | undefined {
  if (rsa_key === undefined) return undefined
  return createPrivateKey({ key: vectorSet.keys[rsa_key]?.private_jwk as JsonWebKey, format: 'jwk' })
}
