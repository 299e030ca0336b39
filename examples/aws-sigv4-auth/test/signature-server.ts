import { createHash, createHmac } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { CustomHandler } from '@entreat/testkit'

/** Who asks, and what for. */
export interface ServerAccount {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
  readonly region: string
  readonly service: string
}

/** What a request says about its signature, wherever it says it. */
interface Claim {
  readonly accessKeyId: string
  readonly scope: string
  readonly date: string
  readonly signedHeaders: readonly string[]
  readonly signature: string
  readonly query: readonly (readonly [name: string, value: string])[]
  readonly payloadHash: string
  readonly token: string | undefined
  readonly expiresIn: number
}

/**
 * A server that works a request's signature out anew from what arrived. It shares no code with the client: the steps are those of
 * "Create a signed AWS API request" in the IAM user guide, and "Authenticating Requests" in that of S3.
 *
 * Everything below `/aws/` is protected; `/aws/refused` always refuses.
 */
export function signatureServer(account: ServerAccount, nowMs: () => number = Date.now): CustomHandler {
  return async (request, response) => {
    if (!request.url?.startsWith('/aws/')) return false
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece as Buffer)
    const refusal = request.url.startsWith('/aws/refused')
      ? 'AccessDenied'
      : refusalOf(request, Buffer.concat(pieces), account, nowMs())
    const body = refusal === null ? { signed: true } : { Code: refusal }
    response.writeHead(refusal === null ? 200 : 401, {
      'WWW-Authenticate': 'AWS4-HMAC-SHA256',
      'Content-Type': 'application/json',
    })
    response.end(JSON.stringify(body))
    return true
  }
}

/** The error code of AWS, or `null` for a good signature. */
function refusalOf(request: IncomingMessage, body: Buffer, account: ServerAccount, nowMs: number): string | null {
  const claim = claimOf(request, body, account)
  if (claim === null) return 'MissingAuthenticationToken'
  const signedAt = Date.parse(claim.date.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  if (!(nowMs - signedAt < claim.expiresIn * 1000 && signedAt - nowMs < 300_000)) return 'RequestExpired'
  if (claim.accessKeyId !== account.accessKeyId || claim.token !== account.sessionToken) return 'InvalidClientTokenId'
  if (claim.scope !== `${claim.date.slice(0, 8)}/${account.region}/${account.service}/aws4_request`)
    return 'SignatureDoesNotMatch'
  const hashed = createHash('sha256').update(body).digest('hex')
  if (claim.payloadHash !== 'UNSIGNED-PAYLOAD' && claim.payloadHash !== hashed) return 'XAmzContentSHA256Mismatch'
  if (!claim.signedHeaders.includes('host')) return 'SignatureDoesNotMatch'
  const toSign = [
    'AWS4-HMAC-SHA256',
    claim.date,
    claim.scope,
    createHash('sha256')
      .update(canonical(request, claim, account))
      .digest('hex'),
  ]
  let key: string | Buffer = `AWS4${account.secretAccessKey}`
  for (const step of claim.scope.split('/')) key = createHmac('sha256', key).update(step).digest()
  const expected = createHmac('sha256', key).update(toSign.join('\n')).digest('hex')
  return expected === claim.signature ? null : 'SignatureDoesNotMatch'
}

function claimOf(request: IncomingMessage, body: Buffer, { service }: ServerAccount): Claim | null {
  const query = [...new URLSearchParams(request.url?.split('?')[1] ?? '')]
  const header = request.headers.authorization ?? ''
  const [, credential, names, signature] =
    /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=(\w+)$/.exec(header) ?? []
  const of = (name: string): string | undefined => query.find(([key]) => key === name)?.[1]
  const isPresigned = credential === undefined
  const [accessKeyId = '', ...scope] = (credential ?? of('X-Amz-Credential') ?? '').split('/')
  if (accessKeyId === '') return null
  const sent = request.headers['x-amz-content-sha256'] as string | undefined
  return {
    accessKeyId,
    scope: scope.join('/'),
    date: isPresigned ? (of('X-Amz-Date') ?? '') : String(request.headers['x-amz-date']),
    signedHeaders: (names ?? of('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: signature ?? of('X-Amz-Signature') ?? '',
    query: query.filter(([name]) => name !== 'X-Amz-Signature'),
    payloadHash:
      sent ?? (isPresigned && service === 's3' ? 'UNSIGNED-PAYLOAD' : createHash('sha256').update(body).digest('hex')),
    token: isPresigned ? of('X-Amz-Security-Token') : (request.headers['x-amz-security-token'] as string | undefined),
    expiresIn: isPresigned ? Number(of('X-Amz-Expires')) : 300,
  }
}

function canonical(request: IncomingMessage, claim: Claim, { service }: ServerAccount): string {
  const path = (request.url ?? '').split('?')[0] ?? ''
  const headers = claim.signedHeaders.map((name) => {
    const values: string[] = []
    for (let at = 0; at < request.rawHeaders.length; at += 2) {
      if (request.rawHeaders[at]?.toLowerCase() === name)
        values.push((request.rawHeaders[at + 1] ?? '').replace(/\s+/g, ' ').trim())
    }
    return `${name}:${values.join(',')}\n`
  })
  const query = claim.query.map(([name, value]) => `${octets(name)}=${octets(value)}`).sort()
  const canonicalPath = service === 's3' ? octets(decodeURIComponent(path), '/') : octets(path, '/')
  return [
    request.method,
    canonicalPath,
    query.join('&'),
    headers.join(''),
    claim.signedHeaders.join(';'),
    claim.payloadHash,
  ].join('\n')
}

/** Byte by byte, as the guide's UriEncode() has it. */
function octets(text: string, kept = ''): string {
  let encoded = ''
  for (const byte of Buffer.from(text)) {
    const character = String.fromCharCode(byte)
    const isKept = /[A-Za-z0-9._~-]/.test(character) || kept.includes(character)
    encoded += isKept ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}
