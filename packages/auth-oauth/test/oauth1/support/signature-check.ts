import { createHmac } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { CustomHandler } from '@entreat/testkit'
import { headerParameters } from './signed-request.ts'

/** What a server knows of a client. */
export interface Secrets {
  readonly clientKey: string
  readonly clientSecret: string
  readonly tokenSecret: string
}

/** A route that answers 200 to requests with a right HMAC-SHA1 signature in the header and no form, and 401 to others. */
export function signatureCheck(path: string, secrets: Secrets): CustomHandler {
  return async (request, response) => {
    if (request.url?.split('?')[0] !== path) return false
    for await (const _ of request) continue
    answer(response, isSigned(request, secrets))
    return true
  }
}

function answer(response: ServerResponse, isGood: boolean): void {
  response.statusCode = isGood ? 200 : 401
  if (!isGood) response.setHeader('WWW-Authenticate', 'OAuth realm="test"')
  response.end()
}

/** The plainest way to a base string: every parameter, sorted as it is encoded. */
function isSigned(request: IncomingMessage, secrets: Secrets): boolean {
  const params = headerParameters(request)
  const signature = params.get('oauth_signature')
  const url = new URL(request.url ?? '/', `http://${request.headers.host}`)
  const pairs = [...url.searchParams, ...params].filter(([name]) => name !== 'realm' && name !== 'oauth_signature')
  const text = pairs
    .map((pair) => pair.map(encode).join('='))
    .sort()
    .join('&')
  const base = [request.method ?? '', `http://${url.host}${url.pathname}`, text].map(encode).join('&')
  const key = [secrets.clientSecret, secrets.tokenSecret].map(encode).join('&')
  return (
    params.get('oauth_consumer_key') === secrets.clientKey &&
    createHmac('sha1', key).update(base).digest('base64') === signature
  )
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (found) => `%${found.charCodeAt(0).toString(16).toUpperCase()}`)
}
