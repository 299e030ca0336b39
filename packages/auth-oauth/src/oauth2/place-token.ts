import type { AuthContext, PreparedRequest } from '@entreat/core'
import type { TokenPlacement } from './provider-profile.ts'

const FORM = /^application\/x-www-form-urlencoded\s*(?:;|$)/i
/** A form longer than this is not read into memory: the token goes into the query. */
const MOST_FORM_BYTES = 1024 * 1024

/**
 * Puts a Bearer token where the API looks for it (RFC 6750 section 2).
 *
 * A request without a form gets a form's token in its query.
 */
export async function placeToken(
  request: PreparedRequest,
  context: AuthContext,
  accessToken: string,
  placement: TokenPlacement,
): Promise<void> {
  if (placement.in === 'header') {
    context.authorize(request, `Bearer ${accessToken}`)
    return
  }
  const name = placement.name ?? 'access_token'
  const { body } = request
  const isForm = FORM.test(request.headers.get('content-type') ?? '') && body !== null
  if (placement.in === 'form' && isForm && body.isReplayable && (body.length ?? Infinity) <= MOST_FORM_BYTES) {
    const form = Buffer.from(await body.bytes(MOST_FORM_BYTES)).toString('latin1')
    request.body = `${form}${form === '' ? '' : '&'}${encode(name)}=${encode(accessToken)}`
    return
  }
  const url = new URL(request.url)
  // Only where it must be: deleting spells the whole query anew.
  if (url.searchParams.has(name)) url.searchParams.delete(name)
  const query = `${url.search === '' ? '?' : `${url.search}&`}${encode(name)}=${encode(accessToken)}`
  request.url = `${url.origin}${url.pathname}${query}`
}

function encode(text: string): string {
  return encodeURIComponent(text)
}
