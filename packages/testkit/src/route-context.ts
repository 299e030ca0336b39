import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AcceptedConnection, ConnectionLog } from './connection-log.ts'
import type { RecordedRequest } from './recorded-request.ts'
import type { Route } from './router.ts'

/** One request being answered: what every handler of the test server gets. */
export interface RouteContext {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly record: RecordedRequest
  readonly connection: AcceptedConnection
  readonly connections: ConnectionLog
  /** Path parameters, percent-decoded. */
  readonly params: ReadonlyMap<string, string>
  readonly query: URLSearchParams
  /** `http://host` as the client named it, without a trailing slash. */
  readonly origin: string
  /** The whole request body. Resolves to the same bytes each time. */
  readonly readBody: () => Promise<Buffer>
}

/** A route of the test server. */
export type TestRoute = Route<RouteContext>

/** A request that a route cannot answer; the client sees the status and the message as JSON. */
export class RouteError extends Error {
  readonly statusCode: number

  constructor(statusCode: number, message: string) {
    super(message)
    this.statusCode = statusCode
  }
}

/** A path parameter, or `''` if it was optional and is not there. */
export function param(context: RouteContext, name: string): string {
  return context.params.get(name) ?? ''
}

/**
 * A number from the path or the query.
 *
 * @param text - as received; `null` or `''` gives the default.
 * @throws RouteError 400 if it is not a number of 0 or more.
 */
export function parseCount(text: string | null, byDefault = 0): number {
  if (text === null || text === '') return byDefault
  const count = Number(text)
  if (!Number.isFinite(count) || count < 0) {
    throw new RouteError(400, `Expected a number of 0 or more, got ${JSON.stringify(text)}`)
  }
  return count
}
