import { readFileSync } from 'node:fs'
import type { OAuth1Options } from '../../../src/index.ts'

/** One call of the table that requests-oauthlib runs too. */
export interface PeerCall {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly params?: Record<string, string | string[]>
  readonly form?: Record<string, string | string[]>
  readonly text?: string
  readonly json?: unknown
  readonly headers?: Record<string, string>
  readonly oauth: Omit<OAuth1Options, 'nonce' | 'timestamp'> & {
    readonly nonce: string
    readonly timestamp: string
    readonly realms?: readonly string[]
  }
  readonly cameBackTo?: string
}

/** The table. */
const peerCallsFile = new URL('./peer-calls.json', import.meta.url)

export function readPeerCalls(): readonly PeerCall[] {
  return JSON.parse(readFileSync(peerCallsFile, 'utf8')) as readonly PeerCall[]
}
