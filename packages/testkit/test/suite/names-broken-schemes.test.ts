import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { AuthBase, type AuthContext, type PreparedRequest, type Response } from '@entreat/core'
import { type AuthCapabilities, authSuite, type AuthTarget } from '@entreat/testkit'
import { RecordingRunner } from './recording-runner.ts'

type Flow = AsyncGenerator<PreparedRequest, void, Response>

const secret = 'a secret'
const path = `/token-auth/${encodeURIComponent(secret)}`
const target: AuthTarget = { path, refusingPath: '/token-auth/another' }
const capabilities: AuthCapabilities = { challenge: true }

function answer(response: Response, context: AuthContext): string | null {
  const challenge = context.challenges(response).find(({ scheme }) => scheme.toLowerCase() === 'token')
  const text = challenge?.params.get('challenge')
  return text === undefined ? null : `Token ${createHmac('sha256', secret).update(text).digest('hex')}`
}

/** A scheme that keeps every rule. */
class TokenAuth extends AuthBase {
  override async *authFlow(request: PreparedRequest, context: AuthContext): Flow {
    const value = answer(yield request, context)
    if (value === null) return
    context.authorize(request, value)
    yield request
  }
}

class ResendsEmpty extends AuthBase {
  override async *authFlow(request: PreparedRequest, context: AuthContext): Flow {
    const value = answer(yield request, context)
    if (value === null) return
    const again = request.withoutBody()
    context.authorize(again, value)
    yield again
  }
}

class KeepsStateInInstance extends AuthBase {
  #value: string | null = null

  override async *authFlow(request: PreparedRequest, context: AuthContext): Flow {
    this.#value = answer(yield request, context)
    await new Promise((resolve) => void setTimeout(resolve, 5))
    if (this.#value === null) return
    context.authorize(request, this.#value)
    yield request
  }
}

class NeverGivesUp extends AuthBase {
  override async *authFlow(request: PreparedRequest, context: AuthContext): Flow {
    for (let value = answer(yield request, context); value !== null; value = answer(yield request, context)) {
      context.authorize(request, value)
    }
  }
}

class ReplacesFailures extends AuthBase {
  override async *authFlow(request: PreparedRequest, context: AuthContext): Flow {
    try {
      yield* new TokenAuth().authFlow(request, context)
    } catch {
      throw new TypeError('something went wrong')
    }
  }
}

class BreaksAfterFailure extends AuthBase {
  #isBroken = false

  override async *authFlow(request: PreparedRequest, context: AuthContext): Flow {
    if (this.#isBroken) throw new Error('broken')
    this.#isBroken = true
    yield* new TokenAuth().authFlow(request, context)
    this.#isBroken = false
  }
}

class ShowsSecret extends TokenAuth {
  readonly password = secret

  override toJSON(): object {
    return { password: this.password }
  }
}

function suiteOf(scheme: new () => AuthBase): RecordingRunner {
  const runner = new RecordingRunner()
  authSuite({ name: scheme.name, create: () => new scheme(), capabilities, runner, target, secrets: [secret] })
  return runner
}

const broken = [
  [ResendsEmpty, '4.1.3 a body that can be opened again', '0 bytes came, not the 50000'],
  [ResendsEmpty, '4.1.3 a body that can be read once', '0 bytes came, not the 50000'],
  [KeepsStateInInstance, '4.1.4 one instance serves concurrent', 'was answered with 401, not 200'],
  [NeverGivesUp, '4.1.2 comes to an end', 'with a server that keeps refusing'],
  [ReplacesFailures, '4.1.2 a failed first leg', 'it raised TypeError: something went wrong'],
  [BreaksAfterFailure, '4.1.2 a failed first leg', 'it failed with Error: broken'],
] as const

test.each(broken.map(([scheme, part, what]) => ({ name: scheme.name, scheme, part, what })))(
  '$name is named by class and rule: $part',
  async ({ scheme, part, what }) => {
    const failures = await suiteOf(scheme).failures(part)
    expect(failures[0]).toContain(`${scheme.name} breaks rule ${part.slice(0, 5)}: `)
    expect(failures[0]).toContain(what)
  },
)

test('a scheme that shows its secret is named', async () => {
  const failures = await suiteOf(ShowsSecret).failures('5 no secret in')
  expect(failures[0]).toContain('ShowsSecret breaks rule 5: ')
  expect(failures[0]).toContain('shows a secret')
})

test('a scheme that keeps the rules fails none', async () => {
  const runner = suiteOf(TokenAuth)
  expect(await runner.failures()).toEqual([])
  expect(runner.skipped).toContainEqual(['4.1.6 works as proxyAuth for plain http', 'scheme declares no proxy'])
})

test('every numbered rule has a test', () => {
  const runner = suiteOf(TokenAuth)
  const all = [...runner.names, ...runner.skipped.map(([name]) => name)]
  for (const rule of ['4.1.1', '4.1.2', '4.1.3', '4.1.4', '4.1.5', '4.1.6', '5']) {
    expect(all.some((name) => name.startsWith(`${rule} `))).toBe(true)
  }
})
