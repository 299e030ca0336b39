import { describe, expect, test } from 'vitest'
import { type AuthBase, type AuthContext, Request } from '@entreat/core'
import { AWSSigV4Auth, type AWSSigV4AuthOptions } from '../src/aws-sigv4-auth.ts'
import { canonicalRequest, sha256 } from '../src/canonical-request.ts'
import { scopeText, signatureOf, signingKey } from '../src/signature.ts'
import { LIST_USERS, PRESIGNED, S3, SUITE, type Vector } from './vectors.ts'

const SUITE_TIME = '20150830T123600Z'
const S3_NOW = Date.UTC(2013, 4, 24)

function headersOf(vector: Vector, host: string): Map<string, readonly string[]> {
  const headers = new Map<string, readonly string[]>([['Host', [host]]])
  for (const [name, value] of Object.entries(vector.headers ?? {})) headers.set(name, [value].flat())
  return headers
}

/** What a Session gives a scheme, with the clock set. */
function contextAt(nowMs: number): AuthContext {
  return {
    recipient: 'origin',
    now: () => nowMs,
    authorize: (request, value) => request.headers.set('Authorization', value),
  } as Partial<AuthContext> as AuthContext
}

async function signedBy(
  options: AWSSigV4AuthOptions,
  vector: Vector,
  base: string,
  nowMs: number,
): Promise<string | null> {
  const { method, pathUrl, headers = {}, body } = vector
  const request = await new Request(method, base + pathUrl, {
    headers: headers as Record<string, string>,
    ...(body !== undefined && { data: body }),
  }).prepare()
  if (headers['Content-Type'] === undefined) request.headers.delete('Content-Type')
  const auth: AuthBase = new AWSSigV4Auth(options)
  await auth.apply(request, contextAt(nowMs))
  return request.headers.get('Authorization')
}

describe('the published test suite', () => {
  test.each(SUITE.vectors)('$name', (vector) => {
    const headers = headersOf(vector, 'example.amazonaws.com').set('X-Amz-Date', [SUITE_TIME])
    const parts = {
      method: vector.method,
      pathUrl: vector.pathUrl,
      headers,
      payloadHash: sha256(vector.body ?? ''),
      isS3: false,
    }
    const scope = { time: SUITE_TIME, region: 'us-east-1', service: 'service' }
    expect(signatureOf(canonicalRequest(parts).text, SUITE.credentials.secretAccessKey, scope)).toBe(vector.signature)
  })

  // The scheme signs paths as they are sent, which is encoded; a header that begins with white space is refused by core; a token is a credential.
  const others = new Set(['get-utf8', 'get-space', 'get-header-value-trim', 'post-sts-header-before'])
  const sendable = SUITE.vectors.filter(({ name }) => !others.has(name))
  test.each(sendable)('$name, by the scheme itself', async (vector) => {
    const options = { credentials: SUITE.credentials, region: 'us-east-1', service: 'service' }
    const value = await signedBy(options, vector, 'https://example.amazonaws.com', Date.UTC(2015, 7, 30, 12, 36))
    expect(value).toContain(`Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=`)
    expect(value).toMatch(new RegExp(`Signature=${vector.signature}$`))
  })

  test('post-sts-header-before, by the scheme itself: a session token is sent and signed', async () => {
    const { headers, ...vector } = SUITE.vectors.find(({ name }) => name === 'post-sts-header-before') as Vector
    const sessionToken = headers?.['X-Amz-Security-Token'] as string
    const options = {
      credentials: () => ({ ...SUITE.credentials, sessionToken }),
      region: 'us-east-1',
      service: 'service',
    }
    const value = await signedBy(options, vector, 'https://example.amazonaws.com', Date.UTC(2015, 7, 30, 12, 36))
    expect(value).toContain('SignedHeaders=host;x-amz-date;x-amz-security-token')
    expect(value).toMatch(new RegExp(`Signature=${vector.signature}$`))
  })
})

test('the worked example for IAM, step by step', () => {
  const headers = new Map([
    ['content-type', [LIST_USERS.contentType]],
    ['host', [LIST_USERS.host]],
    ['x-amz-date', [SUITE_TIME]],
  ])
  const { text, signedHeaders } = canonicalRequest({
    method: 'GET',
    pathUrl: LIST_USERS.pathUrl,
    headers,
    payloadHash: sha256(''),
    isS3: false,
  })
  const scope = { time: SUITE_TIME, region: 'us-east-1', service: 'iam' }
  expect(signedHeaders).toBe('content-type;host;x-amz-date')
  expect(sha256(text)).toBe(LIST_USERS.canonicalHash)
  expect(scopeText(scope)).toBe('20150830/us-east-1/iam/aws4_request')
  expect(signingKey(SUITE.credentials.secretAccessKey, scope).toString('hex')).toBe(LIST_USERS.signingKey)
  expect(signatureOf(text, SUITE.credentials.secretAccessKey, scope)).toBe(LIST_USERS.signature)
})

describe('the examples of S3', () => {
  const options = { credentials: S3.credentials, region: 'us-east-1', service: 's3' }

  test.each(S3.vectors)('$name', async (vector) => {
    const value = await signedBy(options, vector, 'https://examplebucket.s3.amazonaws.com', S3_NOW)
    expect(value).toMatch(new RegExp(`Signature=${vector.signature}$`))
  })

  test('a presigned URL', async () => {
    const url = 'https://examplebucket.s3.amazonaws.com/test.txt'
    const presigned = await new AWSSigV4Auth(options).presign(url, { expiresIn: 86_400, nowMs: S3_NOW })
    expect(presigned).toBe(PRESIGNED)
  })
})
