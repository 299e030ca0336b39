import { JSONDecodeError, LimitExceededError, readOptions, type Response } from '@entreat/core'

/** Options of {@link parseNdjson}. */
export interface NdjsonOptions {
  /** Bytes of one line, at most. Default 16 MiB. */
  readonly maxLineBytes?: number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof NdjsonOptions>(['maxLineBytes'])
const LF = 0x0a
const RECORD_SEPARATOR = 0x1e

/**
 * The values of a response of one JSON text a line (`application/x-ndjson`, JSON Lines), as they arrive. Empty lines are skipped; the record separators of
 * `application/json-seq` (RFC 7464) are too.
 *
 * Leaving the loop closes the response.
 *
 * @throws JSONDecodeError with the number of the line; LimitExceededError for a line that is too long; what reading the body throws.
 */
export async function* parseNdjson<T = unknown>(
  response: Response,
  options?: NdjsonOptions,
): AsyncGenerator<T, void, undefined> {
  const { maxLineBytes = 16 * 1024 * 1024 } = readOptions(options, OPTION_KEYS, 'parseNdjson()')
  let number = 0
  try {
    for await (const line of linesOf(response, maxLineBytes)) {
      number += 1
      const text = line.toString('utf8', line[0] === RECORD_SEPARATOR ? 1 : 0).trim()
      if (text !== '') yield parseLine(text, number, response) as T
    }
  } finally {
    response.close()
  }
}

function parseLine(text: string, number: number, response: Response): unknown {
  try {
    return JSON.parse(number === 1 && text.startsWith('\ufeff') ? text.slice(1) : text)
  } catch (cause) {
    throw new JSONDecodeError(`Line ${number} of the response is not JSON (${text.length} characters)`, text, {
      response,
      cause: new SyntaxError('Invalid JSON', { cause: (cause as Error).name }),
    })
  }
}

/** Lines without their line feeds: JSON has no line feed inside, and any other line break is white space to it. */
async function* linesOf(response: Response, maxBytes: number): AsyncGenerator<Buffer, void, undefined> {
  let held: Buffer[] = []
  let length = 0
  const hold = (piece: Buffer): void => {
    length += piece.length
    if (length > maxBytes) {
      throw new LimitExceededError(`A line of the response is longer than the ${maxBytes} bytes that are held`, {
        response,
      })
    }
    held.push(piece)
  }
  for await (const piece of response.iterContent()) {
    let from = 0
    for (let end = piece.indexOf(LF); end !== -1; end = piece.indexOf(LF, from)) {
      hold(piece.subarray(from, end))
      yield Buffer.concat(held)
      held = []
      length = 0
      from = end + 1
    }
    if (from < piece.length) hold(piece.subarray(from))
  }
  if (length > 0) yield Buffer.concat(held)
}

/**
 * Values as a body of one JSON text a line, for `data`. Give a function, or a list, and it can be sent again.
 *
 * Say `headers: { 'Content-Type': 'application/x-ndjson' }` with it.
 *
 * @param values - a list; or a function that gives an iterable, for each sending a new one.
 */
export function ndjsonBody(
  values: readonly unknown[] | (() => Iterable<unknown> | AsyncIterable<unknown>),
): () => AsyncGenerator<string, void, undefined> {
  return async function* lines() {
    for await (const value of typeof values === 'function' ? values() : values) yield `${JSON.stringify(value)}\n`
  }
}
