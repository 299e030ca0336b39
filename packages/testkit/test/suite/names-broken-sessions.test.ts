import { expect, test } from 'vitest'
import type { TransportAdapter } from '@entreat/core'
import { securitySuite } from '@entreat/testkit'
import * as broken from './fixtures/broken-adapters.ts'
import { RecordingRunner } from './recording-runner.ts'

function suiteOf(adapter: new () => TransportAdapter): RecordingRunner {
  const runner = new RecordingRunner()
  const capabilities = { tls: true, clientCertificates: true, proxies: true, wire: true }
  securitySuite({ name: adapter.name, create: () => new adapter(), capabilities, runner, patienceMs: 4000 })
  return runner
}

const every: readonly (readonly [adapter: new () => TransportAdapter, test: string, message: string | RegExp])[] = [
  [broken.RemembersAuthorization, 'T2 a redirect gives auth of the request', 'took auth of the request along'],
  [broken.FollowsRedirects, 'T3 maxRedirects holds', 'it did not stop at the maxRedirects'],
  [broken.IgnoresProxy, 'T4 each hop of a redirect', 'the proxies of the two hops saw 0 and 0'],
  [broken.IgnoresHeadLimit, 'T6 a head past limits.headerBytes', 'it did not refuse a head'],
  [broken.Decodes, 'T7 a body in gzip is decoded', 'ContentDecodingError'],
  [broken.RemembersNotToVerify, 'T12 connections are not shared across verify', 'used 1 connections, not 3'],
  [broken.IgnoresCert, 'T12 connections are not shared across client', 'used 1 connections, not 3'],
  [broken.AddsCookies, 'T15 cookies that a server may not set', 'was sent'],
  // Which of the two comes first is a matter of how fast the machine is.
  [broken.ReadsAhead, 'T16 bodies that nobody reads', /unread bodies of \d+ bytes take|it did not answer/],
  [broken.IgnoresVerify, 'T17 only `false` turns verification off', 'turned verification off'],
  [broken.ShowsHeaders, 'T19 a secret in the Authorization header', 'shows the secret'],
]

test.each(every.map(([adapter, part, message]) => ({ name: adapter.name, adapter, part, message })))(
  '$name is named by its class and the family: $part',
  async ({ adapter, part, message }) => {
    const [failure] = await suiteOf(adapter).failures(part)
    expect(failure).toContain(`${adapter.name} breaks rule ${part.split(' ', 1)[0]}: `)
    expect(failure).toMatch(message)
  },
  30_000,
)

test('every family that applies to a Session has a test', () => {
  const { names } = suiteOf(broken.Forwarding)
  const families = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18, 19]
  for (const family of families) expect(names.some((name) => name.startsWith(`T${family} `))).toBe(true)
})

test('a family that needs what the adapter cannot do is skipped and says why', () => {
  const runner = new RecordingRunner()
  securitySuite({ name: 'nothing declared', runner })
  expect(runner.skipped).toContainEqual(['T13 bytes on an idle connection end it', 'adapter declares no wire'])
})
