import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { TransportAdapter } from '@entreat/core'
import {
  type AdapterCapabilities,
  adapterSuite,
  type AdapterTarget,
  httpTarget,
  TestProxy,
  TestServer,
} from '@entreat/testkit'
import * as broken from './fixtures/broken-adapters.ts'
import { RecordingRunner } from './recording-runner.ts'

const capabilities: AdapterCapabilities = {
  statuses: true,
  uploads: true,
  streaming: true,
  network: true,
  readTimeout: true,
  writeTimeout: true,
  poolTimeout: true,
  connectTimeout: true,
  headLimit: true,
  keepAlive: true,
  tls: true,
  http: true,
}
const reserving = { ...capabilities, connections: true }

let server: TestServer
let proxy: TestProxy
beforeAll(async () => {
  server = await TestServer.start()
  proxy = await TestProxy.start()
})
afterAll(async () => {
  await proxy.close()
  await server.close()
})

interface Broken {
  readonly adapter: new () => TransportAdapter
  /** Which rules it breaks: the first is the one that it is for, others fall with it. */
  readonly rules: readonly string[]
  /** Of the test that finds it. */
  readonly sentence: string
  readonly message: string
  readonly can?: AdapterCapabilities
}

const every: readonly Broken[] = [
  {
    adapter: broken.MixesRequests,
    rules: ['4.2.1', '4.2.2', '4.2.3'],
    sentence: 'is safe for concurrent use: each',
    message: 'concurrent requests mix their bodies',
  },
  {
    adapter: broken.ChangesRequest,
    rules: ['4.2.2', '4.1.5'],
    sentence: 'never changes the request',
    message: "it changed the request's headers",
  },
  {
    adapter: broken.ChangesOptions,
    rules: ['4.2.2', '4.2.6'],
    sentence: 'never changes the options',
    message: 'it changed the options',
  },
  {
    adapter: broken.ThrowsOnStatus,
    rules: ['4.2.3'],
    sentence: 'any status',
    message: 'it rejected where the answer is 404: HTTPError',
  },
  {
    adapter: broken.FollowsRedirects,
    rules: ['4.2.4'],
    sentence: 'follows no redirects',
    message: 'it followed a redirect',
  },
  {
    adapter: broken.Authenticates,
    rules: ['4.2.4'],
    sentence: 'does no authentication',
    message: 'it gave 200 where the answer is 401',
  },
  {
    adapter: broken.KeepsCookies,
    rules: ['4.2.4'],
    sentence: 'keeps and sends no cookies',
    message: 'it sent a cookie',
  },
  {
    adapter: broken.RetriesUnavailable,
    rules: ['4.2.4'],
    sentence: 'repeats nothing',
    message: 'it sent a request 2 times to get over a 503',
  },
  {
    adapter: broken.Decodes,
    rules: ['4.2.4'],
    sentence: 'leaves content codings',
    message: 'it took a content coding off',
  },
  { adapter: broken.ReadsEnvironment, rules: ['4.2.4'], sentence: 'selects no proxy', message: 'it failed with' },
  {
    adapter: broken.LosesBytes,
    rules: ['4.2.5'],
    sentence: 'hands the body over byte for byte',
    message: '65536 bytes came, not the 65537',
  },
  {
    adapter: broken.ReadsAhead,
    rules: ['4.2.5', '4.2.6', '4.2.8'],
    sentence: 'the body streams',
    message: 'it holds more than 16 MiB for a reader that does not read',
  },
  {
    adapter: broken.WaitsForBody,
    rules: ['4.2.5', '4.2.6'],
    sentence: 'resolves once the head is known',
    message: 'it did not resolve at the head',
  },
  {
    adapter: broken.IgnoresSignal,
    rules: ['4.2.6'],
    sentence: 'honours a signal while',
    message: 'it did not reject when its signal aborted',
  },
  {
    adapter: broken.ReplacesReason,
    rules: ['4.2.6'],
    sentence: 'honours a signal while',
    message: "instead of the signal's reason",
  },
  {
    adapter: broken.KeepsListener,
    rules: ['4.2.6'],
    sentence: 'lets go of the signal',
    message: 'it left 2 listeners',
  },
  {
    adapter: broken.IgnoresReadTimeout,
    rules: ['4.2.6'],
    sentence: 'honours timeout.read before',
    message: 'it did not give up a silent peer',
  },
  {
    adapter: broken.IgnoresConnectTimeout,
    rules: ['4.2.6'],
    sentence: 'honours timeout.connect',
    message: 'it did not give up a connection',
  },
  {
    adapter: broken.IgnoresWriteTimeout,
    rules: ['4.2.6'],
    sentence: 'honours timeout.write',
    message: 'it did not give up a body',
  },
  {
    adapter: broken.IgnoresPoolTimeout,
    rules: ['4.2.6'],
    sentence: 'honours timeout.pool',
    message: 'it did not give up waiting',
  },
  {
    adapter: broken.IgnoresVerify,
    rules: ['4.2.6'],
    sentence: 'honours verify: trusts nobody',
    message: 'it did not refuse a certificate',
  },
  {
    adapter: broken.IgnoresCert,
    rules: ['4.2.6'],
    sentence: 'honours cert',
    message: 'it did not present the certificate',
    can: { ...capabilities, clientCertificates: true },
  },
  {
    adapter: broken.IgnoresCert,
    rules: ['4.2.6'],
    sentence: 'refuses cert clearly',
    message: 'it did not refuse a client certificate',
  },
  {
    adapter: broken.IgnoresProxy,
    rules: ['4.2.6'],
    sentence: 'honours proxy',
    message: 'it went past the proxy',
    can: { ...capabilities, proxies: true },
  },
  {
    adapter: broken.IgnoresProxy,
    rules: ['4.2.6'],
    sentence: 'refuses proxy clearly',
    message: 'it did not refuse a proxy',
  },
  {
    adapter: broken.RawErrors,
    rules: ['4.2.7', '4.2', '4.2.6', '4.2.8'],
    sentence: 'failures are RequestExceptions',
    message: 'which is no RequestException',
  },
  {
    adapter: broken.ForgetsFacts,
    rules: ['4.2.7', '4.2'],
    sentence: 'failures are RequestExceptions',
    message: '.connectionReused is not set',
  },
  {
    adapter: broken.ClaimsFreshConnections,
    rules: ['4.2.7', '4.2'],
    sentence: 'failures are RequestExceptions with the original as cause and facts about the connection: a kept',
    message: 'does not say that the connection was reused',
  },
  {
    adapter: broken.ClaimsFreshConnections,
    rules: ['4.2', '4.2.7'],
    sentence: 'under a Session',
    message: 'it failed with ConnectionError',
  },
  {
    adapter: broken.LeaksSockets,
    rules: ['4.2.8'],
    sentence: 'after close() nothing stays open: an unread body',
    message: 'after close() something stays open',
  },
  {
    adapter: broken.DiesOnClose,
    rules: ['4.2.8'],
    sentence: 'after close() it can be used again',
    message: 'closed for good',
  },
  {
    adapter: broken.Reserving,
    rules: ['4.2'],
    sentence: 'without connections it does not define',
    message: 'it defines acquire() and declares no connections',
  },
  {
    adapter: broken.SharesReserved,
    rules: ['4.1.5'],
    sentence: 'a reserved connection is exclusive',
    message: 'it gave one connection to two at a time',
    can: reserving,
  },
  {
    adapter: broken.IgnoresKeys,
    rules: ['4.1.5'],
    sentence: 'a released connection serves an equal key',
    message: 'a credential that it does not belong to',
    can: reserving,
  },
  {
    adapter: broken.LendsReserved,
    rules: ['4.1.5'],
    sentence: 'a released connection is never given',
    message: 'travelled on a released connection',
    can: reserving,
  },
  {
    adapter: broken.ReplacesClosed,
    rules: ['4.1.5'],
    sentence: 'a closed connection refuses',
    message: 'it did not refuse to send on a closed connection',
    can: reserving,
  },
  {
    adapter: broken.KeepsReservedOpen,
    rules: ['4.1.5'],
    sentence: 'close() ends reserved',
    message: 'a reserved connection outlives close()',
    can: reserving,
  },
  {
    adapter: broken.IgnoresTurns,
    rules: ['4.1.5'],
    sentence: 'a reservation waits',
    message: 'it did not stop waiting',
    can: reserving,
  },
  { adapter: broken.RunsHooks, rules: ['4.3'], sentence: 'runs no hooks', message: 'it ran the hooks for response' },
  {
    adapter: broken.MendsMethods,
    rules: ['T1'],
    sentence: 'a method that is no token',
    message: 'it did not refuse the method',
  },
  {
    adapter: broken.IgnoresHeadLimit,
    rules: ['T6'],
    sentence: 'a head past limits.headerBytes',
    message: 'it did not refuse a head',
  },
  {
    adapter: broken.ShowsHeaders,
    rules: ['T19'],
    sentence: 'failures show no header',
    message: 'of an error shows a secret',
  },
]

