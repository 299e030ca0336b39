import { createHash, timingSafeEqual, X509Certificate } from 'node:crypto'
import { SSLError, UsageError } from '@entreat/core'

/** What a certificate must be. */
export interface Pin {
  /** Of the certificate as a whole, or of its public key alone, which outlives a renewal with the same key. */
  readonly of: 'certificate' | 'key'
  readonly sha256: Buffer
}

/**
 * Reads pins: hexadecimal for certificates, `sha256/` with base64 for keys.
 *
 * @throws UsageError for anything else; MD5 and SHA-1, which are no proof of identity any more, are named.
 */
export function readPins(fingerprints: readonly string[], where: string): Pin[] {
  if (!Array.isArray(fingerprints) || fingerprints.length === 0)
    throw new UsageError(`${where}: fingerprints must be a list with at least one fingerprint`)
  return fingerprints.map((text) => readPin(text, where))
}

function readPin(text: unknown, where: string): Pin {
  const given = typeof text === 'string' ? text.trim() : ''
  const [, base64] = /^sha256\/([A-Za-z0-9+/]{43}=)$/.exec(given) ?? []
  if (base64 !== undefined) return { of: 'key', sha256: Buffer.from(base64, 'base64') }
  const hex = given.replace(/^sha256:/i, '').replaceAll(':', '')
  if (/^[0-9a-f]{64}$/i.test(hex)) return { of: 'certificate', sha256: Buffer.from(hex, 'hex') }
  if (/^(?:[0-9a-f]{32}|[0-9a-f]{40})$/i.test(hex)) {
    throw new UsageError(
      `${where}: ${JSON.stringify(given)} is an MD5 or SHA-1 fingerprint, which can be forged. Give the SHA-256`,
    )
  }
  throw new UsageError(
    `${where}: ${JSON.stringify(given.slice(0, 100))} is no fingerprint: give SHA-256 in hexadecimal, or sha256/ with the base64 of the key's`,
  )
}

/**
 * Checks a server's own certificate. Others of its chain prove nothing: the server chooses what it sends.
 *
 * @param der - the certificate.
 * @throws SSLError if no pin fits; it tells what would.
 */
export function checkPins(pins: readonly Pin[], der: Uint8Array): void {
  const certificate = sha256(der)
  let key: Buffer | null = null
  for (const pin of pins) {
    if (pin.of === 'key') key ??= sha256(new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' }))
    if (timingSafeEqual(pin.sha256, pin.of === 'key' ? (key as Buffer) : certificate)) return
  }
  throw new SSLError(
    `The server's certificate has none of the fingerprints that were expected: its SHA-256 is ${certificate.toString('hex')}`,
  )
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}
