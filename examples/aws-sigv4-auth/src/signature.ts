import { createHmac } from 'node:crypto'
import { sha256 } from './canonical-request.ts'

/** The name of the scheme, in headers and queries. */
export const ALGORITHM = 'AWS4-HMAC-SHA256'

/** Keys of an account, or of a role for a while. */
export interface AWSCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Comes with keys that are only valid for a while. */
  readonly sessionToken?: string | undefined
}

/** For what a signature holds. */
export interface SignatureScope {
  /** `20150830T123600Z`. */
  readonly time: string
  readonly region: string
  readonly service: string
}

/** Milliseconds since the epoch as AWS writes them. */
export function amzTime(nowMs: number): string {
  return new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '')
}

/** `20150830/us-east-1/iam/aws4_request`. */
export function scopeText({ time, region, service }: SignatureScope): string {
  return `${time.slice(0, 8)}/${region}/${service}/aws4_request`
}

/** The key that a secret gives for one day, region and service: what is signed with it tells nobody the secret. */
export function signingKey(secretAccessKey: string, { time, region, service }: SignatureScope): Buffer {
  const words = [time.slice(0, 8), region, service, 'aws4_request']
  return words.reduce(
    (key, word) => createHmac('sha256', key).update(word).digest(),
    Buffer.from(`AWS4${secretAccessKey}`),
  )
}

/** The signature of a canonical request, in hexadecimal digits. */
export function signatureOf(canonical: string, secretAccessKey: string, scope: SignatureScope): string {
  const text = [ALGORITHM, scope.time, scopeText(scope), sha256(canonical)].join('\n')
  return createHmac('sha256', signingKey(secretAccessKey, scope)).update(text).digest('hex')
}
