import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:crypto'
import { type ConnectionOptions, createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { SSLError } from '../errors.ts'
import { ownOptions } from '../options.ts'
import type { TlsSettings } from './tls.ts'
import { opensslReason } from './tls-reason.ts'

/** How many contexts are kept: few programs have more than one or two sets of authorities. */
const MOST_KEPT = 16

const bySettings = new WeakMap<TlsSettings, SecureContext>()
const byContent = new Map<string, SecureContext>()
const objectIds = new WeakMap<object, number>()
let ids = 0

/**
 * What TLS connections with these settings share: authorities, our own certificate and key, versions, ciphers.
 *
 * Made once for equal contents, since reading a bundle of authorities blocks for some twenty milliseconds. Files are read for each connection, so
 * that one which has changed counts at once.
 *
 * The server cannot renegotiate: its certificate would be another than the one that was checked. `given.secureOptions` replaces that.
 *
 * @param given - the adapter's option `tls`. A `secureContext` in it is taken as it is.
 * @throws SSLError for a certificate or key that cannot be used, such as one with another passphrase.
 */
export function secureContextFor(settings: TlsSettings, given: ConnectionOptions = {}): SecureContext {
  const own = ownOptions(given)
  if (own.secureContext !== undefined) return own.secureContext
  const known = bySettings.get(settings)
  if (known !== undefined) return known
  const key = contentKey(settings, given)
  let context = byContent.get(key)
  if (context === undefined) {
    context = create({ secureOptions: constants.SSL_OP_NO_RENEGOTIATION, ...own, ...settings })
    if (byContent.size >= MOST_KEPT) byContent.delete(byContent.keys().next().value as string)
    byContent.set(key, context)
  }
  bySettings.set(settings, context)
  return context
}

function create(options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(ownOptions(options))
  } catch (error) {
    throw new SSLError(`TLS failed: ${unusable(error, options)}`, { cause: error })
  }
}

/** A digest of all that goes into a context: equal for settings that were read twice. */
function contentKey(settings: TlsSettings, given: ConnectionOptions): string {
  const hash = createHash('sha256').update(`${idOf(given)}\n`)
  for (const part of ['ca', 'cert', 'key', 'pfx', 'passphrase'] as const) {
    const value = settings[part]
    for (const piece of Array.isArray(value) ? value : [value])
      addPart(hash, part, piece as string | Buffer | undefined)
  }
  return hash.digest('base64')
}

function addPart(hash: Hash, name: string, piece: string | Buffer | undefined): void {
  if (piece === undefined) return
  // With its length, so that no two lists of pieces look alike.
  hash.update(`${name} ${piece.length}\n`).update(piece)
}

function idOf(given: object): number {
  if (Object.keys(given).length === 0) return 0
  let id = objectIds.get(given)
  if (id === undefined) objectIds.set(given, (id = ++ids))
  return id
}

/** Why OpenSSL takes no part of the settings, in words of those who gave them. */
function unusable(error: unknown, { key, pfx, passphrase }: SecureContextOptions): string {
  const { code = '', message } = error as NodeJS.ErrnoException
  const what = pfx === undefined ? 'the key of the client certificate' : 'the client certificate (pfx)'
  if (
    /BAD_DECRYPT|BAD_PASSWORD|MISSING_PASSPHRASE|INTERRUPTED_OR_CANCELLED/.test(code) ||
    /mac verify failure|bad decrypt/i.test(message)
  ) {
    return passphrase === undefined
      ? `${what} is encrypted: cert needs its passphrase`
      : `${what} does not open with this passphrase`
  }
  if (code.includes('KEY_VALUES_MISMATCH')) return 'the key does not belong to the client certificate'
  if ((key ?? pfx) !== undefined && (code === '' || code.startsWith('ERR_OSSL_')))
    return `cert holds no usable certificate and key: ${opensslReason(error)}`
  return opensslReason(error)
}
