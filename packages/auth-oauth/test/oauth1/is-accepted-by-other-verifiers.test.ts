import { createPublicKey } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, type TestContext } from 'vitest'
import { type RequestOptions, Session } from '@entreat/core'
import { OAuth1, type OAuth1Options } from '../../src/index.ts'
import { missingPackages, PythonProvider } from './support/python.ts'
import { RedirectedWire } from './support/redirected-wire.ts'
import { bodyOf, privateKeyOf, type Vector, type VectorInput, vectorSet } from './support/vectors.ts'

// Traps 5 and 6 of OAuth 1: what is signed is what is sent, checked by others who see only what was sent.

interface Verdict {
  /** `null`: accepted; else why not. */
  readonly reference: string | null
  readonly oauthlib: string | null
}

const missing = await missingPackages()
let provider: PythonProvider
let session: Session

beforeAll(async () => {
  if (missing !== null) return
  provider = await PythonProvider.start()
  const wire = new RedirectedWire(provider.url)
  session = new Session({ trustEnv: false })
  session.mount('http://', wire).mount('https://', wire)
})

afterAll(async () => {
  await session?.close()
  await provider?.[Symbol.asyncDispose]()
})

/** What a caller would say to send the vector's request. */
function authOf(input: VectorInput, own: Partial<OAuth1Options> = {}): OAuth1 {
  const { timestamp, nonce } = input
  return new OAuth1({
    clientKey: input.client_key,
    clientSecret: input.client_secret,
    token: input.token,
    tokenSecret: input.token_secret,
    signatureMethod: input.signature_method,
    privateKey: privateKeyOf(input),
    placement: input.placement,
    realm: input.realm,
    callback: input.callback,
    verifier: input.verifier,
    version: input.version ?? null,
    bodyHash: input.body_hash,
    allowDuplicateParameters: true,
    allowPlaintextOverHttp: true,
    ...(nonce === undefined ? {} : { nonce: () => nonce }),
    ...(timestamp === undefined ? {} : { timestamp: () => Number(timestamp) }),
    ...own,
  })
}

async function send(input: VectorInput, auth: OAuth1, more: RequestOptions = {}): Promise<[Verdict, string | null]> {
  const privateKey = privateKeyOf(input)
  const credentials = {
    client_secret: input.client_secret,
    token_secret: input.token_secret,
    ...(privateKey && { public_key: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) }),
  }
  const response = await session.request(input.method, input.url, {
    auth,
    headers: {
      'X-Credentials': Buffer.from(JSON.stringify(credentials)).toString('base64'),
      ...(input.content_type === undefined ? {} : { 'Content-Type': input.content_type }),
      ...(input.host_header === undefined ? {} : { Host: input.host_header }),
    },
    ...(bodyOf(input)?.length ? { data: bodyOf(input) } : {}),
    ...more,
  })
  const { headers } = response.request
  return [response.json<Verdict>(), headers.get('authorization')]
}

function need(ctx: TestContext): void {
  if (missing !== null) ctx.skip(missing)
}

/** What its server refuses whoever signs: it looks at no Host, compares media types by case, and wants oauth_* in one place and no brackets. */
const REFUSED_BY_OAUTHLIB = new Set([
  'h-host-override-port',
  'h-host-override-default-port',
  'q-oauth-named',
  'f-oauth-callback-in-body',
  'f-content-type-case',
  'f-brackets-raw',
])

describe.each(vectorSet.vectors)('the request of $id', ({ id, input, expected, oauthlib }: Vector) => {
  test('is accepted by a verifier written from the RFC, and by oauthlib', async (ctx) => {
    need(ctx)
    const [verdict, header] = await send(input, authOf(input))
    expect(verdict.reference).toBe(null)
    const isWhole = input.timestamp !== undefined && input.nonce !== undefined
    // The URL is normalised before it is sent, which only these have to show.
    const isNormalised = ['url-path-tilde', 'q-brackets-raw', 'q-reserved-raw'].includes(id)
    if (expected.authorization !== undefined && isWhole && !isNormalised) expect(header).toBe(expected.authorization)
    if (oauthlib.server_accepts === true && !REFUSED_BY_OAUTHLIB.has(id)) expect(verdict.oauthlib).toBe(null)
  })

  test('is accepted with a nonce and a time of its own', async (ctx) => {
    need(ctx)
    const { nonce: _, timestamp: __, ...rest } = input
    const [verdict] = await send(rest, authOf(rest))
    expect(verdict.reference).toBe(null)
    if (!REFUSED_BY_OAUTHLIB.has(id)) expect(verdict.oauthlib).toBe(null)
  })
})

describe('bodies and URLs that a caller gives in other ways', () => {
  const base = { client_key: 'ck', client_secret: 'cs', token: 'tk', token_secret: 'ts' } as const
  const input: VectorInput = {
    ...base,
    signature_method: 'HMAC-SHA256',
    method: 'POST',
    url: 'https://example.com/a?b=c',
  }

  test.for<[string, RequestOptions]>([
    ['params and a form as records', { params: { q: 'a b', x: ['1', '2'] }, data: { k: 'v +&=%', é: '☃' } }],
    [
      'a URLSearchParams',
      {
        data: new URLSearchParams([
          ['a', 'b c'],
          ['a', '*'],
        ]),
      },
    ],
    [
      'a form from a stream',
      {
        data: (async function* () {
          yield 'a=1&'
          yield 'b=2'
        })(),
        headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf-8' },
      },
    ],
    [
      'a form from a function',
      {
        data: () => [Buffer.from('a=%20')],
        headers: { 'Content-Type': 'application/x-www-form-urlencoded ; charset=utf-8' },
      },
    ],
    ['multipart', { files: { file: 'content' }, data: { field: 'not signed' } }],
    ['JSON', { json: { a: [1, 2] } }],
    ['a fragment and userinfo', {}],
  ])('%s are signed as they are sent', async ([, options], ctx) => {
    need(ctx)
    const { headers, ...content } = options
    const credentials = Buffer.from(JSON.stringify({ client_secret: 'cs', token_secret: 'ts' })).toString('base64')
    const url = 'https://user:pass@example.com/a;p=1/b%2fc?b=c&d=%7e#part?x=1'
    const response = await session.post(url, {
      ...content,
      headers: { ...(headers as Record<string, string> | undefined), 'X-Credentials': credentials },
      auth: authOf(input),
    })
    expect(response.json<Verdict>()).toMatchObject({ reference: null, oauthlib: null })
  })

  test('an upload is summed up with SHA-256 if asked, from a stream too', async (ctx) => {
    need(ctx)
    for (const data of [
      'text',
      () => [Buffer.from('piece'), Buffer.from('s')],
      (function* () {
        yield Buffer.from([0xff])
      })(),
    ]) {
      const [verdict] = await send(
        { ...input, content_type: 'application/octet-stream' },
        authOf(input, { bodyHash: 'sha1' }),
        { data },
      )
      expect(verdict.reference).toBe(null)
    }
  })
})
