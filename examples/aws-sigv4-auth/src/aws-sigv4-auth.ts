import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  OriginScope,
  type PreparedRequest,
  readOptions,
  Request,
  UsageError,
} from '@entreat/core'
import { canonicalRequest, encodeStrictly } from './canonical-request.ts'
import { payloadHash, type PayloadSigning, UNSIGNED_PAYLOAD } from './payload-hash.ts'
import { ALGORITHM, amzTime, type AWSCredentials, scopeText, signatureOf } from './signature.ts'

/** Asks for credentials: once a request, so that it may renew them. */
export type CredentialsSource = () => AWSCredentials | Promise<AWSCredentials>

/** What {@link AWSSigV4Auth} takes. */
export interface AWSSigV4AuthOptions {
  readonly credentials: AWSCredentials | CredentialsSource
  /** Such as `eu-central-1`; `auto` or the like for services that only look like AWS. */
  readonly region: string
  /** The service's name in signatures: `s3`, `execute-api`, `sts`. S3's rules hold for `s3` and `s3express`. */
  readonly service: string
  /** Default `'auto'`. */
  readonly payload?: PayloadSigning | undefined
  /** How many bytes of a body are held in memory to sign it, if it can be read only once. Default 16 MiB. */
  readonly maxPayloadBytes?: number | undefined
  /** Who may be sent signatures. Default: everybody the request is for; a signature names its host, and is worth nothing elsewhere. */
  readonly origins?: readonly string[] | undefined
}

/** Options of {@link AWSSigV4Auth.presign}. */
export interface PresignOptions {
  /** Default `'GET'`. */
  readonly method?: string | undefined
  /** Seconds, 1 to 604,800. Default 900. */
  readonly expiresIn?: number | undefined
  /** Milliseconds since the epoch. Default: now. */
  readonly nowMs?: number | undefined
}

const OPTIONS: ReadonlySet<string> = new Set<keyof AWSSigV4AuthOptions>([
  'credentials',
  'region',
  'service',
  'payload',
  'maxPayloadBytes',
  'origins',
])
const PRESIGN_OPTIONS: ReadonlySet<string> = new Set<keyof PresignOptions>(['method', 'expiresIn', 'nowMs'])
/** What is written below this layer, or may be changed on the way: signing it would break requests. */
const UNSIGNED_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-encoding',
  'authorization',
  'cache-control',
  'connection',
  'content-length',
  'cookie',
  'expect',
  'keep-alive',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
  'x-amzn-trace-id',
])
const MOST_SECONDS = 604_800

/**
 * AWS Signature Version 4, in headers, and in queries by {@link presign}.
 *
 * Each leg of a call is signed anew: retries with their own time, redirects within the origin with their own path.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html
 */
export class AWSSigV4Auth extends AuthBase {
  readonly #credentials: CredentialsSource
  readonly #region: string
  readonly #service: string
  readonly #payload: PayloadSigning
  readonly #maxPayloadBytes: number
  readonly #scope: OriginScope | null

