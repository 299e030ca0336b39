import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import * as asn1 from 'asn1js'

/** A certificate and its private key, both as PEM text. */
export interface CertificatePair {
  readonly cert: string
  readonly key: string
}

/** Everything a TLS test needs, as PEM text. Made once per process; see {@link testCertificates}. */
export interface TestCertificates {
  /** The authority that clients and servers should trust. */
  readonly ca: string
  /** Serves `localhost`, `127.0.0.1` and `::1`; issued by `ca`. */
  readonly server: CertificatePair
  /** A client certificate, common name `entreat test client`, issued by `ca`. */
  readonly client: CertificatePair
  /** A client certificate issued by an authority that nobody trusts. */
  readonly untrustedClient: CertificatePair
}

/** What the server's certificate is like: in order, out of date, for another host, or its own issuer. */
export type ServerCertificateKind = 'valid' | 'expired' | 'wrong-host' | 'self-signed'

interface Authority {
  readonly name: string
  readonly cert: string
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}

interface CertificateSubject {
  readonly name: string
  readonly purpose: 'authority' | 'server' | 'client'
  readonly hosts?: readonly string[]
  readonly addresses?: readonly Uint8Array[]
  readonly expiresAt?: Date
}

const dayMs = 86_400_000
const loopback = {
  hosts: ['localhost'],
  addresses: [Uint8Array.of(127, 0, 0, 1), Uint8Array.from({ length: 16 }, (_, i) => (i === 15 ? 1 : 0))],
}

const serverSubjects: Readonly<Record<ServerCertificateKind, CertificateSubject>> = {
  valid: { name: 'localhost', purpose: 'server', ...loopback },
  expired: { name: 'localhost', purpose: 'server', ...loopback, expiresAt: new Date(Date.now() - dayMs) },
  'wrong-host': { name: 'wrong.example', purpose: 'server', hosts: ['wrong.example'] },
  'self-signed': { name: 'localhost', purpose: 'server', ...loopback },
}

let trusted: Authority | undefined
const made = new Map<ServerCertificateKind, TestCertificates>()

/**
 * Makes an authority, a server certificate and two client certificates (EC P-256), valid for a year.
 *
 * The first call takes a few milliseconds; later calls in the same process return the same object.
 *
 * @param kind - what the `server` certificate is like. Default `'valid'`. The authority and trust are the same for all.
 */
export function testCertificates(kind: ServerCertificateKind = 'valid'): TestCertificates {
  let certificates = made.get(kind)
  if (certificates === undefined) {
    trusted ??= createAuthority('entreat test authority')
    const shared = made.values().next().value
    const issuer = kind === 'self-signed' ? null : trusted
    certificates = {
      ca: trusted.cert,
      server: issue(serverSubjects[kind], issuer),
      client: shared?.client ?? issue({ name: 'entreat test client', purpose: 'client' }, trusted),
      untrustedClient: shared?.untrustedClient ?? issueUntrustedClient(),
    }
    made.set(kind, certificates)
  }
  return certificates
}

function issueUntrustedClient(): CertificatePair {
  const stranger = createAuthority('entreat unknown authority')
  return issue({ name: 'entreat unknown client', purpose: 'client' }, stranger)
}

function createAuthority(name: string): Authority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = { name, publicKey, privateKey, cert: '' }
  return { ...issuer, cert: encodeCertificate({ name, purpose: 'authority' }, publicKey, issuer) }
}

