import { UsageError } from '../errors.ts'
import { encodeComponent, encodeFormBytes, encodeFormText, RAW_QUERY_CHARACTERS } from './percent.ts'

/** One value of a parameter or form field. `null` and `undefined` are left out. */
export type Scalar = string | number | bigint | boolean | Date | Uint8Array | null | undefined
/** A record (arrays repeat the key) or a list of pairs. */
export type Fields =
  | { readonly [name: string]: Scalar | readonly Scalar[] }
  | readonly (readonly [Scalar, Scalar | readonly Scalar[]])[]
/** What `params` takes: text that is appended as it is, a WHATWG URLSearchParams, a record, or pairs. */
export type Params = string | Uint8Array | URLSearchParams | Fields

/**
 * Encodes `params` for a query.
 *
 * @returns text without a leading `?`; empty if nothing is left to send. Text given as a string is only percent-encoded where it must be.
 * @throws UsageError for values that have no one obvious text, such as objects.
 */
export function encodeParams(params: Params): string {
  if (typeof params === 'string') return encodeComponent(params, RAW_QUERY_CHARACTERS)
  if (params instanceof Uint8Array) return encodeParams(Buffer.from(params).toString('utf8'))
  return encodeFields(params, 'params')
}

/**
 * Encodes fields as `application/x-www-form-urlencoded`.
 *
 * @param where - what to call the fields in an error, such as `data`.
 */
export function encodeFields(fields: URLSearchParams | Fields, where: string): string {
  const encoded: string[] = []
  for (const [name, value] of flatFields(fields, where)) {
    encoded.push(`${encodeScalar(name)}=${encodeScalar(value)}`)
  }
  return encoded.join('&')
}

/** Every `[name, value]` that is to be sent, in order: arrays repeated, null and undefined left out. */
export function* flatFields(fields: URLSearchParams | Fields, where: string): Iterable<[Scalar, string | Uint8Array]> {
  for (const [name, value] of pairsOf(fields, where)) {
    for (const one of Array.isArray(value) ? (value as readonly Scalar[]) : [value as Scalar]) {
      if (one !== null && one !== undefined) yield [name, scalarText(one, `${where}.${String(name)}`)]
    }
  }
}

function* pairsOf(fields: URLSearchParams | Fields, where: string): Iterable<readonly [Scalar, unknown]> {
  if (fields instanceof URLSearchParams) {
    yield* fields
  } else if (isIterable(fields)) {
    for (const pair of fields) {
      if (!Array.isArray(pair) || pair.length !== 2)
        throw new UsageError(`${where} given as a list must be [name, value] pairs`)
      yield pair
    }
  } else if (typeof fields === 'object' && fields !== null) {
    for (const name of Object.keys(fields)) yield [name, (fields as Record<string, unknown>)[name]]
  } else {
    throw new UsageError(`${where} must be a record, pairs, or a URLSearchParams, not ${typeof fields}`)
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === 'object' && value !== null && Symbol.iterator in value
}

function scalarText(value: Exclude<Scalar, null | undefined>, where: string): string | Uint8Array {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
  }
  if (value instanceof Uint8Array) return value
  if (value instanceof Date) return value.toISOString()
  throw new UsageError(
    `${where} is ${Array.isArray(value) ? 'a nested array' : `a value of type ${typeof value}`}: turn it into text first`,
  )
}

function encodeScalar(value: Scalar): string {
  return value instanceof Uint8Array
    ? encodeFormBytes(value)
    : encodeFormText(value instanceof Date ? value.toISOString() : String(value))
}

/**
 * Lays a request's params over the session's: two records are merged by name, anything else replaces the session's as a whole (rule S4 of Requests).
 */
export function mergeParams(session: Params | null | undefined, request: Params | null | undefined): Params | null {
  if (request === null || request === undefined) return session ?? null
  if (session === null || session === undefined) return request
  return isRecord(session) && isRecord(request) ? { ...session, ...request } : request
}

function isRecord(params: Params): params is { readonly [name: string]: Scalar | readonly Scalar[] } {
  return (
    typeof params === 'object' &&
    !(params instanceof URLSearchParams) &&
    !isIterable(params) &&
    !(params instanceof Uint8Array)
  )
}
