import { expect, test } from 'vitest'
import { BasicAuth, HTTPAdapter } from '@entreat/core'
import { type AdapterTarget, adapterSuite, authSuite, basicAuthTarget, securitySuite } from '@entreat/testkit'
import { RecordingRunner } from './recording-runner.ts'

/** What each rule says, in the words of the contract. A rule that a suite tests and this list does not have fails the test below. */
const MEANINGS: Readonly<Record<string, string>> = {
  '4.1':
    'A scheme is what its members say: whether it waits for a challenge, binds to a connection, and which key its connections have.',
  '4.1.1':
    'A flow has its own copy of the request; what it sets survives to no other hop, and no flow runs for another origin.',
  '4.1.2':
    'A flow receives a response at its head, or the failure of its leg; it comes to an end, whatever it is asked, and works on afterwards.',
  '4.1.3': 'Bodies of refusals are drained; a body that can be read once is sent once, and never re-sent empty.',
  '4.1.4': 'One instance serves concurrent requests and several Sessions.',
  '4.1.5':
    'A reserved connection is exclusive, belongs to one key, is never replaced silently, and carries no request without that key.',
  '4.1.6': 'A scheme serves proxies as it serves origins, and what is for one never reaches the other.',
  '4.2':
    'An adapter without connections defines no acquire(); a request on a kept connection that has gone is repeated once, if it may be.',
  '4.2.1': 'An adapter is safe for concurrent use.',
  '4.2.2': 'It changes neither the request nor the options, and opens a body once.',
  '4.2.3': 'Any status is a response, not an error.',
  '4.2.4':
    'It does no redirects, authentication, cookies, retries, content codings and choice of proxies, and reads no environment.',
  '4.2.5': 'It resolves once the head is known; the body streams with back-pressure, or is handed over whole.',
  '4.2.6': 'It honours signal, timeout, verify, cert and proxy, or refuses with a clear error.',
  '4.2.7': 'Failures are RequestExceptions with the original as cause, and say what became of the connection.',
  '4.2.8': 'After close() nothing stays open, and it can be used again.',
  '4.3': 'Hooks are the Session’s to run: once a hop, in order.',
  '5': 'Nothing that is printed or raised holds a secret.',
  T1: 'Header bytes: CR, LF and NUL never reach the head of a request, or of a part.',
  T2: 'Redirect credentials: what is given for one origin reaches no other, and does not come back.',
  T3: 'Redirect targets: http and https alone; limits hold behind a redirect.',
  T4: 'Proxy per hop: each hop asks anew, and the credentials of a proxy stay with it.',
  T5: 'NO_PROXY: hosts and ranges, however they are spelled.',
  T6: 'Size caps: nothing grows past its cap, however it is framed, coded or asked for.',
  T7: 'Decoding: codings are taken off to the end, in a number that has a limit.',
  T8: 'Prototype: options are own properties.',
  T9: 'Randomness: what must not be guessed is not made by Math.random.',
  T10: 'URL confusion: the URL that is judged is the URL that is dialled.',
  T11: 'Linear time: what a server sends is read in time that grows with its length, and no faster.',
  T12: 'Pool identity: a connection serves only requests with its settings.',
  T13: 'Response pairing: an answer belongs to the request before it on its connection.',
  T15: 'Cookies go where they belong.',
  T16: 'Unread bodies hold no memory, and no connection for ever.',
  T17: 'Truthiness: a switch that guards something is off for `false` alone.',
  T18: 'Depth: what is encoded or decoded has a depth, and ends.',
  T19: 'Secrets: nothing that is printed, raised or published holds one.',
}

const SUITES: Readonly<Record<string, (runner: RecordingRunner) => void>> = {
  adapterSuite: (runner) =>
    adapterSuite({ name: '', create: () => new HTTPAdapter(), target: () => ({}) as AdapterTarget, runner }),
  authSuite: (runner) =>
    authSuite({ name: '', create: () => new BasicAuth('', ''), target: basicAuthTarget('', ''), secrets: [], runner }),
  securitySuite: (runner) => securitySuite({ name: '', runner }),
}

const PREAMBLE = `# Rules and their tests

What the conformance suites of \`@entreat/testkit\` ask of an adapter, a scheme, and a Session over an adapter: each rule, what
it means, and the tests that prove it. [Conformance](../extend/conformance.md) says how to run them. Rules with a number are
those of the [adapter contract](../extend/first-adapter.md#the-contract) (4.2) and the
[scheme contract](../extend/first-auth-scheme.md#what-a-scheme-can-rely-on-and-must) (4.1); those with a T are families of
security defects that clients have had. A test's name in parentheses needs the capability that is named behind it.

This page is written by \`packages/testkit/test/suite/lists-every-rule.test.ts\`; \`npx vitest run lists-every-rule -u\` writes it anew.
`

/** \`4.2.10\` after \`4.2.9\`, and T after the numbers. */
function inOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function pageOf(name: string, register: (runner: RecordingRunner) => void): string {
  const runner = new RecordingRunner()
  register(runner)
  const tests = [
    // zstd is not in every Node: it has the tests of the other codings where it is.
    ...runner.names.filter((test) => !test.includes('zstd')).map((test) => [test, ''] as const),
    ...runner.skipped.map(([test, reason]) => [test, reason.replace(/^.*declares no /, '')] as const),
  ]
  const rules = [...new Set(tests.map(([test]) => test.split(' ', 1)[0] as string))].sort(inOrder)
  const sections = rules.map((rule) => {
    const own = tests.filter(([test]) => test.startsWith(`${rule} `))
    const lines = own.map(([test, needs]) => {
      const sentence = test.slice(rule.length + 1).replaceAll('_', '\\_')
      return needs === '' ? `- ${sentence}` : `- (${sentence}) \`${needs}\``
    })
    return `### ${rule} in ${name}\n\n${MEANINGS[rule]}\n\n${lines.join('\n')}\n`
  })
  return `## ${name}\n\n${sections.join('\n')}`
}

test('the reference names every rule, what it means and its tests', async () => {
  const pages = Object.entries(SUITES).map(([name, register]) => pageOf(name, register))
  const page = `${PREAMBLE}\n${pages.join('\n')}`
  expect(page).not.toContain('undefined')
  await expect(page).toMatchFileSnapshot('../../../../docs/reference/rules.md')
})
