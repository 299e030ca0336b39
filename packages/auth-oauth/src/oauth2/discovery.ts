import { MetadataError, TokenRequestError } from '../errors.ts'
import { showServerText, showUrl } from '../redaction.ts'
import { readAnswerBody } from './answer-body.ts'
import type { AuthorizationServer, CallOptions } from './authorization-server.ts'
import { requireSecure } from './insecure-transport.ts'
import type { ServerMetadata } from './server-metadata.ts'
import type { AnswerBody } from './simple-oauth2.ts'

/**
 * Fetches an issuer's metadata: OpenID Connect Discovery first, then RFC 8414 section 3.
 *
 * @param server - who asks; its own metadata is not used.
 * @throws MetadataError if neither place has it, or it is another issuer's (RFC 8414 section 3.3); InsecureTransportError.
 */
export async function discoverServer(
  issuer: string | URL,
  server: AuthorizationServer,
  call: CallOptions & { readonly allowsInsecure: boolean },
): Promise<ServerMetadata> {
  const url = requireSecure(String(issuer), 'issuer', call.allowsInsecure)
  if (url.search !== '' || url.hash !== '') throw new MetadataError('An issuer has no query and no fragment')
  const { body, from } = await firstDocument(metadataUrls(url), server, call)
  // A URL object cannot say whether its text ended with a slash.
  const isSame =
    body['issuer'] === String(issuer) || (issuer instanceof URL && `${String(body['issuer'])}/` === issuer.href)
  if (!isSame) throw otherIssuer(body['issuer'], String(issuer), from)
  return body as ServerMetadata
}

/** Fetches a protected resource's metadata: which servers give tokens for it (RFC 9728 section 3). */
export async function discoverResource(
  resource: string | URL,
  server: AuthorizationServer,
  call: CallOptions & { readonly allowsInsecure: boolean },
): Promise<ProtectedResourceMetadata> {
  const url = requireSecure(String(resource), 'resource', call.allowsInsecure)
  const { body, from } = await firstDocument([insertWellKnown(url, 'oauth-protected-resource')], server, call)
  if (body['resource'] !== String(resource)) {
    throw new MetadataError(`The metadata at ${showUrl(from)} is for another resource than was asked for`)
  }
  return body as ProtectedResourceMetadata
}

/** What is known about an API, by the names of RFC 9728 section 2. */
export interface ProtectedResourceMetadata {
  readonly resource: string
  /** Issuers whose tokens it takes. */
  readonly authorization_servers?: readonly string[]
  readonly scopes_supported?: readonly string[]
  readonly bearer_methods_supported?: readonly string[]
  readonly dpop_bound_access_tokens_required?: boolean
  readonly [name: string]: unknown
}

function metadataUrls(issuer: URL): string[] {
  const path = issuer.pathname.replace(/\/$/, '')
  return [
    `${issuer.origin}${path}/.well-known/openid-configuration`,
    insertWellKnown(issuer, 'oauth-authorization-server'),
  ]
}

/** RFC 8414 section 3.1: between host and path. */
function insertWellKnown(url: URL, name: string): string {
  return `${url.origin}/.well-known/${name}${url.pathname.replace(/\/$/, '')}${url.search}`
}

async function firstDocument(
  urls: readonly string[],
  server: AuthorizationServer,
  call: CallOptions,
): Promise<{ body: AnswerBody; from: string }> {
  let status: number | undefined
  for (const url of urls) {
    const { response } = await fetchDocument(url, server, call)
    status = response.statusCode
    const body = status === 200 ? readAnswerBody(response) : null
    if (body !== null) return { body, from: url }
    if (status >= 500 || status === 429) break
  }
  const places = urls.map(showUrl).join(' and ')
  throw new MetadataError(`No metadata at ${places} (the last one answered ${status ?? 'nothing'})`, { status })
}

async function fetchDocument(
  url: string,
  server: AuthorizationServer,
  call: CallOptions,
): ReturnType<AuthorizationServer['send']> {
  try {
    return await server.send({ method: 'GET', url }, call)
  } catch (error) {
    if (!(error instanceof TokenRequestError)) throw error
    throw new MetadataError(`The metadata could not be fetched: ${error.message}`, { cause: error })
  }
}

function otherIssuer(given: unknown, expected: string, from: string): MetadataError {
  const said = typeof given === 'string' ? showServerText(given).slice(0, 200) : 'none'
  return new MetadataError(
    `The metadata at ${showUrl(from)} is of the issuer ${said}, not of ${showUrl(expected)}: both must be the same, letter for letter`,
  )
}
