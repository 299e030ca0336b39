import { describe, expect, test } from 'vitest'
import type { LoggedRequest } from '../../../lab/kerberos-ntlm/start-lab.ts'
import { KerberosAuth } from '../src/index.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true })
const newSession = useSessions()

function usersByConnection(rows: readonly LoggedRequest[]): Map<number, Set<string | null>> {
  const found = new Map<number, Set<string | null>>()
  for (const { connection, user } of rows) {
    const users = found.get(connection) ?? new Set()
    found.set(connection, users.add(user))
  }
  return found
}

describe('a server that signs in the connection', () => {
  test('sees nobody in a request without credentials', async () => {
    const auth = new KerberosAuth({ preemptive: true })
    const session = newSession(auth)
    const url = `${lab().apache.url}/krbconn/echo`
    await lab().apache.log.clear()
    for (let turn = 0; turn < 10; turn++) {
      expect((await session.get(url)).text).toContain('user=alice@TEST.LOCAL')
      expect((await session.get(url, { auth: null })).statusCode).toBe(401)
    }
    const rows = await lab().apache.log.requests({ atLeast: 20 })
    for (const users of usersByConnection(rows).values()) expect(users.size).toBe(1)
  })

  test('sees each user as itself, many at once, in one session', async () => {
    const alice = new KerberosAuth({ preemptive: true })
    const bob = new KerberosAuth({ credentials: { ccache: lab().kdc.ccache('bob') } })
    const session = newSession(null)
    const url = `${lab().apache.url}/krbconn/echo`
    await lab().apache.log.clear()
    const ask = async (turn: number): Promise<string> => {
      const auth = [alice, bob, null][turn % 3] ?? null
      const response = await session.get(url, { auth })
      return /user=(\w+)/.exec(response.text)?.[1] ?? String(response.statusCode)
    }
    const answers = await Promise.all(Array.from({ length: 150 }, (_, turn) => ask(turn)))
    answers.forEach((answer, turn) => expect(answer).toBe(['alice', 'bob', '401'][turn % 3]))
    const rows = await lab().apache.log.requests({ atLeast: 150 })
    for (const users of usersByConnection(rows).values()) {
      users.delete(null)
      expect(users.size).toBeLessThanOrEqual(1)
    }
  })

  test.each([false, 'learned'] as const)('is not trusted to ask again on it, preemptive: %s', async (preemptive) => {
    const session = newSession(new KerberosAuth({ preemptive }))
    const url = `${lab().apache.url}/krbconn/echo`
    const first = await Promise.all(Array.from({ length: 40 }, () => session.get(url)))
    expect(first.every(({ text }) => text.includes('user=alice'))).toBe(true)
    expect((await session.get(url)).text).toContain('user=alice')
  })
})
