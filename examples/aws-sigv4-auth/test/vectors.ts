import type { AWSCredentials } from '../src/signature.ts'

// What AWS has published about requests and their signatures. The keys are those of its documentation, and open nothing.

/** One request and what signs it. */
export interface Vector {
  readonly name: string
  readonly method: string
  /** As the suite gives it: not encoded. */
  readonly pathUrl: string
  /** Beside `host` and `x-amz-date`. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string
  readonly signature: string
}

const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SESSION_TOKEN =
  'AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=='

/**
 * The Signature Version 4 test suite (aws-sig-v4-test-suite, 2015), service `service` in us-east-1, host example.amazonaws.com, at 20150830T123600Z.
 *
 * @see https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html
 */
export const SUITE: { readonly credentials: AWSCredentials; readonly vectors: readonly Vector[] } = {
  credentials: { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' },
  vectors: [
    {
      name: 'get-vanilla',
      method: 'GET',
      pathUrl: '/',
      signature: '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
    },
    {
      name: 'get-vanilla-empty-query-key',
      method: 'GET',
      pathUrl: '/?Param1=value1',
      signature: 'a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb',
    },
    {
      name: 'get-vanilla-query-order-key-case',
      method: 'GET',
      pathUrl: '/?Param2=value2&Param1=value1',
      signature: 'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    },
    {
      name: 'get-vanilla-query-unreserved',
      method: 'GET',
      pathUrl: `/?${UNRESERVED}=${UNRESERVED}`,
      signature: '9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197',
    },
    {
      name: 'get-vanilla-utf8-query',
      method: 'GET',
      pathUrl: '/?\u1234=bar',
      signature: '2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04',
    },
    {
      name: 'get-unreserved',
      method: 'GET',
      pathUrl: `/${UNRESERVED}`,
      signature: '07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f',
    },
    {
      name: 'get-utf8',
      method: 'GET',
      pathUrl: '/\u1234',
      signature: '8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85',
    },
    {
      name: 'get-space',
      method: 'GET',
      pathUrl: '/example space/',
      signature: '652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741',
    },
    {
      name: 'get-header-key-duplicate',
      method: 'GET',
      pathUrl: '/',
      headers: { 'My-Header1': ['value2', 'value2', 'value1'] },
      signature: 'c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea',
    },
    {
      name: 'get-header-value-order',
      method: 'GET',
      pathUrl: '/',
      headers: { 'My-Header1': ['value4', 'value1', 'value3', 'value2'] },
      signature: '08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01',
    },
    {
      name: 'get-header-value-trim',
      method: 'GET',
      pathUrl: '/',
      headers: { 'My-Header1': ' value1', 'My-Header2': ' "a   b   c"' },
      signature: 'acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736',
    },
    {
      name: 'post-header-key-sort',
      method: 'POST',
      pathUrl: '/',
      headers: { 'My-Header1': 'value1' },
      signature: 'c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c',
    },
    {
      name: 'post-header-value-case',
      method: 'POST',
      pathUrl: '/',
      headers: { 'My-Header1': 'VALUE1' },
      signature: 'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
    },
    {
      name: 'post-sts-header-before',
      method: 'POST',
      pathUrl: '/',
      headers: { 'X-Amz-Security-Token': SESSION_TOKEN },
      signature: '85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead',
    },
    {
      name: 'post-vanilla',
      method: 'POST',
      pathUrl: '/',
      signature: '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b',
    },
    {
      name: 'post-vanilla-query',
      method: 'POST',
      pathUrl: '/?Param1=value1',
      signature: '28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11',
    },
    {
      name: 'post-x-www-form-urlencoded',
      method: 'POST',
      pathUrl: '/',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'Param1=value1',
      signature: 'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
    },
    {
      name: 'post-x-www-form-urlencoded-parameters',
      method: 'POST',
      pathUrl: '/',
      headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=utf8' },
      body: 'Param1=value1',
      signature: '1a72ec8f64bd914b0e42e42607c7fbce7fb2c7465f63e3092b3b0d39fa77a6fe',
    },
  ],
}

/**
 * The worked example of signing, for IAM: GET ListUsers in us-east-1 at 20150830T123600Z, with the suite's keys.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export const LIST_USERS = {
  pathUrl: '/?Action=ListUsers&Version=2010-05-08',
  host: 'iam.amazonaws.com',
  contentType: 'application/x-www-form-urlencoded; charset=utf-8',
  canonicalHash: 'f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59',
  signingKey: 'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9',
  signature: '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
}

/**
 * S3 in us-east-1 at 20130524T000000Z, host examplebucket.s3.amazonaws.com. `pathUrl` is as it is sent.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export const S3: { readonly credentials: AWSCredentials; readonly vectors: readonly Vector[] } = {
  credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' },
  vectors: [
    {
      name: 'GET Object',
      method: 'GET',
      pathUrl: '/test.txt',
      headers: { Range: 'bytes=0-9' },
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    },
    {
      name: 'PUT Object',
      method: 'PUT',
      pathUrl: '/test$file.text',
      headers: { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'X-Amz-Storage-Class': 'REDUCED_REDUNDANCY' },
      body: 'Welcome to Amazon S3.',
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
    },
    {
      name: 'GET Bucket Lifecycle',
      method: 'GET',
      pathUrl: '/?lifecycle',
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
    {
      name: 'Get Bucket (List Objects)',
      method: 'GET',
      pathUrl: '/?max-keys=2&prefix=J',
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ],
}

/**
 * A presigned GET of test.txt for a day, with the keys and the time of {@link S3}.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
export const PRESIGNED =
  'https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404'
