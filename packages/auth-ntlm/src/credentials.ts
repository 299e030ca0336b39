import { UsageError } from '@entreat/core'
import { ntHash } from './crypto/nt-hash.ts'
import { responseKey } from './crypto/ntlmv2.ts'
import type { NtlmIdentity } from './message/answer-challenge.ts'

/** The options that say who logs in. */
export interface Credentials {
  readonly username: string
  readonly password?: string | undefined
  readonly ntHash?: string | Uint8Array | undefined
  readonly domain?: string | undefined
  readonly workstation?: string | undefined
}

/** Far more than any directory allows, and short enough for every length field. */
const MOST_CHARACTERS = 1024

/**
 * Reads who logs in. Of the password, only the key that proves it is kept.
 *
 * @throws UsageError for what is missing, contradicts itself or has a wrong type; it never repeats a value.
 */
export function readCredentials(credentials: Credentials): NtlmIdentity {
  const name = readText(credentials.username, 'username')
  const givenDomain = readText(credentials.domain ?? '', 'domain')
  const workstation = readText(credentials.workstation ?? '', 'workstation')
  const backslash = name.indexOf('\\')
  if (backslash !== -1 && givenDomain !== '') {
    throw new UsageError('NTLMAuth: username names a domain before its backslash, and domain names one too. Give one')
  }
  const domain = backslash === -1 ? givenDomain : name.slice(0, backslash)
  const user = name.slice(backslash + 1)
  if (user === '') throw new UsageError('NTLMAuth: username is empty')
  return { user, domain, workstation, key: responseKey(readHash(credentials), user, domain) }
}

function readHash({ password, ntHash: hash }: Credentials): Uint8Array {
  if ((password === undefined) === (hash === undefined)) {
    throw new UsageError(`NTLMAuth: give password or ntHash, ${password === undefined ? 'one of them' : 'not both'}`)
  }
  if (password !== undefined) return ntHash(readText(password, 'password'))
  const bytes = typeof hash === 'string' && /^[0-9a-f]{32}$/i.test(hash) ? Buffer.from(hash, 'hex') : hash
  if (!(bytes instanceof Uint8Array) || bytes.length !== 16) {
    throw new UsageError('NTLMAuth: ntHash must be 16 bytes, or 32 hexadecimal digits')
  }
  return bytes
}

function readText(value: unknown, name: string): string {
  if (typeof value !== 'string') throw new UsageError(`NTLMAuth: ${name} must be a string, not ${typeof value}`)
  if (value.length <= MOST_CHARACTERS) return value
  throw new UsageError(`NTLMAuth: ${name} is longer than ${MOST_CHARACTERS} characters`)
}
