import assert from 'node:assert/strict'
import { Request, type RequestOptions } from '@entreat/core'
import type { AuthBench } from '../auth-bench.ts'
import { within } from '../checks.ts'
import { ObservedAuth } from '../observed-auth.ts'
import { assertUnchanged, takeSnapshot } from '../request-snapshot.ts'
import type { Case } from '../suite-runner.ts'

/** Rule 4.1.1. */
export function scopeCases(): readonly Case<AuthBench>[] {
  const rule = '4.1.1'
  return [
    { rule, sentence: 'the credentials are accepted', needs: [], check: accepted },
    { rule, sentence: 'works on its own copy of the request', needs: [], check: ownCopy },
    { rule, sentence: 'signs each hop of a redirect anew within the origin', needs: [], check: eachHop },
    { rule, sentence: 'credentials never leave the credential scope on a redirect', needs: [], check: leavesScope },
    { rule, sentence: 'no flow runs for another origin, unless it chooses by origin', needs: [], check: noFlow },
    { rule, sentence: 'nothing that it sets reaches another origin', needs: [], check: setsNothing },
    {
      rule: 'T2',
      sentence: 'a redirect takes no credential to another host, port or scheme',
      needs: [],
      check: matrix,
    },
  ]
}

async function accepted(bench: AuthBench): Promise<void> {
  const without = await bench.session().get(bench.url)
  assert.equal(without.statusCode, 401, `the target answers ${without.statusCode} to a request without credentials`)
  await bench.assertWorks(bench.session({ auth: bench.scheme }), 'a request with session.auth')
  const single = await bench.session().get(bench.url, { auth: bench.scheme })
  bench.assertAccepted(single, 'a request with its own auth')
}

async function ownCopy(bench: AuthBench): Promise<void> {
  const headers = { 'X-Suite': 'kept' }
  const hooks = { response: () => {} }
  const request = await new Request('GET', bench.url, { auth: bench.scheme, headers, hooks }).prepare()
  const before = takeSnapshot(request)
  const session = bench.session()
  for (const what of ['a request', 'the same request again']) {
    bench.assertAccepted(await within(session.send(request), 'end the exchange'), what)
    assertUnchanged(request, before)
  }
}

async function eachHop(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  const response = await session.get(`${bench.server.url}/redirect-to`, { params: { url: bench.target.path } })
  bench.assertAccepted(response, 'the second hop')
}

async function leavesScope(bench: AuthBench): Promise<void> {
  const { server, stranger } = bench
  const session = bench.session({ auth: bench.scheme })
  // A scheme that waits for challenges has something to give away now.
  await bench.assertWorks(session, 'a request')
  server.reset()
  const back = `${stranger.url}/redirect-to?url=${encodeURIComponent(`${server.url}/get`)}`
  for (const method of ['GET', 'POST']) {
    const url = `${server.url}/redirect-to?status_code=307&url=${encodeURIComponent(back)}`
    const response = await session.request(method, url, method === 'POST' ? { data: 'content' } : {})
    bench.assertAccepted(response, 'the end of a redirect away and back')
  }
  assert.equal(stranger.requests.length, 2, `the other origin saw ${stranger.requests.length} requests, not 2`)
  for (const request of stranger.requests) bench.assertNoCredentials(request, 'another origin')
  const returned = server.requests.filter(({ url }) => url.startsWith('/get'))
  for (const request of returned) bench.assertNoCredentials(request, 'the origin after another')
}

function elsewhere(bench: AuthBench): readonly string[] {
  return [bench.stranger.url, bench.otherHostUrl, bench.server.httpsUrl]
}

async function noFlow(bench: AuthBench): Promise<void> {
  const auth = new ObservedAuth(bench.scheme)
  const session = bench.session({ auth })
  for (const origin of elsewhere(bench)) {
    await session.get(`${bench.server.url}/redirect-to`, { params: { url: `${origin}/get` } })
  }
  if (bench.scheme.choosesByOrigin) return
  const foreign = auth.origins.filter((origin) => origin !== bench.server.url)
  assert.deepEqual(foreign, [], `a flow ran for ${foreign.join(', ')}`)
}

async function setsNothing(bench: AuthBench): Promise<void> {
  const names = async (options: RequestOptions): Promise<readonly string[]> => {
    bench.stranger.reset()
    const params = { url: `${bench.stranger.url}/get` }
    await bench.session().get(`${bench.server.url}/redirect-to`, { params, ...options })
    return bench.stranger.requests.flatMap(({ headers }) => headers.map(([name]) => name.toLowerCase())).sort()
  }
  const [without, signed] = [await names({ auth: null }), await names({ auth: bench.scheme })]
  assert.deepEqual(
    signed,
    without,
    `another origin was sent ${signed.join(', ')}, and without the scheme ${without.join(', ')}`,
  )
}

async function matrix(bench: AuthBench): Promise<void> {
  const session = bench.session({ auth: bench.scheme })
  await bench.assertWorks(session, 'a request')
  for (const status of [301, 303, 307, 308]) {
    for (const origin of elsewhere(bench)) {
      bench.server.reset()
      bench.stranger.reset()
      const path = `/anything/${status}`
      const url = `${bench.server.url}/redirect-to?status_code=${status}&url=${encodeURIComponent(origin + path)}`
      await within(session.post(url, { data: 'content' }), 'follow a redirect')
      const seen = [...bench.server.requests, ...bench.stranger.requests].filter((request) => request.url === path)
      assert.ok(seen.length > 0, `a ${status} to ${origin} was not followed`)
      for (const request of seen) bench.assertNoCredentials(request, `${origin}, after a ${status},`)
    }
  }
}
