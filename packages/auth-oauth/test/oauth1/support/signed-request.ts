import type { IncomingMessage } from 'node:http'
import { parseChallenges } from '@entreat/core'
import type { RecordedRequest } from '@entreat/testkit'

/** The protocol parameters of a request's Authorization header, decoded; empty without one. */
export function headerParameters(request: RecordedRequest | IncomingMessage | string): Map<string, string> {
  const header = headerOf(request)
  const [challenge] = parseChallenges(header === '' ? [] : [header])
  const params = [...(challenge?.params ?? [])]
  return new Map(params.map(([name, value]) => [name, name === 'realm' ? value : decodeURIComponent(value)]))
}

function headerOf(request: RecordedRequest | IncomingMessage | string): string {
  if (typeof request === 'string') return request
  return 'socket' in request ? (request.headers.authorization ?? '') : (request.header('authorization') ?? '')
}

/** Those of a query. */
export function queryParameters(url: string): Map<string, string> {
  return new Map(new URL(url, 'http://localhost').searchParams)
}
