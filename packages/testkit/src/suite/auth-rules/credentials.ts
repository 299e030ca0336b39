import assert from 'node:assert/strict'
import type { AuthBench } from '../auth-bench.ts'
import { asRequestException, within } from '../checks.ts'
import type { Case } from '../suite-runner.ts'

const INJECTED = 'x-injected'
const SMUGGLED = '/smuggled'
/** What no header can carry as it is, and what would come of it if one did. */
const BYTES = [
  `a\r\n${INJECTED}: 1\r\n\r\nGET ${SMUGGLED} HTTP/1.1\r\nHost: a\r\n\r\n`,
  `a\n${INJECTED}: 1`,
  `a\r${INJECTED}: 1`,
  `a\0b`,
  `a"\r\n${INJECTED}: 1\r\nb="`,
]

/** For schemes that can be made with any user name and password. */
export function credentialCases(): readonly Case<AuthBench>[] {
  const needs = ['createWith']
  return [
    {
      rule: '4.1.5',
      sentence: 'a request with another credential of the scheme never rides on its connection',
      needs: ['connectionBound', ...needs],
      check: anotherCredential,
    },
    { rule: 'T1', sentence: 'no byte of a user name or password ends a line of the head', needs, check: headerBytes },
  ]
}

/** The status of an answer, or the error that came in its place. */
async function outcomeOf(bench: AuthBench, username: string, password: string): Promise<number | Error> {
  const sent = async (): Promise<number> => {
    const session = bench.sharedSession
    return (await session.get(bench.url, { auth: await bench.createWith(username, password) })).statusCode
  }
  const settled = sent().catch((error: unknown) => error as Error)
  return within(settled, `settle a request of ${JSON.stringify(username)} with ${JSON.stringify(password)}`)
}

async function anotherCredential(bench: AuthBench): Promise<void> {
  const signed = await bench.sharedSession.get(bench.url, { auth: bench.scheme })
  bench.assertAccepted(signed, 'a request')
  const { requests } = bench.server
  const bound = requests.at(-1)?.connection
  const before = requests.length
  const outcome = await outcomeOf(bench, 'a stranger', 'a guess')
  const used = requests.slice(before).map(({ connection }) => connection)
  assert.ok(!used.includes(bound as number), 'a request with another credential travelled on its connection')
  assert.notEqual(outcome, 200, 'a request with a wrong credential was served')
}

async function headerBytes(bench: AuthBench): Promise<void> {
  for (const bytes of BYTES) {
    for (const [username, password] of [
      [bytes, 'a'],
      ['a', bytes],
    ] as const) {
      const outcome = await outcomeOf(bench, username, password)
      const given = `with ${JSON.stringify([username, password])}`
      if (outcome instanceof Error) asRequestException(outcome)
      assert.notEqual(outcome, 400, `the server could not read a request ${given}`)
      const heads = bench.server.requests.map(({ url, headers }) => [url, ...headers.map(([name]) => name)].join(' '))
      const isOpen = heads.some((head) => head.toLowerCase().includes(INJECTED) || head.startsWith(SMUGGLED))
      assert.ok(!isOpen, `a line of its own came out of credentials ${given}`)
    }
  }
}
