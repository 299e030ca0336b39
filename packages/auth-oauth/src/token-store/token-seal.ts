import {
  createCipheriv,
  createDecipheriv,
  createHash,
  hkdfSync,
  randomBytes,
  scrypt,
  type ScryptOptions,
} from 'node:crypto'
import { UsageError } from '@entreat/core'
import { TokenStoreError } from '../errors.ts'

/** What tokens are encrypted with: a passphrase, 32 or more random bytes, or a function that gives either. */
export type EncryptionKey = string | Uint8Array | (() => string | Uint8Array | Promise<string | Uint8Array>)

/** An encrypted text, all members in base64. */
interface SealedText {
  /** How the key is derived: `scrypt` from a passphrase, `hkdf` from bytes. */
  readonly kdf: 'scrypt' | 'hkdf'
  readonly salt: string
  readonly iv: string
  /** The tag is its end. */
  readonly data: string
}

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const SALT_BYTES = 16
const IV_BYTES = 12
const TAG_BYTES = 16
/** 32 MiB and some 50 ms: once a process and salt. */
const SCRYPT: ScryptOptions = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 2 ** 20 }
const REMEMBERED_KEYS = 32

/**
 * Encrypts and authenticates texts with AES-256-GCM. Keys are derived with scrypt from passphrases, with HKDF-SHA256 from bytes.
 *
 * @see NIST SP 800-38D; RFC 7914; RFC 5869
 */
export class TokenSeal {
  readonly #keys: readonly EncryptionKey[]
  readonly #salt = randomBytes(SALT_BYTES)
  readonly #derived = new Map<string, Promise<Buffer>>()

  /**
   * @param keys - the first encrypts; all of them decrypt, so that keys can be changed.
   * @throws UsageError for none, an empty passphrase, or too few bytes.
   */
  constructor(keys: EncryptionKey | readonly EncryptionKey[]) {
    this.#keys = Array.isArray(keys) ? [...(keys as readonly EncryptionKey[])] : [keys as EncryptionKey]
    if (this.#keys.length === 0) throw new UsageError('encryptionKey must hold at least one key')
    for (const key of this.#keys) if (typeof key !== 'function') checkKey(key)
  }

  /** @param context - authenticated, not stored: what is opened must be opened in the same. */
  async seal(text: string, context: string): Promise<string> {
    const secret = await readKey(this.#keys[0] as EncryptionKey)
    const kdf = typeof secret === 'string' ? 'scrypt' : 'hkdf'
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv(CIPHER, await this.#derive(secret, this.#salt), iv, { authTagLength: TAG_BYTES })
    cipher.setAAD(Buffer.from(context))
    const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
    const sealed = { kdf, salt: base64(this.#salt), iv: base64(iv), data: base64(data) } satisfies SealedText
    return JSON.stringify(sealed)
  }

  /** @throws TokenStoreError if none of the keys opens it. */
  async open(sealed: string, context: string): Promise<string> {
    const parts = readSealed(sealed)
    for (const key of this.#keys) {
      const secret = await readKey(key)
      if ((typeof secret === 'string') !== (parts.kdf === 'scrypt')) continue
      const text = decrypt(parts, await this.#derive(secret, Buffer.from(parts.salt, 'base64')), context)
      if (text !== null) return text
    }
    throw new TokenStoreError('A stored token cannot be decrypted: the encryptionKey is another, or it was changed')
  }

  #derive(secret: string | Uint8Array, salt: Buffer): Promise<Buffer> {
    const id = `${createHash('sha256').update(secret).digest('base64')} ${base64(salt)}`
    let derived = this.#derived.get(id)
    if (derived === undefined) {
      derived = deriveKey(secret, salt)
      if (this.#derived.size >= REMEMBERED_KEYS) this.#derived.clear()
      this.#derived.set(id, derived)
    }
    return derived
  }
}

function checkKey(key: string | Uint8Array): void {
  if (typeof key === 'string' ? key !== '' : key instanceof Uint8Array && key.byteLength >= KEY_BYTES) return
  throw new UsageError(`An encryptionKey is a passphrase, or at least ${KEY_BYTES} bytes`)
}

async function readKey(key: EncryptionKey): Promise<string | Uint8Array> {
  const given = typeof key === 'function' ? await key() : key
  checkKey(given)
  return given
}

function deriveKey(secret: string | Uint8Array, salt: Buffer): Promise<Buffer> {
  if (typeof secret !== 'string') {
    return Promise.resolve(Buffer.from(hkdfSync('sha256', secret, salt, 'entreat token store', KEY_BYTES)))
  }
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize('NFC'), salt, KEY_BYTES, SCRYPT, (error, key) => (error ? reject(error) : resolve(key)))
  })
}

function readSealed(text: string): SealedText {
  const { kdf, salt, iv, data } = parseRecord(text)
  const isText = [salt, iv, data].every((part) => typeof part === 'string')
  if ((kdf === 'scrypt' || kdf === 'hkdf') && isText) return { kdf, salt, iv, data } as SealedText
  throw new TokenStoreError('A stored token is not encrypted as this store writes it')
}

function parseRecord(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

function decrypt({ iv, data }: SealedText, key: Buffer, context: string): string | null {
  const bytes = Buffer.from(data, 'base64')
  try {
    const decipher = createDecipheriv(CIPHER, key, Buffer.from(iv, 'base64'), { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.from(context))
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES))
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString('utf8')
  } catch {
    return null
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
