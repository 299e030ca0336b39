import { Readable, type Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { ContentDecodingError, LimitExceededError } from '../errors.ts'

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer

interface Coding {
  readonly decodeSync: Decompress
  readonly createDecoder: (firstByte: number) => Transform
}

/** zlib has zstd from Node 22.15 on; the types are those of the floor. */
const zstd = zlib as typeof zlib & { zstdDecompressSync?: Decompress; createZstdDecompress?: () => Transform }

/** RFC 9110 section 8.4.1; zstd is RFC 8878, br RFC 7932. */
const CODINGS: ReadonlyMap<string, Coding> = new Map<string, Coding>([
  ['gzip', { decodeSync: zlib.gunzipSync, createDecoder: () => zlib.createGunzip() }],
  ['x-gzip', { decodeSync: zlib.gunzipSync, createDecoder: () => zlib.createGunzip() }],
  [
    'deflate',
    {
      decodeSync: inflateAnySync,
      createDecoder: (first) => (isZlib(first) ? zlib.createInflate() : zlib.createInflateRaw()),
    },
  ],
  ['br', { decodeSync: zlib.brotliDecompressSync, createDecoder: () => zlib.createBrotliDecompress() }],
  ...(zstd.zstdDecompressSync !== undefined && zstd.createZstdDecompress !== undefined
    ? [['zstd', { decodeSync: zstd.zstdDecompressSync, createDecoder: zstd.createZstdDecompress }] as const]
    : []),
])

/** What this Node can decode, as an Accept-Encoding value. */
export const ACCEPT_ENCODING: string = ['gzip', 'deflate', 'br', 'zstd'].filter((name) => CODINGS.has(name)).join(', ')

/** Most servers that say deflate send a zlib stream, some send bare deflate: its first byte tells (RFC 1950 section 2.2). */
function isZlib(firstByte: number): boolean {
  return (firstByte & 0x0f) === 8
}

function inflateAnySync(bytes: Uint8Array, options: { maxOutputLength: number }): Buffer {
  return isZlib(bytes[0] ?? 0) ? zlib.inflateSync(bytes, options) : zlib.inflateRawSync(bytes, options)
}

/**
 * The codings to undo, outermost first. A body in one coding that we do not know is handed over as it is, as Requests does.
 *
 * @throws ContentDecodingError for more than `most` codings, or several of which one is not known.
 */
export function codingsOf(contentEncoding: string | null, most: number): readonly string[] {
  if (contentEncoding === null || contentEncoding === '') return []
  const names = contentEncoding.split(',').map((name) => name.trim().toLowerCase())
  const codings = names.filter((name) => name !== '' && name !== 'identity').reverse()
  if (codings.length > most) {
    throw new ContentDecodingError(
      `The response is encoded ${codings.length} times over; limits.codings allows ${most}`,
    )
  }
  if (codings.every((name) => CODINGS.has(name))) return codings
  if (codings.length === 1) return []
  throw new ContentDecodingError(
    `The response says Content-Encoding: ${contentEncoding}, which has a coding that cannot be undone`,
  )
}

/**
 * Decodes a whole body.
 *
 * @throws ContentDecodingError if it is not what the codings say, or ends early; LimitExceededError past `maxBytes`.
 */
export function decodeSync(bytes: Buffer, codings: readonly string[], maxBytes: number): Buffer {
  let decoded = bytes
  for (const name of codings) {
    if (decoded.byteLength === 0) return decoded
    try {
      decoded = (CODINGS.get(name) as Coding).decodeSync(decoded, { maxOutputLength: Math.min(maxBytes, MAX_BUFFER) })
    } catch (error) {
      throw decodingError(error, name, maxBytes)
    }
  }
  return decoded
}

/** The longest output that zlib's own option accepts. */
const MAX_BUFFER = 2 ** 32

/** Decodes a stream of bytes. The source is closed when the result is. */
export async function* decodeStream(
  source: AsyncIterable<Uint8Array>,
  codings: readonly string[],
): AsyncGenerator<Uint8Array, void, undefined> {
  let decoded = source
  for (const name of codings) decoded = decodeOne(decoded, name)
  yield* decoded
}

async function* decodeOne(
  source: AsyncIterable<Uint8Array>,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = source[Symbol.asyncIterator]()
  try {
    const first = await input.next()
    if (first.done === true) return
    const decoder = (CODINGS.get(name) as Coding).createDecoder(first.value[0] ?? 0)
    const bytes = Readable.from(prepend(first.value, { [Symbol.asyncIterator]: () => input }), { objectMode: false })
    let sourceError: Error | undefined
    bytes.once('error', (error) => {
      sourceError = error
      decoder.destroy(error)
    })
    try {
      for await (const chunk of bytes.pipe(decoder)) yield chunk as Uint8Array
    } catch (error) {
      throw error === sourceError ? error : decodingError(error, name, Infinity)
    } finally {
      bytes.destroy()
      decoder.destroy()
    }
  } finally {
    await input.return?.()
  }
}

async function* prepend(
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  yield* rest
}

function decodingError(error: unknown, name: string, maxBytes: number): Error {
  if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return decodedTooLong(maxBytes)
  return new ContentDecodingError(
    `The response says Content-Encoding: ${name}, but its body is not that: ${(error as Error).message}`,
    {
      cause: error,
    },
  )
}

/** The error for a body that grows past `limits.decodedBytes`. */
export function decodedTooLong(maxBytes: number): LimitExceededError {
  return new LimitExceededError(
    `The response body is longer than limits.decodedBytes = ${maxBytes}: raise the limit, or ask for \`stream: true\` and read it piece by piece`,
  )
}
