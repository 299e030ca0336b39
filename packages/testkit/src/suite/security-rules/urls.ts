import assert from 'node:assert/strict'
import { RequestException, type Response } from '@entreat/core'
import { within } from '../checks.ts'
import type { SecurityBench } from '../security-bench.ts'
import type { Case } from '../suite-runner.ts'

/** URLs of `home` that a careless parser reads as URLs of `away`, or the other way round. */
function confusions(home: string, away: string): readonly string[] {
  const [scheme = '', host = ''] = home.split('://')
  const other = away.split('://')[1] ?? ''
  return [
    `${scheme}://${host}\\@${other}/anything`,
    `${scheme}://${host}#@${other}/anything`,
    `${scheme}://${host}?@${other}/anything`,
    `${scheme}://${host}/@${other}/anything`,
    `${scheme}://${host}%40${other}/anything`,
    `${scheme}://${host}%2f@${other}/anything`,
    `${scheme}://${host}:@${other}/anything`,
    `${scheme}://user@${host}@${other}/anything`,
    `${scheme}://${other}\\@${host}/anything`,
    `${scheme}:${host}/anything`,
    `${scheme}:/${host}/anything`,
    `${scheme}:///${host}/anything`,
    `${scheme}:\\\\${host}\\anything`,
    `${scheme}:////${other}/anything`,
    `\t${scheme}://${host}/anything\n`,
    ` ${scheme}://${host}/anything`,
    `${scheme}://${host.replace(':', '\t:')}/anything`,
    `${scheme}://${host.replace(':', '\n@evil:')}/anything`,
    `${scheme}://${host}./anything`,
    `${scheme}://${host.replace(':', '.:')}/anything`,
    `${scheme.toUpperCase()}://${host.toUpperCase()}/anything`,
    `${scheme}://${host}//${other}/anything`,
    `${scheme}://[::ffff:127.0.0.1]:${host.split(':')[1]}/anything`,
    `${scheme}://127.0.0.1:${host.split(':')[1]}\u3002example/anything`,
    `${scheme}://\uFF11\uFF12\uFF17.0.0.1:${host.split(':')[1]}/anything`,
  ]
}

const RELATIVE = [
  '//OTHER/anything',
  '\\\\OTHER\\anything',
  '/\\OTHER/anything',
  '/..//OTHER/anything',
  '@OTHER/anything',
  ':@OTHER',
  '/@OTHER',
  '?@OTHER',
  './/OTHER/anything',
]

/** Family T10: the URL that is judged is the URL that is dialled. */
export function urlCases(): readonly Case<SecurityBench>[] {
  const rule = 'T10'
  return [
    { rule, sentence: 'credentials of one origin reach no other by the spelling of a URL', needs: [], check: spelled },
    { rule, sentence: 'a relative URL leaves its baseUrl openly, or not at all', needs: [], check: relative },
    {
      rule,
      sentence: 'the URL that proxies and adapters are chosen by is the one that is dialled',
      needs: [],
      check: dialled,
    },
  ]
}

/** What becomes of a URL: an error of the library, or a response of whoever `response.url` names. */
async function outcomeOf(sent: Promise<Response>, url: string): Promise<Response | null> {
  const outcome = await within(
    sent.catch((error: unknown) => error),
    `come to an end with ${JSON.stringify(url)}`,
  )
  if (!(outcome instanceof Error)) return outcome as Response
  assert.ok(outcome instanceof RequestException, `${JSON.stringify(url)} raised ${outcome.name}, no RequestException`)
  return null
}

async function spelled(bench: SecurityBench): Promise<void> {
  const home = bench.session({ baseUrl: bench.origin, auth: ['user', 's3cret'], timeout: 2000 })
  for (const url of confusions(bench.origin, bench.otherPort)) {
    await outcomeOf(
      Promise.resolve().then(() => home.get(url)),
      url,
    )
    for (const request of bench.stranger.requests) {
      const value = request.header('authorization') ?? ''
      assert.ok(
        !value.includes(Buffer.from('user:s3cret').toString('base64')),
        `${JSON.stringify(url)} gave the credentials of ${bench.origin} away`,
      )
    }
  }
}

async function relative(bench: SecurityBench): Promise<void> {
  const session = bench.session({
    baseUrl: `${bench.origin}/anything/`,
    auth: ['user', 's3cret'],
    headers: { 'X-Api-Key': 's3cret' },
  })
  const other = bench.otherPort.split('://')[1] ?? ''
  for (const pattern of RELATIVE) {
    const url = pattern.replace('OTHER', other)
    await outcomeOf(
      Promise.resolve().then(() => session.get(url)),
      url,
    )
    for (const request of bench.stranger.requests) {
      assert.equal(
        request.header('authorization'),
        null,
        `${JSON.stringify(url)} gave the credentials of the baseUrl away`,
      )
      assert.equal(request.header('x-api-key'), null, `${JSON.stringify(url)} gave headers of the baseUrl away`)
    }
  }
}

async function dialled(bench: SecurityBench): Promise<void> {
  const session = bench.session({ timeout: 2000 })
  for (const url of [...confusions(bench.origin, bench.otherPort), ...confusions(bench.otherPort, bench.origin)]) {
    bench.server.reset()
    bench.stranger.reset()
    const response = await outcomeOf(
      Promise.resolve().then(() => session.get(url)),
      url,
    )
    const seen = [...bench.server.requests, ...bench.stranger.requests]
    if (response === null) {
      assert.equal(seen.length, 0, `${JSON.stringify(url)} was refused after it was sent`)
      continue
    }
    const { port } = new URL(response.url)
    const isServer = bench.server.requests.length > 0
    const reached = new URL(isServer ? bench.origin : bench.otherPort).port
    assert.equal(reached, port, `${JSON.stringify(url)} is said to be ${response.url} and reached port ${reached}`)
    assert.equal(
      new URL(`http://${seen[0]?.header('host')}`).hostname,
      new URL(response.url).hostname,
      `${JSON.stringify(url)} named another host`,
    )
  }
}
