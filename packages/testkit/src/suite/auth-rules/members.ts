import assert from 'node:assert/strict'
import {
  HTTPAdapter,
  type PreparedRequest,
  type Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import type { AuthBench } from '../auth-bench.ts'
import { FailingWire } from '../failing-wire.ts'
import { ObservedAuth } from '../observed-auth.ts'
import type { Case } from '../suite-runner.ts'
import { asRequestException, rejectionOf } from '../checks.ts'

/** The members of a scheme say what it does; and of 4.3, that its legs have no hooks. */
export function memberCases(): readonly Case<AuthBench>[] {
  return [
    {
      rule: '4.1',
      sentence: 'signs at once, unless it declares a challenge',
      needs: [],
      unless: 'challenge',
      check: signsAtOnce,
    },
    { rule: '4.1', sentence: 'reserves a connection only if it declares so', needs: [], check: reserves },
    { rule: '4.1', sentence: 'its poolKey stays the same', needs: [], check: steadyKey },
    {
      rule: '4.1.5',
      sentence: 'is refused clearly by an adapter without connections',
      needs: ['connectionBound'],
      check: withoutConnections,
    },
    { rule: '4.3', sentence: 'hooks run once a hop, however many legs it takes', needs: [], check: hooksOnce },
  ]
}

async function signsAtOnce(bench: AuthBench): Promise<void> {
  await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a first request')
  const count = bench.server.requests.length
  assert.equal(count, 1, `it declares no challenge and sent ${count} requests for one`)
}

async function reserves(bench: AuthBench): Promise<void> {
  const wire = new FailingWire()
  const session = bench.session({ auth: bench.scheme })
  session.mount('http://', wire)
  await bench.assertWorks(session, 'a request')
  const declared = bench.isBound ? 'declares connectionBound' : 'declares no connectionBound'
  assert.equal(wire.reservations > 0, bench.isBound, `it ${declared} and reserved ${wire.reservations} connections`)
}

async function steadyKey(bench: AuthBench): Promise<void> {
  const { poolKey } = bench.scheme
  await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a request')
  assert.ok(Object.is(bench.scheme.poolKey, poolKey), 'its poolKey is another one after a request')
}

/** HTTP without reserved connections. */
class Unbindable extends TransportAdapter {
  readonly #http = new HTTPAdapter()

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return this.#http.send(request, options)
  }

  close(): Promise<void> {
    return this.#http.close()
  }
}

async function withoutConnections(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  session.mount('http://', new Unbindable())
  const error = await rejectionOf(session.get(bench.url), 'be refused by an adapter without connections')
  asRequestException(error)
}

async function hooksOnce(bench: AuthBench): Promise<void> {
  const ran: string[] = []
  const hooks = {
    request: (): void => void ran.push('request'),
    response: ({ statusCode }: Response): void => void ran.push(`response ${statusCode}`),
  }
  const auth = new ObservedAuth(bench.scheme)
  bench.assertAccepted(await bench.session({ auth, hooks }).get(bench.url), 'a request with hooks')
  assert.deepEqual(ran, ['request', 'response 200'], `for one request these hooks ran: ${ran.join(', ')}`)
}
