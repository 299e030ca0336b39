import { findJsonFault } from './message/json-fault.ts'
import type { SchemaIssue } from './message/standard-schema.ts'
import { hide, identify, RequestException, type RequestExceptionOptions } from './request-exception.ts'

/**
 * A value that JSON cannot say, or text that is not JSON.
 *
 * @remedy For a request: turn the value into plain JSON first. For a response: `issues` has what the schema refused.
 */
export class InvalidJSONError extends RequestException {
  static {
    identify(this, 'InvalidJSONError', 'ERR_INVALID_JSON')
  }

  /** What a schema found wrong, each with its message and path; `null` where there was no schema. Not enumerable. */
  declare readonly issues: readonly SchemaIssue[] | null

  /** @param options - as for every error, and `issues`. */
  constructor(
    message: string,
    options: RequestExceptionOptions & { readonly issues?: readonly SchemaIssue[] | undefined } = {},
  ) {
    super(message, options)
    hide(this, 'issues', options.issues ?? null)
  }
}

/**
 * A response body that is not JSON. The message does not repeat the body.
 *
 * It tells what Requests' class of the same name does: `reason`, `position`, `line` and `column` are its `msg`, `pos`, `lineno` and `colno`.
 *
 * @remedy Check the status and Content-Type before `json()`: it is often an error page. `doc` is the text.
 */
export class JSONDecodeError extends InvalidJSONError {
  static {
    identify(this, 'JSONDecodeError', 'ERR_JSON_DECODE')
  }

  declare readonly code: 'ERR_JSON_DECODE'

  /** The text that could not be parsed. Not enumerable. */
  declare readonly doc: string

  /** @param doc - the text; `options` as for every error. */
  constructor(message: string, doc: string, options: RequestExceptionOptions = {}) {
    super(message, options)
    hide(this, 'doc', doc)
  }

  /** Why {@link doc} is no JSON, such as `Expecting value`; empty if it is. */
  get reason(): string {
    return findJsonFault(this.doc)?.reason ?? ''
  }

  /** Where in {@link doc}: an index, from 0. */
  get position(): number {
    return findJsonFault(this.doc)?.position ?? 0
  }

  /** The line of {@link position}, from 1. */
  get line(): number {
    return findJsonFault(this.doc)?.line ?? 1
  }

  /** The column of {@link position} in its line, from 1. */
  get column(): number {
    return findJsonFault(this.doc)?.column ?? 1
  }
}
