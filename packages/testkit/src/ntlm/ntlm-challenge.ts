import { avIds, ntlmFlags, writeAvPairs, writeChallenge } from './ntlm-messages.ts'

/**
 * What is wrong with a challenge, on purpose:
 *
 * - `truncated`, `not-base64`, `wrong-signature`, `field-outside`: it cannot be read.
 * - `oversized`: a target information of 8 KB, which is allowed.
 * - `no-target-info`, `no-timestamp`: as servers before NTLMv2 and before Windows Vista.
 * - `no-session-security`: asks for NTLMv1.
 * - `endless`: each answer, right or wrong, gets another challenge.
 * - `closing`: right, but the connection is closed after it.
 */
export type NtlmDefect =
  | 'truncated'
  | 'not-base64'
  | 'wrong-signature'
  | 'field-outside'
  | 'oversized'
  | 'no-target-info'
  | 'no-timestamp'
  | 'no-session-security'
  | 'endless'
  | 'closing'

/** Every {@link NtlmDefect}. */
export const ntlmDefects: readonly NtlmDefect[] = [
  'truncated',
  'not-base64',
  'wrong-signature',
  'field-outside',
  'oversized',
  'no-target-info',
  'no-timestamp',
  'no-session-security',
  'endless',
  'closing',
]

/** A challenge as it was sent, with what its answer is checked against. */
export interface SentChallenge {
  readonly bytes: Buffer
  readonly flags: number
  readonly serverChallenge: Buffer
  /** 8 bytes, or `null` if the challenge has no time. */
  readonly timestamp: Buffer | null
  /** What goes after the scheme. */
  readonly token: string
}

/** Whom a challenge is from. */
export interface ChallengeSource {
  readonly domain: string
  readonly computer: string
  /** Milliseconds since 1970. */
  readonly now: number
  /** 8 bytes. */
  readonly serverChallenge: Uint8Array
}

const offered =
  ntlmFlags.unicode |
  ntlmFlags.requestTarget |
  ntlmFlags.sign |
  ntlmFlags.seal |
  ntlmFlags.ntlm |
  ntlmFlags.alwaysSign |
  ntlmFlags.extendedSessionSecurity |
  ntlmFlags.version |
  ntlmFlags.key128 |
  ntlmFlags.keyExchange |
  ntlmFlags.key56

/** Makes the challenge for a client that asked with these flags. */
export function makeChallenge(asked: number, source: ChallengeSource, defect: NtlmDefect | null): SentChallenge {
  const timestamp = defect === 'no-timestamp' || defect === 'no-target-info' ? null : windowsTime(source.now)
  const hasTargetInfo = defect !== 'no-target-info'
  const flags = challengeFlags(asked, defect)
  const serverChallenge = Buffer.from(source.serverChallenge)
  const targetInfo = hasTargetInfo ? writeTargetInfo(source, timestamp, defect === 'oversized') : Buffer.alloc(0)
  const bytes = writeChallenge({ flags, targetName: source.domain, serverChallenge, targetInfo })
  return { bytes, flags, serverChallenge, timestamp, token: spoil(bytes, defect) }
}

function challengeFlags(asked: number, defect: NtlmDefect | null): number {
  const granted = (asked & offered) | ntlmFlags.ntlm | ntlmFlags.targetTypeDomain | ntlmFlags.version
  const removed = defect === 'no-session-security' ? ntlmFlags.extendedSessionSecurity : 0
  const info = defect === 'no-target-info' || defect === 'no-session-security' ? 0 : ntlmFlags.targetInfo
  return ((granted & ~removed) | info) >>> 0
}

function writeTargetInfo(source: ChallengeSource, timestamp: Buffer | null, isOversized: boolean): Buffer {
  const name = (text: string): Buffer => Buffer.from(text, 'utf16le')
  return writeAvPairs([
    [avIds.domainName, name(source.domain)],
    [avIds.computerName, name(source.computer)],
    [
      avIds.dnsComputerName,
      isOversized ? Buffer.alloc(8_000, 'x\0') : name(`${source.computer.toLowerCase()}.example.com`),
    ],
    ...(timestamp === null ? [] : [[avIds.timestamp, timestamp] as const]),
  ])
}

/** The message as it is sent. */
function spoil(bytes: Buffer, defect: NtlmDefect | null): string {
  const spoiled = Buffer.from(bytes)
  if (defect === 'not-base64') return `${bytes.toString('base64').slice(0, -8)}?!`
  if (defect === 'truncated') return spoiled.subarray(0, 30).toString('base64')
  if (defect === 'wrong-signature') spoiled.write('NTLMSSQ', 'latin1')
  if (defect === 'field-outside') spoiled.writeUInt32LE(0x7fff_fff0, 44)
  return spoiled.toString('base64')
}

/** MS-DTYP section 2.3.3: 100 ns since 1601. */
function windowsTime(now: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE((BigInt(Math.trunc(now)) + 11_644_473_600_000n) * 10_000n)
  return bytes
}
