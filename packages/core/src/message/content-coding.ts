import { Readable, type Transform } from 'node:stream'
import * as zlib from 'node:zlib'
import { ContentDecodingError, LimitExceededError } from '../errors.ts'
import { gunzip, gunzipSync } from './gunzip.ts'

type Decompress = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer

type Bytes = AsyncIterable<Uint8Array>

interface Coding {
  readonly decodeSync: Decompress
  readonly decodeStream: (source: Bytes, firstByte: number) => Bytes
}

/** zlib has zstd from Node 22.15 on; the types are those of the floor. */
const zstd = zlib as typeof zlib & { zstdDecompressSync?: Decompress; createZstdDecompress?: () => Transform }

/** RFC 9110 section 8.4.1; zstd is RFC 8878, br RFC 7932. */
const CODINGS: ReadonlyMap<string, Coding> = new Map<string, Coding>([
  ['gzip', { decodeSync: gunzipSync, decodeStream: gunzip }],
  ['x-gzip', { decodeSync: gunzipSync, decodeStream: gunzip }],
  [
    'deflate',
    {
      decodeSync: inflateAnySync,
      decodeStream: (source, first) => through(isZlib(first) ? zlib.createInflate() : zlib.createInflateRaw(), source),
    },
  ],
  [
    'br',
    {
      decodeSync: zlib.brotliDecompressSync,
      decodeStream: (source) => through(zlib.createBrotliDecompress(), source),
    },
  ],
  ...zstdCoding(),
])

function zstdCoding(): readonly (readonly [string, Coding])[] {
  const { zstdDecompressSync, createZstdDecompress } = zstd
  if (zstdDecompressSync === undefined || createZstdDecompress === undefined) return []
  const decodeStream = (source: Bytes): Bytes => through(createZstdDecompress(), source)
  return [['zstd', { decodeSync: zstdDecompressSync, decodeStream }]]
}

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
    let sourceError: unknown
    const received = prepend(first.value, input, (error) => (sourceError = error))
    try {
      yield* (CODINGS.get(name) as Coding).decodeStream(received, first.value[0] ?? 0)
    } catch (error) {
      throw error === sourceError ? error : decodingError(error, name, Infinity)
    }
  } finally {
    await input.return?.()
  }
}

/** What was taken to look at, then the rest; an error of the source is told apart from one of the decoder. */
async function* prepend(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
  onError: (error: unknown) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  yield first
  try {
    for (let step = await rest.next(); step.done !== true; step = await rest.next()) yield step.value
  } catch (error) {
    onError(error)
    throw error
  }
}

async function* through(decoder: Transform, source: Bytes): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = Readable.from(source, { objectMode: false })
  bytes.once('error', (error) => decoder.destroy(error))
  try {
    for await (const chunk of bytes.pipe(decoder)) yield chunk as Uint8Array
  } finally {
    bytes.destroy()
    decoder.destroy()
  }
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
