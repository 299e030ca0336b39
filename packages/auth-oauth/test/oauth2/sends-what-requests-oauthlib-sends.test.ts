import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { Session } from '@entreat/core'
import { describe, expect, test } from 'vitest'
import { type ClientAuth, clientAuth, OAuth2Auth, OAuth2Client } from '../../src/index.ts'
import { missingPackages } from '../oauth1/support/python.ts'
import { bearer, FakeServer, type SeenRequest } from '../support/fake-server.ts'

// The flows that requests-oauthlib knows too: both send the same, as far as a server looks at it.

const peer = fileURLToPath(new URL('../../../../lab/oauth2/requests-oauthlib-peer.py', import.meta.url))

function start(): Promise<FakeServer> {
  return FakeServer.start({
    '/token': (_, count) => bearer(`t0ken-${count}`, { refresh_token: `r3fresh-${count}` }),
    '*': () => ({}),
  })
}

/** What a server looks at. */
function essence({ method, path, query, form, headers }: SeenRequest): object {
  // RFC 6749 section 6: a refresh without scope asks for the same again. requests-oauthlib repeats it.
  if (form.get('grant_type') === 'refresh_token') form.delete('scope')
  const pairs = [...form].map(([name, value]) => `${name}=${value}`).toSorted()
  return { request: `${method} ${path}?${String(query)}`, form: pairs, authorization: headers.authorization ?? null }
}

async function runPeer(base: string): Promise<string> {
  const env = { PATH: process.env['PATH'], OAUTHLIB_INSECURE_TRANSPORT: '1', NO_PROXY: '*' }
  const { stdout } = await promisify(execFile)('/usr/bin/python3', [peer, base], { env })
  return stdout.trim()
}

/** The same flows. @returns the authorization URL. */
async function runOurs(server: FakeServer): Promise<string> {
  const connect = (auth: ClientAuth, scope?: string[]): OAuth2Client =>
    new OAuth2Client({
      metadata: server.metadata,
      clientId: 'client-id',
      auth,
      ...(scope === undefined ? {} : { scope }),
    })
  const basic = clientAuth.basic('client-secret')

  const web = connect(basic, ['a', 'b'])
  const redirectUri = 'https://client.example/cb'
  const request = await web.authorizationRequest({ redirectUri, prompt: 'login', pkce: false })
  const token = await web.exchange(`${redirectUri}?code=c0de&state=${request.state}`, request)
  const auth = new OAuth2Auth({ client: web, token })
  await using session = new Session({ auth })
  await session.get(`${server.url}/api?page=1`)
  await session.post(`${server.url}/api`, { data: { page: 2 } })
  auth.invalidate()
  await session.get(`${server.url}/api`)

  await connect(basic, ['a', 'b']).clientCredentials()
  await connect(clientAuth.post('client-secret')).clientCredentials()
  await connect(basic, ['a']).password('ahab', 'ivory &')
  return request.url
}

describe('requests-oauthlib and ours', () => {
  test('send the same authorization and token requests, and sign the same way', async (ctx) => {
    const missing = await missingPackages()
    if (missing !== null) ctx.skip(missing)
    await using theirServer = await start()
    await using ourServer = await start()
    const [theirs, ours] = [await runPeer(theirServer.url), await runOurs(ourServer)]

    const params = (url: string): Record<string, string> => {
      const { state, ...rest } = Object.fromEntries(new URL(url).searchParams)
      expect(state).toBeTypeOf('string')
      return rest
    }
    expect(params(ours)).toEqual(params(theirs))
    expect(ourServer.seen.map(essence)).toEqual(theirServer.seen.map(essence))
  })
})
