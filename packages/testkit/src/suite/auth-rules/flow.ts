import assert from 'node:assert/strict'
import { AuthenticationError, ConnectionError, type Session } from '@entreat/core'
import type { AuthBench } from '../auth-bench.ts'
import { asRequestException, describeError, rejectionOf, within } from '../checks.ts'
import { FailingWire } from '../failing-wire.ts'
import { ObservedAuth } from '../observed-auth.ts'
import type { Case } from '../suite-runner.ts'

const MOST_LEGS = 10

/** Rule 4.1.2. */
export function flowCases(): readonly Case<AuthBench>[] {
  const rule = '4.1.2'
  return [
    { rule, sentence: 'comes to an end with a server that keeps refusing', needs: [], check: keepsRefusing },
    { rule, sentence: 'a failed first leg ends the flow, and the scheme works on', needs: [], check: failsAt(1) },
    {
      rule,
      sentence: 'a failed second leg ends the flow, and the scheme works on',
      needs: ['challenge'],
      check: failsAt(2),
    },
    {
      rule,
      sentence: 'a challenge that makes no sense ends in a refusal or an error',
      needs: [],
      check: oddChallenges,
    },
    { rule: 'T11', sentence: 'a long challenge is read in linear time', needs: [], check: longChallenges },
    { rule, sentence: 'an exchange that is aborted ends the flow, and the scheme works on', needs: [], check: aborted },
  ]
}

async function keepsRefusing(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  const outcome = session.get(bench.refusingUrl).then(
    ({ statusCode }) => assert.equal(statusCode, 401, `a refusal ended with ${statusCode}, not 401`),
    (error: unknown) => {
      const isClear = error instanceof AuthenticationError
      assert.ok(isClear, `it raised ${describeError(error)} instead of an AuthenticationError`)
    },
  )
  await within(outcome, 'come to an end')
  const legs = bench.server.requests.length
  assert.ok(legs < MOST_LEGS, `it went on for ${legs} requests with a server that keeps refusing`)
}

interface Observation {
  readonly session: Session
  readonly wire: FailingWire
  readonly auth: ObservedAuth
}

function observe(bench: AuthBench): Observation {
  const auth = new ObservedAuth(bench.scheme)
  const wire = new FailingWire()
  const session = bench.session({ auth })
  session.mount('http://', wire)
  return { session, wire, auth }
}

function failsAt(failing: number): (bench: AuthBench) => Promise<void> {
  return async (bench) => {
    const { session, wire, auth } = observe(bench)
    const failure = new ConnectionError('the suite broke this leg')
    wire.restart((leg) => {
      if (leg === failing) throw failure
    })
    const error = await rejectionOf(session.get(bench.url), `pass the failure of leg ${failing} on`)
    asRequestException(error)
    assert.ok(
      error === failure || (error as Error).cause === failure,
      `it replaced a failure by ${describeError(error)}`,
    )
    assertEnded(auth)
    assert.equal(auth.thrownInto, 1, 'the failure was not thrown into the flow')
    wire.restart(() => {})
    await bench.assertWorks(session, 'a request after one that failed')
  }
}

async function aborted(bench: AuthBench): Promise<void> {
  const { session, wire, auth } = observe(bench)
  const controller = new AbortController()
  const reason = new Error('the suite aborted this exchange')
  wire.restart(() => {
    controller.abort(reason)
    throw reason
  })
  const error = await rejectionOf(session.get(bench.url, { signal: controller.signal }), 'reject when it was aborted')
  assert.ok(error === reason, `it raised ${describeError(error)} instead of the signal's reason`)
  await new Promise((resolve) => void setImmediate(resolve))
  assertEnded(auth)
  wire.restart(() => {})
  await bench.assertWorks(session, 'a request after one that was aborted')
}

function assertEnded({ begun, ended }: ObservedAuth): void {
  assert.equal(ended, begun, `${begun - ended} of ${begun} flows did not come to an end`)
}

const SCHEMES = ['Basic', 'Bearer', 'Digest', 'NTLM', 'Negotiate', 'OAuth', 'Token', 'HOBA']
const ODDITIES = [
  '',
  '=',
  'a',
  'realm',
  'realm=',
  'realm="',
  'nonce=a',
  'realm="a", nonce=""',
  'qop="auth-conf", nonce="a"',
  'algorithm=ROT13, nonce="a", realm="b"',
  'AAAA',
  '!!!!',
  'TlRMTVNTUAACAAAA',
  'error="invalid_token", error="twice"',
]

async function oddChallenges(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  const lines = [
    ...SCHEMES.flatMap((scheme) => ODDITIES.map((rest) => `${scheme} ${rest}`)),
    ',',
    '"',
    '',
    'é',
    SCHEMES.join(', '),
    SCHEMES.join('\n'),
  ]
  for (const line of lines) {
    const outcome = await within(
      session.get(bench.oddChallenge(line)).catch((error: unknown) => error),
      `come to an end after the challenge ${JSON.stringify(line)}`,
    )
    if (outcome instanceof Error) asRequestException(outcome)
  }
  // It may have become wary of this server, and say so; it must not have broken.
  const after = await within(
    session.get(bench.url).catch((error: unknown) => error),
    'come to an end afterwards',
  )
  if (after instanceof Error) asRequestException(after)
}

async function longChallenges(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  for (const scheme of SCHEMES) {
    for (const unit of ['A', ',', '"', 'a="b", ', 'a=b ', '\\"', '=']) {
      // Longer ones would tell no more: what is quadratic takes seconds by now.
      const line = `${scheme} ${unit.repeat(50_000 / unit.length)}`
      const outcome = await within(
        session.get(bench.oddChallenge(line)).catch((error: unknown) => error),
        `come to an end after a challenge that is long`,
      )
      if (outcome instanceof Error) asRequestException(outcome)
    }
  }
}
