import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { UsageError } from '../errors.ts'

/** Whom to trust: the system's authorities, nobody's word (`false`), or only these: a file or directory of PEM, PEM text, or its bytes. */
export type Verify = boolean | string | Uint8Array
/** A client certificate: one PEM file with key, `[cert, key]`, or by name. Each is a path, PEM text, or bytes. */
export type Cert =
  | string
  | readonly [cert: string | Uint8Array, key: string | Uint8Array]
  | { readonly cert: string | Uint8Array; readonly key?: string | Uint8Array; readonly passphrase?: string }
  | { readonly pfx: string | Uint8Array; readonly passphrase?: string }

/** What `tls.connect` is told of trust and of our own certificate. */
export type TlsSettings = Pick<SecureContextOptions, 'ca' | 'cert' | 'key' | 'passphrase' | 'pfx'> & {
  rejectUnauthorized: boolean
}

/**
 * Reads CA and client certificate.
 *
 * @throws UsageError for a path that does not exist or cannot be read, before anything is dialled.
 */
export function tlsSettings(verify: Verify, cert: Cert | null): TlsSettings {
  const settings: TlsSettings = { rejectUnauthorized: verify !== false }
  if (typeof verify === 'string') settings.ca = readAuthorities(verify)
  else if (verify instanceof Uint8Array) settings.ca = Buffer.from(verify)
  else if (typeof verify !== 'boolean')
    throw new UsageError('verify must be true, false, or a CA as path, PEM text or bytes')
  if (cert !== null) Object.assign(settings, certificate(cert))
  return settings
}

function certificate(cert: Cert): Partial<TlsSettings> {
  if (typeof cert === 'string') {
    const pem = material(cert, 'TLS certificate file')
    return { cert: pem, key: pem }
  }
  if (Array.isArray(cert)) {
    const [first, second] = cert as readonly [string | Uint8Array, string | Uint8Array]
    return { cert: material(first, 'TLS certificate file'), key: material(second, 'TLS key file') }
  }
  const { passphrase } = cert as { passphrase?: string }
  const secret = passphrase === undefined ? {} : { passphrase }
  if ('pfx' in cert && cert.pfx !== undefined) return { pfx: material(cert.pfx, 'TLS PFX file'), ...secret }
  const { cert: own, key = own } = cert as { cert: string | Uint8Array; key?: string | Uint8Array }
  return { cert: material(own, 'TLS certificate file'), key: material(key, 'TLS key file'), ...secret }
}

function material(source: string | Uint8Array, what: string): Buffer {
  if (typeof source !== 'string') return Buffer.from(source)
  if (source.includes('-----BEGIN ')) return Buffer.from(source)
  return readFile(source, `Could not find the ${what}, invalid path: ${source}`)
}

function readAuthorities(verify: string): Buffer | Buffer[] {
  if (verify.includes('-----BEGIN ')) return Buffer.from(verify)
  const problem = `Could not find a suitable TLS CA certificate bundle, invalid path: ${verify}`
  if (verify === '')
    throw new UsageError(`${problem}. An empty string does not turn verification off: use false for that`)
  const stat = statSync(verify, { throwIfNoEntry: false })
  if (stat === undefined) throw new UsageError(problem)
  if (!stat.isDirectory()) return readFile(verify, problem)
  const files = readdirSync(verify, { withFileTypes: true }).filter((entry) => entry.isFile() || entry.isSymbolicLink())
  return files
    .map((entry) => readFile(join(verify, entry.name), problem))
    .filter((bytes) => bytes.includes('-----BEGIN '))
}

function readFile(path: string, problem: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(problem, { cause: error })
  }
}

const identities = new WeakMap<object, string>()

/** Tells settings apart: equal text for settings that may share a connection. Never the secrets themselves. */
export function tlsIdentity(verify: Verify, cert: Cert | null): string {
  if (verify === true && cert === null) return ''
  return `${identify(verify)}+${identify(cert)}`
}

function identify(setting: Verify | Cert | null): string {
  if (setting === null || typeof setting === 'boolean') return String(setting)
  if (typeof setting === 'string') return digest(setting)
  if (typeof setting !== 'object') throw new UsageError(`verify and cert cannot be a ${typeof setting}`)
  const known = identities.get(setting)
  if (known !== undefined) return known
  const parts = setting instanceof Uint8Array ? [['', setting] as const] : Object.entries(setting as object)
  const identity = parts
    .filter(([, part]) => part !== undefined)
    .map(([name, part]) => `${name}=${digest(part as string | Uint8Array)}`)
    .join('/')
  identities.set(setting, identity)
  return identity
}

/** Stands for a secret where settings are compared. */
export function digest(part: string | Uint8Array): string {
  return createHash('sha256').update(part).digest('base64')
}
