import { expect, test } from 'vitest'
import type { AuthBase } from '@entreat/core'
import { type AuthCapabilities, authSuite, type AuthTarget } from '@entreat/testkit'
import * as broken from './fixtures/broken-schemes.ts'
import { RecordingRunner } from './recording-runner.ts'

interface Broken {
  readonly scheme: new (username?: string, password?: string) => AuthBase
  /** Which rules it breaks: the first is the one that it is for, others fall with it. */
  readonly rules: readonly string[]
  /** Of the test that finds it. */
  readonly sentence: string
  readonly message: string
  readonly can?: AuthCapabilities
  readonly target?: AuthTarget
}

const waits: AuthCapabilities = { challenge: true }
const binds: AuthCapabilities = { challenge: true, connectionBound: true }
const signs: AuthCapabilities = { proxy: true }
const { keyTarget, boundTarget, tokenTarget, secret } = broken

const every: readonly Broken[] = [
  {
    scheme: broken.TokenAuth,
    rules: ['4.1'],
    sentence: 'signs at once',
    message: 'it declares no challenge and sent 2 requests',
    can: {},
  },
  {
    scheme: broken.BindsUndeclared,
    rules: ['4.1'],
    sentence: 'reserves a connection only if',
    message: 'declares no connectionBound and reserved 1',
  },
  {
    scheme: broken.ChangesPoolKey,
    rules: ['4.1'],
    sentence: 'its poolKey stays',
    message: 'its poolKey is another one',
  },
  {
    scheme: broken.ChangesHooks,
    rules: ['4.1.1'],
    sentence: 'works on its own copy',
    message: "it changed the request's hook",
  },
  {
    scheme: broken.SignsEverywhere,
    rules: ['4.1.1', 'T2'],
    sentence: 'credentials never leave',
    message: 'another origin was sent Authorization',
    can: {},
    target: { path: '/bearer' },
  },
  { scheme: broken.MarksEverywhere, rules: ['4.1.1'], sentence: 'nothing that it sets', message: 'x-marked' },
  {
    scheme: broken.SignsEverywhere,
    rules: ['T2', '4.1.1'],
    sentence: 'a redirect takes no credential',
    message: 'was sent Authorization',
    can: {},
    target: { path: '/bearer' },
  },
  {
    scheme: broken.NeverGivesUp,
    rules: ['4.1.2'],
    sentence: 'comes to an end',
    message: 'with a server that keeps refusing',
  },
  {
    scheme: broken.ReplacesFailures,
    rules: ['4.1.2'],
    sentence: 'a failed first leg',
    message: 'it raised TypeError: something went wrong',
  },
  {
    scheme: broken.BreaksAfterFailure,
    rules: ['4.1.2', '4.1.4'],
    sentence: 'a failed first leg',
    message: 'it failed with Error: broken',
  },
  {
    scheme: broken.ChokesOnChallenges,
    rules: ['4.1.2', 'T11'],
    sentence: 'a challenge that makes no sense',
    message: 'it raised TypeError',
  },
  { scheme: broken.ReadsQuadratically, rules: ['T11'], sentence: 'a long challenge', message: 'it did not come to' },
  {
    scheme: broken.ResendsEmpty,
    rules: ['4.1.3'],
    sentence: 'a body that can be opened again',
    message: '0 bytes came, not the 50000',
  },
  {
    scheme: broken.ResendsEmpty,
    rules: ['4.1.3'],
    sentence: 'a body that can be read once',
    message: '0 bytes came, not the 50000',
  },
  {
    scheme: broken.KeepsStateInInstance,
    rules: ['4.1.4'],
    sentence: 'one instance serves concurrent',
    message: 'was answered with 401, not 200',
  },
  {
    scheme: broken.ForgetsConnections,
    rules: ['4.1.5'],
    sentence: 'requests in turn cost one handshake',
    message: '12 requests cost 24 round trips',
    can: binds,
    target: boundTarget,
  },
  {
    scheme: broken.SharesConnections,
    rules: ['4.1.5'],
    sentence: 'a request with another credential',
    message: 'a request with another credential travelled on its connection',
    can: binds,
    target: boundTarget,
  },
  {
    scheme: broken.ChokesOnNames,
    rules: ['T1'],
    sentence: 'no byte of a user name',
    message: 'it raised TypeError: what a name',
    can: {},
    target: { path: '/bearer' },
  },
  {
    scheme: broken.DoesNotBind,
    rules: ['4.1', '4.1.4', '4.1.3', '4.1.5'],
    sentence: 'reserves a connection only if',
    message: 'declares connectionBound and reserved 0',
    can: binds,
    target: boundTarget,
  },
  {
    scheme: broken.NamesTheHeader,
    rules: ['4.1.6'],
    sentence: 'works as proxyAuth for plain http',
    message: 'was answered with 407, not 200',
    can: signs,
    target: keyTarget,
  },
  { scheme: broken.RunsHooks, rules: ['4.3'], sentence: 'hooks run once a hop', message: 'response 401' },
  { scheme: broken.ShowsSecret, rules: ['5'], sentence: 'no secret in inspect', message: 'shows a secret' },
  { scheme: broken.RaisesSecret, rules: ['T19'], sentence: 'no secret in what diagnostics', message: 'shows a secret' },
  {
    scheme: broken.AsksChance,
    rules: ['T9'],
    sentence: 'nothing that must not be guessed',
    message: 'it asked Math.random',
  },
]

