import { createHash, timingSafeEqual } from 'node:crypto'
import { AuthorizationResponseError, IssuerMismatchError, StateMismatchError } from '../errors.ts'
import { showServerText } from '../redaction.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import type { ServerMetadata } from './server-metadata.ts'

/** Parameters that may stand in a callback once (RFC 6749 section 3.1). */
const ONCE = ['code', 'state', 'iss', 'error', 'error_description', 'error_uri']

/** Nothing in it is used: it makes relative callbacks, such as an http server's `request.url`, absolute. */
const ANY_BASE = 'http://callback.invalid/'

/**
 * Takes the code out of a callback, after checking that it answers this request.
 *
 * @param callback - the URL that the user came back to, absolute or not, or the parameters of a posted form.
 * @throws StateMismatchError, IssuerMismatchError, AuthorizationResponseError.
 */
export function readAuthorizationResponse(
  callback: string | URL | URLSearchParams,
  request: AuthorizationRequest,
  metadata: Partial<ServerMetadata>,
): string {
  const params = callbackParams(callback)
  for (const name of ONCE) if (params.getAll(name).length > 1) throw invalid(`repeats ${name}`)
  checkState(params.get('state'), request.state)
  checkIssuer(params.get('iss'), metadata)
  const error = params.get('error')
  if (error !== null) throw refused(error, params)
  const code = params.get('code')
  if (code === null || code === '') throw invalid('has neither code nor error')
  return code
}

function callbackParams(callback: string | URL | URLSearchParams): URLSearchParams {
  if (callback instanceof URLSearchParams) return callback
  if (callback instanceof URL) return callback.searchParams
  if (typeof callback === 'string' && URL.canParse(callback, ANY_BASE)) return new URL(callback, ANY_BASE).searchParams
  throw invalid('is not a URL')
}

function checkState(given: string | null, expected: string): void {
  // Digests, so that neither content nor length takes a telling time.
  if (given !== null && timingSafeEqual(digest(given), digest(expected))) return
  const what = given === null ? 'has no state' : 'has another state than the request'
  throw new StateMismatchError(
    `The callback ${what}: it does not belong to this sign-in, and may be forged. Start anew`,
    {
      error: 'invalid_state',
    },
  )
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** RFC 9207 section 2.4: against answers of another server than the one that was asked. */
function checkIssuer(given: string | null, metadata: Partial<ServerMetadata>): void {
  const { issuer, authorization_response_iss_parameter_supported: isPromised } = metadata
  if (given === null ? isPromised !== true : issuer === undefined || given === issuer) return
  const what =
    given === null ? 'has no iss, which this server promises' : 'comes from another issuer than the one asked'
  throw new IssuerMismatchError(`The callback ${what}`, { error: 'invalid_issuer' })
}

function refused(error: string, params: URLSearchParams): AuthorizationResponseError {
  const [code = '', errorDescription, errorUri] = [error, params.get('error_description'), params.get('error_uri')].map(
    (text) => (text === null ? undefined : showServerText(text)),
  )
  const why = errorDescription === undefined ? code : `${code}: ${errorDescription}`
  return new AuthorizationResponseError(`The authorization server refused: ${why}`, {
    error: code,
    errorDescription,
    errorUri,
  })
}

function invalid(why: string): AuthorizationResponseError {
  return new AuthorizationResponseError(`The callback ${why}`, { error: 'invalid_response' })
}

/** States that are remembered at once. */
const MOST_USED_STATES = 1000

/** Callbacks that have been used: a second exchange of one code would end the tokens of the first (RFC 6749 section 4.1.2). */
export class UsedStates {
  readonly #states = new Set<string>()

  /** @throws AuthorizationResponseError if it was used before. */
  use(state: string): void {
    if (this.#states.has(state)) {
      throw new AuthorizationResponseError('The callback was used before. Start the sign-in anew', {
        error: 'invalid_state',
      })
    }
    this.#states.add(state)
    const [oldest] = this.#states
    if (this.#states.size > MOST_USED_STATES && oldest !== undefined) this.#states.delete(oldest)
  }

  /** The code of that callback is as good as before. */
  forget(state: string): void {
    this.#states.delete(state)
  }
}
