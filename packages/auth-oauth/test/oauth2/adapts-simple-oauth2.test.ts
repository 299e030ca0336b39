// oxlint-disable-next-line typescript/triple-slash-reference -- ambient modules cannot be imported
/// <reference path="../../src/oauth2/simple-oauth2-modules.d.ts" />
import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import AuthorizationCode from 'simple-oauth2/lib/authorization-code-grant-type.js'
import { CredentialsEncoding } from 'simple-oauth2/lib/client/credentials-encoding.js'
import ClientCredentials from 'simple-oauth2/lib/client-credentials-grant-type.js'
import ResourceOwnerPassword from 'simple-oauth2/lib/resource-owner-password-grant-type.js'
import { describe, expect, test } from 'vitest'
import { Grants } from '../../src/oauth2/simple-oauth2.ts'

// The classes behind simple-oauth2's public ones are no promise of its authors: this fails loudly if an upgrade changes what is relied on.

const config = {
  client: { id: 'c', idParamName: 'client_id' },
  auth: {
    authorizeHost: 'https://server.example/a?tenant=blue',
    authorizePath: 'https://server.example/a?tenant=blue',
    tokenPath: 'token',
    refreshPath: 'refresh',
    revokePath: 'revoke',
  },
  options: { scopeSeparator: ' ' },
}

type Call = [path: string, params: Record<string, unknown>, options: unknown]

function recorder(answer: Record<string, unknown>): {
  calls: Call[]
  request: (...call: Call) => Promise<Record<string, unknown>>
} {
  const calls: Call[] = []
  return {
    calls,
    request: (...call) => {
      calls.push(call)
      return Promise.resolve({ ...answer })
    },
  }
}

describe('the contract', () => {
  const options = { signal: 'passed through' }

  test.each([
    ['authorization_code', AuthorizationCode],
    ['client_credentials', ClientCredentials],
    ['password', ResourceOwnerPassword],
  ])('of the %s grant is request(path, params, options)', async (grantType, Grant) => {
    const transport = recorder({ access_token: 't' })
    const grant = new Grant<unknown>(config, transport)
    const { token } = await grant.getToken({ scope: ['a', 'b'], extra: '1' }, options)
    expect(transport.calls).toEqual([['token', { grant_type: grantType, scope: 'a b', extra: '1' }, options]])
    expect(transport.calls[0]?.[2]).toBe(options)
    expect(token['access_token']).toBe('t')
  })

  test('of a token is refresh(params, options) and revoke(type, options)', async () => {
    const transport = recorder({ access_token: 't2' })
    const token = new AuthorizationCode<unknown>(config, transport).createToken({
      access_token: 't',
      refresh_token: 'r',
    })
    await token.refresh({ scope: 'a' }, options)
    await token.revoke('refresh_token', options)
    expect(transport.calls).toEqual([
      ['refresh', { grant_type: 'refresh_token', scope: 'a', refresh_token: 'r' }, options],
      ['revoke', { token: 'r', token_type_hint: 'refresh_token' }, options],
    ])
  })

  test('of the authorization URL keeps the endpoint’s query', () => {
    const url = new AuthorizationCode(config, recorder({})).authorizeURL({ scope: ['a', 'b'], state: 's' })
    expect(url).toBe('https://server.example/a?tenant=blue&response_type=code&client_id=c&scope=a+b&state=s')
  })

  test('of the Basic encoding is form-encoding', () => {
    const token = new CredentialsEncoding('strict').getAuthorizationHeaderToken('a:b', "c d!'()*")
    expect(Buffer.from(token, 'base64').toString()).toBe('a%3Ab:c+d%21%27%28%29%2A')
  })

  test('is that of the installed version', () => {
    const require = createRequire(import.meta.url)
    expect((require('simple-oauth2/package.json') as { version: string }).version).toMatch(/^5\.1\./)
  })
})

describe('what is healed', () => {
  const posts: { endpoint: string; form: string; call: unknown }[] = []
  const grants = (body: Record<string, unknown>): Grants<string> =>
    new Grants({
      clientId: 'c',
      scopeSeparator: ' ',
      post: (endpoint, params, call) => {
        posts.push({ endpoint, form: String(params), call })
        return Promise.resolve(body)
      },
    })

  test('an answer comes back as it was: no refresh token is lost, no date made up', async () => {
    const body = { access_token: 't', expires_in: 1e12 }
    expect(await grants(body).refresh('r', {}, 'call')).toStrictEqual({ access_token: 't', expires_in: 1e12 })
    expect(body).toStrictEqual({ access_token: 't', expires_in: 1e12 })
    expect(posts.pop()).toEqual({
      endpoint: 'token_endpoint',
      form: 'grant_type=refresh_token&refresh_token=r',
      call: 'call',
    })
  })

  test('absent parameters are not sent, lists repeat the name', async () => {
    await grants({}).token(
      'client_credentials',
      { a: undefined, b: null, c: ['1', '2'], scope: ['x', 'y'], d: [] },
      'call',
    )
    expect(posts.pop()?.form).toBe('grant_type=client_credentials&scope=x+y&c=1&c=2')
  })

  test('lists in the authorization URL are not joined by commas', () => {
    const url = grants({}).authorizationUrl('https://server.example/a', { resource: ['1', '2'], nothing: undefined })
    expect(new URL(url).searchParams.getAll('resource')).toEqual(['1', '2'])
    expect(url).not.toContain('nothing')
    expect(url).not.toContain('scope')
  })
})

test('neither its HTTP client nor its schema library is loaded', async () => {
  const script = `
    const before = new Set(Object.keys(require.cache))
    import('simple-oauth2/lib/authorization-code-grant-type.js')
      .then(() => import('simple-oauth2/lib/client/credentials-encoding.js'))
      .then(() => console.log(Object.keys(require.cache).filter((name) => /wreck|joi[/@]|boom/.test(name)).length))`
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: import.meta.dirname })
  expect(stdout.trim()).toBe('0')
})