  /** @throws UsageError for an unknown or a missing option, unsigned payloads where the service is not S3, an origin that is none. */
  constructor(options: AWSSigV4AuthOptions) {
    super()
    const own = readOptions(options, OPTIONS, 'AWSSigV4Auth')
    const { credentials, region, service, payload = 'auto', maxPayloadBytes = 16 * 1024 * 1024, origins } = own
    if (!isName(region) || !isName(service)) {
      throw new UsageError('AWSSigV4Auth needs a region and a service, such as eu-central-1 and s3')
    }
    if (!['auto', 'signed', 'unsigned'].includes(payload)) {
      throw new UsageError(
        `AWSSigV4Auth: payload must be 'auto', 'signed' or 'unsigned', not ${JSON.stringify(payload)}`,
      )
    }
    this.#credentials = typeof credentials === 'function' ? credentials : always(checked(credentials))
    this.#region = region
    this.#service = service
    this.#payload = payload
    this.#maxPayloadBytes = maxPayloadBytes
    this.#scope = origins === undefined ? null : new OriginScope({ origins }, 'AWSSigV4Auth')
    if (payload === 'unsigned' && !this.#isS3)
      throw new UsageError(`AWSSigV4Auth: only S3 takes unsigned payloads, not ${service}`)
  }

  /**
   * @throws AuthenticationError for a proxy, an origin that may not be sent signatures, and credentials that are incomplete; what the source of
   * credentials throws; LimitExceededError for a body that would have to be held and is too long.
   */
  override async apply(request: PreparedRequest, context: AuthContext): Promise<void> {
    if (context.recipient === 'proxy')
      throw new AuthenticationError('AWSSigV4Auth signs for AWS, not for proxies', { request })
    const refusal = this.#scope?.refusal(request, context) ?? null
    if (refusal !== null) throw new AuthenticationError(refusal, { request })
    const credentials = checked(await this.#credentials())
    const time = amzTime(context.now())
    const { headers } = request
    request.url = withoutPlus(request.url)
    const hash = await payloadHash(request, {
      signing: this.#payload,
      isS3: this.#isS3,
      maxBytes: this.#maxPayloadBytes,
    })
    headers.set('X-Amz-Date', time)
    if (this.#isS3) headers.set('X-Amz-Content-Sha256', hash)
    if (credentials.sessionToken !== undefined) headers.set('X-Amz-Security-Token', credentials.sessionToken)
    const signed = { ...this.#parts(request), headers: signedHeadersOf(request), payloadHash: hash }
    const { text, signedHeaders } = canonicalRequest(signed)
    const scope = { time, region: this.#region, service: this.#service }
    const signature = signatureOf(text, credentials.secretAccessKey, scope)
    const credential = `${credentials.accessKeyId}/${scopeText(scope)}`
    context.authorize(
      request,
      `${ALGORITHM} Credential=${credential}, SignedHeaders=${signedHeaders}, Signature=${signature}`,
    )
  }

  /**
   * A URL that lets whoever has it make one kind of request for a while, without any header.
   *
   * @param url - without a signature; its own query is kept, and signed.
   * @throws UsageError for a time that AWS does not take; InvalidURL, MissingSchema.
   */
  async presign(url: string | URL, options: PresignOptions = {}): Promise<string> {
    const own = readOptions(options, PRESIGN_OPTIONS, 'presign()')
    const { method = 'GET', expiresIn = 900, nowMs = Date.now() } = own
    if (!Number.isInteger(expiresIn) || expiresIn < 1 || expiresIn > MOST_SECONDS) {
      throw new UsageError(`presign(): expiresIn is 1 to ${MOST_SECONDS} whole seconds, not ${expiresIn}`)
    }
    const credentials = checked(await this.#credentials())
    const scope = { time: amzTime(nowMs), region: this.#region, service: this.#service }
    const request = await new Request(method, url).prepare()
    const parameters = {
      'X-Amz-Algorithm': ALGORITHM,
      'X-Amz-Credential': `${credentials.accessKeyId}/${scopeText(scope)}`,
      'X-Amz-Date': scope.time,
      'X-Amz-Expires': String(expiresIn),
      ...(credentials.sessionToken !== undefined && { 'X-Amz-Security-Token': credentials.sessionToken }),
      'X-Amz-SignedHeaders': 'host',
    }
    request.url = withQuery(withoutPlus(request.url), parameters)
    const headers = new Map([['host', [hostOf(request)]]])
    const hash = this.#isS3
      ? UNSIGNED_PAYLOAD
      : await payloadHash(request, { signing: 'signed', isS3: false, maxBytes: 0 })
    const { text } = canonicalRequest({ ...this.#parts(request), headers, payloadHash: hash })
    return withQuery(request.url, { 'X-Amz-Signature': signatureOf(text, credentials.secretAccessKey, scope) })
  }

  get #isS3(): boolean {
    return this.#service === 's3' || this.#service === 's3express'
  }

  #parts({ method, pathUrl }: PreparedRequest): { method: string; pathUrl: string; isS3: boolean } {
    return { method, pathUrl, isS3: this.#isS3 }
  }
}

function always(credentials: AWSCredentials): CredentialsSource {
  return () => credentials
}

function checked(credentials: AWSCredentials): AWSCredentials {
  const { accessKeyId, secretAccessKey, sessionToken } = { ...credentials }
  if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string' || secretAccessKey === '')
    throw new AuthenticationError('AWSSigV4Auth: credentials need an accessKeyId and a secretAccessKey')
  return { accessKeyId, secretAccessKey, sessionToken }
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[\w.-]+$/.test(value)
}

/** A space is `+` in forms and `%20` to AWS; what is sent must be what is signed. A plus sign itself is `%2B`. */
function withoutPlus(url: string): string {
  const [, before = url, query = '', after = ''] = /^([^?#]*)(\?[^#]*)?(.*)$/s.exec(url) ?? []
  return before + query.replaceAll('+', '%20') + after
}

function withQuery(url: string, parameters: Readonly<Record<string, string>>): string {
  const query = Object.entries(parameters).map(([name, value]) => `${encodeStrictly(name)}=${encodeStrictly(value)}`)
  const [before = url] = url.split('#', 1)
  return `${before}${before.includes('?') ? '&' : '?'}${query.join('&')}`
}

function signedHeadersOf(request: PreparedRequest): ReadonlyMap<string, readonly string[]> {
  const { headers } = request
  const signed = new Map<string, readonly string[]>([['host', [hostOf(request)]]])
  for (const [name] of headers.items()) {
    const lower = name.toLowerCase()
    if (lower !== 'host' && !UNSIGNED_HEADERS.has(lower)) signed.set(lower, headers.getAll(name))
  }
  return signed
}

/** Host as it goes on the wire: the header if there is one, else the URL's host, with its port as it was written. */
function hostOf({ headers, origin }: PreparedRequest): string {
  return headers.get('host') ?? origin.slice(origin.indexOf('//') + 2)
}