function suiteOf(
  scheme: new (username?: string, password?: string) => AuthBase,
  can: AuthCapabilities = waits,
  target: AuthTarget = tokenTarget,
): RecordingRunner {
  const runner = new RecordingRunner()
  const secrets = [secret, secret.replace(' ', '-')]
  const create = (): AuthBase => new scheme()
  const createWith = (username: string, password: string): AuthBase => new scheme(username, password)
  authSuite({ name: scheme.name, create, createWith, capabilities: can, runner, target, secrets, patienceMs: 4000 })
  return runner
}

test.each(every.map((one) => ({ ...one, name: one.scheme.name })))(
  '$name is named by its class and the rule: $rules.0 $sentence',
  async ({ scheme, rules, sentence, message, can, target }) => {
    const [rule] = rules
    // What keeps the process busy would make others late.
    const atOnce = scheme === broken.ReadsQuadratically ? 1 : 4
    const found = await suiteOf(scheme, can, target).broken('', atOnce)
    const failure = found.messages.find((text) => text.startsWith(`${rule} ${sentence}`))
    expect(failure).toContain(`${scheme.name} breaks rule ${rule}: `)
    expect(failure).toContain(message)
    // And no rule breaks but those that fall with it.
    expect(
      found.rules.filter((each) => !rules.includes(each)),
      found.messages.join('\n'),
    ).toEqual([])
  },
  60_000,
)

test.each([
  { name: 'TokenAuth', scheme: broken.TokenAuth, can: waits, target: tokenTarget },
  { name: 'KeyAuth', scheme: broken.KeyAuth, can: signs, target: keyTarget },
  { name: 'BoundAuth', scheme: broken.BoundAuth, can: binds, target: boundTarget },
])(
  '$name, which keeps the rules, breaks none',
  async ({ scheme, can, target }) => {
    expect(await suiteOf(scheme, can, target).failures()).toEqual([])
  },
  60_000,
)

test('what is not declared is skipped and says why', () => {
  const { skipped } = suiteOf(broken.TokenAuth)
  expect(skipped).toContainEqual(['4.1.6 works as proxyAuth for plain http', 'scheme declares no proxy'])
})

test('every numbered rule has a test, and a fixture that breaks it', () => {
  const { names, skipped } = suiteOf(broken.TokenAuth)
  const all = [...names, ...skipped.map(([name]) => name)]
  for (const rule of ['4.1', '4.1.1', '4.1.2', '4.1.3', '4.1.4', '4.1.5', '4.1.6', '4.3', '5']) {
    expect(all.some((name) => name.startsWith(`${rule} `))).toBe(true)
    expect(every.some(({ rules }) => rules[0] === rule)).toBe(true)
  }
})
