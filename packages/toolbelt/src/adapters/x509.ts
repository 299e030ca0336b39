import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readOptions, UsageError } from '@entreat/core'

/** A client certificate in memory. */
export interface ClientCertificate {
  /** PEM, with the chain after it if there is one, or DER. */
  readonly cert: string | Uint8Array
  /** PEM or DER: PKCS #8, PKCS #1 or SEC 1. */
  readonly key: string | Uint8Array
  /** Of the key. */
  readonly passphrase?: string
}

const OPTIONS: ReadonlySet<string> = new Set<keyof ClientCertificate>(['cert', 'key', 'passphrase'])

/**
 * Reads a certificate and its key as PEM.
 *
 * @throws UsageError if either cannot be read, they do not belong together, or the certificate is not valid at this time. No message holds any of the key.
 */
export function inMemoryCertificate(given: ClientCertificate, now: Date): { cert: string; key: string } {
  const { cert, key, passphrase } = readOptions(given, OPTIONS, 'X509Adapter')
  const certificate = readCertificate(cert)
  const from = new Date(certificate.validFrom)
  const to = new Date(certificate.validTo)
  if (now > to) throw new UsageError(`X509Adapter: the client certificate expired on ${to.toISOString()}`)
  if (now < from) throw new UsageError(`X509Adapter: the client certificate is not valid before ${from.toISOString()}`)
  const privateKey = readKey(key, passphrase)
  if (!certificate.checkPrivateKey(privateKey))
    throw new UsageError('X509Adapter: the key does not belong to the certificate')
  return {
    cert: isPem(cert) ? Buffer.from(cert).toString() : certificate.toString(),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

function readCertificate(cert: string | Uint8Array): X509Certificate {
  checkBytes('cert', cert)
  try {
    return new X509Certificate(cert)
  } catch (error) {
    throw new UsageError('X509Adapter: cert is no X.509 certificate in PEM or DER', { cause: error })
  }
}

function readKey(key: string | Uint8Array, passphrase: string | undefined): KeyObject {
  checkBytes('key', key)
  const bytes = Buffer.from(key)
  const secret = passphrase === undefined ? {} : { passphrase }
  if (isPem(key)) return attempt(() => createPrivateKey({ key: bytes, format: 'pem', ...secret })) ?? unreadable()
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    const read = attempt(() => createPrivateKey({ key: bytes, format: 'der', type, ...secret }))
    if (read !== null) return read
  }
  return unreadable()
}

function unreadable(): never {
  throw new UsageError('X509Adapter: key is no private key in PEM or DER, or the passphrase is wrong')
}

function attempt(read: () => KeyObject): KeyObject | null {
  try {
    return read()
  } catch {
    return null
  }
}

function checkBytes(name: string, value: unknown): void {
  if (typeof value === 'string' || value instanceof Uint8Array) return
  throw new UsageError(`X509Adapter: ${name} must be text or bytes, not ${value === null ? 'null' : typeof value}`)
}

function isPem(value: string | Uint8Array): boolean {
  return Buffer.from(value).includes('-----BEGIN ')
}
