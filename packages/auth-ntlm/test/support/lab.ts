import { Session, type SessionOptions } from '@entreat/core'
import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { labProblem, type Lab, startLab } from '../../../../lab/kerberos-ntlm/start-lab.ts'
import { NTLMAuth, type NTLMAuthOptions } from '../../src/index.ts'

/** The file's servers, from {@link useLab}. */
export let lab: Lab
/** Closed after each test. */
let sessions: Session[] = []

/** Starts servers for the tests of a file, and skips these where the machine has none. */
export function useLab(needs: Parameters<typeof startLab>[0]): void {
  const problem = labProblem(needs)
  beforeAll(async () => {
    if (problem === null) lab = await startLab(needs)
  }, 60_000)
  beforeEach((context) => {
    if (problem !== null) context.skip(problem)
  })
  afterEach(async () => {
    await Promise.all(sessions.map((session) => session.close()))
    sessions = []
  })
  afterAll(async () => {
    if (problem === null) await lab.stop()
  })
}

/** A session that trusts the lab, and is closed with the test. */
export function labSession(options: SessionOptions = {}): Session {
  const session = new Session({ trustEnv: false, verify: lab.authority, ...options })
  sessions.push(session)
  return session
}

/** Logs in as a user of the lab. */
export function as(username: string, password: string, options: Partial<NTLMAuthOptions> = {}): NTLMAuth {
  return new NTLMAuth({ username, password, ...options })
}

/** Runs `count` tasks, at most `width` at a time; rejects with the first failure. */
export async function inParallel(count: number, width: number, task: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await task(next++)
  }
  await Promise.all(Array.from({ length: width }, lane))
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** How many connections requests came on. */
export function connectionsOf(requests: readonly { readonly connection: number }[]): number {
  return new Set(requests.map(({ connection }) => connection)).size
}