const servers: TestServer[] = []
afterEach(async () => void (await Promise.all(servers.splice(0).map((each) => each.close()))))

/** Each test has a server of its own, so that they can run at once. */
async function ownTarget(): Promise<AdapterTarget> {
  const server = await TestServer.start()
  servers.push(server)
  return httpTarget(server, { proxy })
}

function suiteOf(adapter: new () => TransportAdapter, can: AdapterCapabilities = capabilities): RecordingRunner {
  const runner = new RecordingRunner()
  const create = (): TransportAdapter => new adapter()
  adapterSuite({ name: adapter.name, create, capabilities: can, runner, target: ownTarget, patienceMs: 4000 })
  return runner
}

test.each(every.map((one) => ({ ...one, name: one.adapter.name })))(
  '$name is named by its class and the rule: $rules.0 $sentence',
  async ({ adapter, rules, sentence, message, can }) => {
    const [rule] = rules
    const found = await suiteOf(adapter, can).broken()
    const failure = found.messages.find((text) => text.startsWith(`${rule} ${sentence}`))
    expect(failure, `not found among: ${found.messages.join('\n')}`).toBeDefined()
    expect(failure).toContain(`${adapter.name} breaks rule ${rule}: `)
    expect(failure).toContain(message)
    // And no rule breaks but those that fall with it.
    expect(
      found.rules.filter((each) => !rules.includes(each)),
      found.messages.join('\n'),
    ).toEqual([])
  },
  60_000,
)