function issue(subject: CertificateSubject, authority: Authority | null): CertificatePair {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = authority ?? { name: subject.name, publicKey, privateKey, cert: '' }
  return {
    cert: encodeCertificate(subject, publicKey, issuer),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** RFC 5280 section 4.1: TBSCertificate, algorithm, signature. */
function encodeCertificate(subject: CertificateSubject, publicKey: KeyObject, issuer: Authority): string {
  const notAfter = subject.expiresAt ?? new Date(Date.now() + 365 * dayMs)
  const signatureAlgorithm = sequence(oid('1.2.840.10045.4.3.2')) // ecdsa-with-SHA256
  const body = sequence(
    tagged(0, [new asn1.Integer({ value: 2 })]), // version 3
    new asn1.Integer({ valueHex: serialNumber() }),
    signatureAlgorithm,
    distinguishedName(issuer.name),
    sequence(
      new asn1.UTCTime({ valueDate: new Date(notAfter.getTime() - 400 * dayMs) }),
      new asn1.UTCTime({ valueDate: notAfter }),
    ),
    distinguishedName(subject.name),
    asn1.fromBER(publicKey.export({ type: 'spki', format: 'der' })).result,
    tagged(3, [sequence(...extensionsOf(subject, publicKey, issuer))]),
  )
  const signature = sign('sha256', new Uint8Array(body.toBER()), issuer.privateKey)
  const der = sequence(body, signatureAlgorithm, new asn1.BitString({ valueHex: signature })).toBER()
  const base64 = Buffer.from(der)
    .toString('base64')
    .replace(/.{64}(?=.)/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`
}

function extensionsOf(subject: CertificateSubject, publicKey: KeyObject, issuer: Authority): asn1.Sequence[] {
  const isAuthority = subject.purpose === 'authority'
  const names = [
    ...(subject.hosts ?? []).map((host) => implicit(2, Buffer.from(host, 'ascii'))),
    ...(subject.addresses ?? []).map((address) => implicit(7, address)),
  ]
  const extensions = [
    extension('2.5.29.19', sequence(...(isAuthority ? [new asn1.Boolean({ value: true })] : [])), true),
    extension('2.5.29.15', keyUsage(isAuthority), true),
    extension('2.5.29.14', new asn1.OctetString({ valueHex: keyIdentifier(publicKey) })),
    extension('2.5.29.35', sequence(implicit(0, keyIdentifier(issuer.publicKey)))),
  ]
  if (!isAuthority) {
    const purpose = subject.purpose === 'server' ? '1.3.6.1.5.5.7.3.1' : '1.3.6.1.5.5.7.3.2'
    extensions.push(extension('2.5.29.37', sequence(oid(purpose))))
  }
  if (names.length > 0) extensions.push(extension('2.5.29.17', sequence(...names)))
  return extensions
}

function extension(id: string, value: asn1.BaseBlock, isCritical = false): asn1.Sequence {
  const critical = isCritical ? [new asn1.Boolean({ value: true })] : []
  return sequence(oid(id), ...critical, new asn1.OctetString({ valueHex: value.toBER() }))
}

/** keyCertSign and cRLSign for an authority, digitalSignature for the others (RFC 5280 section 4.2.1.3). */
function keyUsage(isAuthority: boolean): asn1.BitString {
  return isAuthority
    ? new asn1.BitString({ valueHex: Uint8Array.of(0x06), unusedBits: 1 })
    : new asn1.BitString({ valueHex: Uint8Array.of(0x80), unusedBits: 7 })
}

function keyIdentifier(publicKey: KeyObject): Uint8Array<ArrayBuffer> {
  const digest = createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
  return new Uint8Array(digest.subarray(0, 20))
}

function serialNumber(): Uint8Array<ArrayBuffer> {
  const serial = new Uint8Array(randomBytes(16))
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40 // positive, and never shorter than 16 bytes
  return serial
}

function distinguishedName(commonName: string): asn1.Sequence {
  const value = new asn1.Utf8String({ value: commonName })
  return sequence(new asn1.Set({ value: [sequence(oid('2.5.4.3'), value)] }))
}

function sequence(...value: asn1.AsnType[]): asn1.Sequence {
  return new asn1.Sequence({ value })
}

function oid(value: string): asn1.ObjectIdentifier {
  return new asn1.ObjectIdentifier({ value })
}

function tagged(tagNumber: number, value: asn1.AsnType[]): asn1.Constructed {
  return new asn1.Constructed({ idBlock: { tagClass: 3, tagNumber }, value })
}

function implicit(tagNumber: number, valueHex: Uint8Array): asn1.Primitive {
  return new asn1.Primitive({
    idBlock: { tagClass: 3, tagNumber },
    valueHex: new Uint8Array(valueHex),
  })
}
