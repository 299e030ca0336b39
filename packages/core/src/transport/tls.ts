import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { SecureContextOptions } from 'node:tls'
import { UsageError } from '../errors.ts'
import { ownOptions, readOptions } from '../options.ts'

/**
 * Whom to trust: the system's authorities, nobody's word (`false`), or only these: a file of PEM, a directory of such files, PEM text, or its bytes.
 * Of a directory in which OpenSSL has hashed names (`c_rehash`), only those count; of another one, every file with certificates.
 */
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
 * @throws UsageError for a path that does not exist or cannot be read, and for authorities without a certificate, before anything is dialled.
 */
export function tlsSettings(verify: Verify, cert: Cert | null): TlsSettings {
  const settings: TlsSettings = { rejectUnauthorized: verify !== false }
  if (typeof verify === 'string') settings.ca = readAuthorities(verify)
  else if (verify instanceof Uint8Array) settings.ca = authorities(Buffer.from(verify), 'verify')
  else if (typeof verify !== 'boolean') throw unusableVerify()
  if (cert !== null) Object.assign(settings, clientCertificate(cert))
  return settings
}

function unusableVerify(): UsageError {
  return new UsageError('verify must be true, false, or a CA as path, PEM text or bytes')
}

// ── our own certificate ───────────────────────────────────────────────────

type Material = string | Uint8Array
/** The parts of a client certificate by name, unread. */
interface CertParts {
  readonly cert?: Material
  readonly key?: Material
  readonly pfx?: Material
  readonly passphrase?: string
}

const CERT_PARTS: ReadonlySet<string> = new Set<keyof CertParts>(['cert', 'key', 'pfx', 'passphrase'])
const CERT_FORMS = 'cert must be a path, PEM text, [cert, key], { cert, key, passphrase } or { pfx, passphrase }'

/** Own properties alone. @throws UsageError for what is none of the forms of a client certificate. */
function certParts(cert: Cert): CertParts {
  return ownOptions(readCert(cert))
}

function readCert(cert: Cert): CertParts {
  if (typeof cert === 'string') return { cert, key: cert }
  if (typeof cert !== 'object' || cert instanceof Uint8Array) throw new UsageError(CERT_FORMS)
  if (Array.isArray(cert)) {
    const [first, second] = cert as readonly [Material, Material]
    if (cert.length !== 2 || !isMaterial(first) || !isMaterial(second)) throw new UsageError(CERT_FORMS)
    return { cert: first, key: second }
  }
  const parts = readOptions<CertParts>(cert as CertParts, CERT_PARTS, 'cert')
  const { cert: own, key = own, pfx, passphrase } = parts
  if (passphrase !== undefined && typeof passphrase !== 'string') throw new UsageError('cert.passphrase must be text')
  const secret = passphrase === undefined ? {} : { passphrase }
  if (isMaterial(pfx) && own === undefined && key === undefined) return { pfx, ...secret }
  if (!isMaterial(own) || !isMaterial(key) || pfx !== undefined) throw new UsageError(CERT_FORMS)
  return { cert: own, key, ...secret }
}

function isMaterial(part: unknown): part is Material {
  return typeof part === 'string' || part instanceof Uint8Array
}

function clientCertificate(given: Cert): Partial<TlsSettings> {
  const { cert, key, pfx, passphrase } = certParts(given)
  const read: Partial<TlsSettings> = {}
  if (cert !== undefined) read.cert = material(cert, 'TLS certificate file')
  if (key !== undefined) read.key = key === cert ? (read.cert as Buffer) : material(key, 'TLS key file')
  if (pfx !== undefined) read.pfx = material(pfx, 'TLS PFX file')
  if (passphrase !== undefined) read.passphrase = passphrase
  return read
}

function material(source: Material, what: string): Buffer {
  if (typeof source !== 'string') return Buffer.from(source)
  if (source.includes('-----BEGIN ')) return Buffer.from(source)
  return readFile(source, `Could not find the ${what}, invalid path: ${source}`)
}

// ── authorities ───────────────────────────────────────────────────────────

function readAuthorities(verify: string): Buffer | Buffer[] {
  if (verify.includes('-----BEGIN ')) return authorities(Buffer.from(verify), 'verify')
  const problem = `Could not find a suitable TLS CA certificate bundle, invalid path: ${verify}`
  if (verify === '')
    throw new UsageError(`${problem}. An empty string does not turn verification off: use false for that`)
  const stat = statSync(verify, { throwIfNoEntry: false })
  if (stat === undefined) throw new UsageError(problem)
  return stat.isDirectory() ? readDirectory(verify) : authorities(readFile(verify, problem), verify)
}

/** The name under which OpenSSL looks an authority up: the hash of its subject, and a number for those with equal hashes. */
const HASHED_NAME = /^[0-9a-f]{8}\.[0-9]+$/

/** What cannot be read is passed over, as OpenSSL does: links in such directories dangle now and then. */
function readDirectory(path: string): Buffer[] {
  const names = readdirSync(path)
  const hashed = names.filter((name) => HASHED_NAME.test(name))
  const found: Buffer[] = []
  for (const name of hashed.length > 0 ? hashed : names) {
    try {
      const bytes = readFileSync(join(path, name))
      if (holdsCertificate(bytes)) found.push(bytes)
    } catch {
      continue
    }
  }
  if (found.length === 0) throw new UsageError(`The directory ${path}, given as verify, holds no PEM certificate`)
  return found
}

/** Node would pass over what is no PEM, and then trust nobody. */
function authorities(bytes: Buffer, where: string): Buffer {
  if (holdsCertificate(bytes)) return bytes
  const what = where === 'verify' ? 'verify' : `${where}, given as verify,`
  throw new UsageError(`${what} holds no PEM certificate ("-----BEGIN CERTIFICATE-----")`)
}

function holdsCertificate(bytes: Buffer): boolean {
  return ['', 'TRUSTED ', 'X509 '].some((kind) => bytes.includes(`-----BEGIN ${kind}CERTIFICATE-----`))
}

function readFile(path: string, problem: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(problem, { cause: error })
  }
}

// ── telling settings apart ────────────────────────────────────────────────

const identities = new WeakMap<object, string>()

/**
 * Tells settings apart: equal text for settings that may share a connection. Never the secrets themselves.
 *
 * @throws UsageError for what is neither.
 */
export function tlsIdentity(verify: Verify, cert: Cert | null): string {
  if (verify === true && cert === null) return ''
  return `${identifyVerify(verify)}+${cert === null ? 'null' : identifyCert(cert)}`
}

function identifyVerify(verify: Verify): string {
  if (typeof verify === 'boolean') return String(verify)
  if (typeof verify === 'string') return digest(verify)
  if (!(verify instanceof Uint8Array)) throw unusableVerify()
  return remembered(verify, () => digest(verify))
}

function identifyCert(cert: Cert): string {
  const identity = (): string => {
    const parts = Object.entries(certParts(cert)) as [string, Material][]
    return parts.map(([name, part]) => `${name}=${digest(part)}`).join('/')
  }
  return typeof cert === 'object' ? remembered(cert, identity) : identity()
}

function remembered(setting: object, identify: () => string): string {
  const known = identities.get(setting)
  if (known !== undefined) return known
  const identity = identify()
  identities.set(setting, identity)
  return identity
}

/** Stands for a secret where settings are compared. */
export function digest(part: string | Uint8Array): string {
  return createHash('sha256').update(part).digest('base64')
}