test.each([broken.Forwarding, broken.Reserving])(
  '%o, which keeps the rules, breaks none',
  async (adapter) => {
    const runner = suiteOf(adapter, adapter === broken.Reserving ? reserving : capabilities)
    expect(await runner.failures()).toEqual([])
    expect(runner.groups).toEqual([adapter.name])
  },
  60_000,
)

test('every numbered rule has a test, and a fixture that breaks it', () => {
  const { names } = suiteOf(broken.Reserving, reserving)
  for (const rule of ['4.2.1', '4.2.2', '4.2.3', '4.2.4', '4.2.5', '4.2.6', '4.2.7', '4.2.8', '4.1.5', '4.3']) {
    expect(names.some((name) => name.startsWith(`${rule} `))).toBe(true)
    expect(every.some(({ rules }) => rules[0] === rule)).toBe(true)
  }
})

test('what is not declared is skipped and says why', () => {
  const { skipped, names } = suiteOf(broken.Forwarding)
  expect(skipped).toContainEqual(['4.2.6 honours proxy', 'adapter declares no proxies'])
  expect(names).toContain('4.2.6 refuses proxy clearly')
  expect(names).toContain('4.2 without connections it does not define acquire()')
})

test('without skip() a rule that does not apply passes and says so in its name', async () => {
  const recorder = new RecordingRunner()
  const { describe, test } = recorder
  const create = (): TransportAdapter => new broken.Forwarding()
  adapterSuite({ name: 'Forwarding', create, runner: { describe, test }, target: () => httpTarget(server) })
  expect(recorder.names).toContain('4.2.6 honours proxy (not applicable: adapter declares no network)')
  expect(await recorder.failures('not applicable')).toEqual([])
})

test('a capability without its part of the target fails and says which', async () => {
  const runner = new RecordingRunner()
  const target = (): AdapterTarget => {
    const { statuses: _left, ...others } = httpTarget(server)
    return others
  }
  const create = (): TransportAdapter => new broken.Forwarding()
  adapterSuite({ name: 'Forwarding', create, capabilities: { statuses: true }, runner, target })
  expect((await runner.failures('any status')).join()).toContain("the suite's target has no statuses()")
})
