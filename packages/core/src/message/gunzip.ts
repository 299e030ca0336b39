import * as zlib from 'node:zlib'

// zlib's own gunzip takes whatever follows a member for another one and loses what it had just decoded when it is not. So
// members are told apart here, and what comes after the last one is left alone (RFC 1952 section 2.2; gzip(1) and browsers do so too).

const MAGIC = [0x1f, 0x8b] as const
/** CRC-32 and length of a member (RFC 1952 section 2.3.1). */
const TRAILER_BYTES = 8
/** The longest extra field, and room for name and comment. */
const MOST_HEADER_BYTES = 64 * 1024 + 8 * 1024
const NOTHING = Buffer.alloc(0)

/** Flags of a member's header (RFC 1952 section 2.3.1). */
const HEADER_CRC = 2
const EXTRA = 4
const NAME = 8
const COMMENT = 16
const RESERVED = 0xe0

/**
 * Decodes a whole gzip body: its members one after another, up to the first bytes that begin none.
 *
 * @param options - `maxOutputLength`: bytes that the result may have.
 * @throws Error as zlib does: for a body that is no gzip, is damaged, ends early, or is longer decoded.
 */
export function gunzipSync(bytes: Uint8Array, options: { readonly maxOutputLength: number }): Buffer {
  try {
    return zlib.gunzipSync(bytes, options)
  } catch (error) {
    const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
    // The first member may be sound, and what follows it none.
    if (!isTooLong && beginsMember(bytes))
      return membersOf(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), options.maxOutputLength)
    throw error
  }
}

function membersOf(bytes: Buffer, maxOutputLength: number): Buffer {
  const members: Buffer[] = []
  let left = maxOutputLength
  for (let rest = bytes; beginsMember(rest);) {
    const deflated = rest.subarray(headerLength(rest) ?? rest.length)
    // With `info`, zlib tells how much it has read; its types do not know.
    const result = zlib.inflateRawSync(deflated, { maxOutputLength: Math.max(left, 1), info: true }) as unknown
    const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } }
    rest = deflated.subarray(engine.bytesWritten)
    checkTrailer(rest, zlib.crc32(buffer), buffer.length)
    rest = rest.subarray(TRAILER_BYTES)
    members.push(buffer)
    left -= buffer.length
    if (left < 0)
      throw Object.assign(new RangeError('the members together are too long'), { code: 'ERR_BUFFER_TOO_LARGE' })
  }
  return Buffer.concat(members)
}

/**
 * Decodes a gzip stream: its members one after another, up to the first bytes that begin none.
 *
 * @throws Error as zlib does: for a stream that is no gzip, is damaged, or ends early; whatever the source throws.
 */
export async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new Input(source[Symbol.asyncIterator]())
  if (!(await input.has(MAGIC.length)) || !beginsMember(input.held))
    throw fault('Z_DATA_ERROR', 'incorrect header check')
  do {
    let length = headerLength(input.held)
    for (; length === null; length = headerLength(input.held)) await input.need(input.held.length + 1)
    input.drop(length)
    let crc = 0
    let size = 0
    for await (const piece of inflateMember(input)) {
      crc = zlib.crc32(piece, crc)
      size += piece.length
      yield piece
    }
    await input.need(TRAILER_BYTES)
    checkTrailer(input.held, crc, size)
    input.drop(TRAILER_BYTES)
  } while ((await input.has(MAGIC.length)) && beginsMember(input.held))
}

function beginsMember(bytes: Uint8Array): boolean {
  return bytes[0] === MAGIC[0] && bytes[1] === MAGIC[1]
}

/** @returns bytes of a member's header, or `null` if it is not all there. */
function headerLength(bytes: Buffer): number | null {
  if (bytes.length < 10) return null
  const [, , method, flags = 0] = bytes
  if (method !== 8) throw fault('Z_DATA_ERROR', 'unknown compression method')
  if ((flags & RESERVED) !== 0) throw fault('Z_DATA_ERROR', 'unknown header flags set')
  let at = 10
  if ((flags & EXTRA) !== 0) {
    if (bytes.length < at + 2) return null
    at += 2 + bytes.readUInt16LE(at)
  }
  for (const flag of [NAME, COMMENT]) {
    if ((flags & flag) === 0) continue
    const end = bytes.indexOf(0, at)
    if (end === -1) return tooLittle(bytes)
    at = end + 1
  }
  if ((flags & HEADER_CRC) !== 0) {
    if (bytes.length >= at + 2 && bytes.readUInt16LE(at) !== (zlib.crc32(bytes.subarray(0, at)) & 0xffff))
      throw fault('Z_DATA_ERROR', 'header crc mismatch')
    at += 2
  }
  return at > bytes.length ? null : at
}

function tooLittle({ length }: Buffer): null {
  if (length > MOST_HEADER_BYTES) throw fault('Z_DATA_ERROR', 'the header of the gzip member does not end')
  return null
}

function checkTrailer(trailer: Buffer, crc: number, size: number): void {
  if (trailer.length < TRAILER_BYTES) throw fault('Z_BUF_ERROR', 'unexpected end of file')
  if (trailer.readUInt32LE(0) !== crc) throw fault('Z_DATA_ERROR', 'incorrect data check')
  if (trailer.readUInt32LE(4) !== size % 2 ** 32) throw fault('Z_DATA_ERROR', 'incorrect length check')
}

/** Received bytes that can be looked at before they are taken. */
class Input {
  readonly #iterator: AsyncIterator<Uint8Array>
  held: Buffer = NOTHING

  constructor(iterator: AsyncIterator<Uint8Array>) {
    this.#iterator = iterator
  }

  /** Whether so many bytes are there, after waiting for them. */
  async has(length: number): Promise<boolean> {
    while (this.held.length < length) {
      const next = await this.#receive()
      if (next === null) return false
      this.held = this.held.length === 0 ? next : Buffer.concat([this.held, next])
    }
    return true
  }

  /** @throws Error if the stream ends before so many bytes. */
  async need(length: number): Promise<void> {
    if (!(await this.has(length))) throw fault('Z_BUF_ERROR', 'unexpected end of file')
  }

  drop(length: number): void {
    this.held = this.held.subarray(length)
  }

  /** What is held, or the next piece; `null` at the end. */
  async next(): Promise<Buffer | null> {
    const { held } = this
    this.held = NOTHING
    return held.length > 0 ? held : this.#receive()
  }

  async #receive(): Promise<Buffer | null> {
    const step = await this.#iterator.next()
    return step.done === true ? null : Buffer.from(step.value.buffer, step.value.byteOffset, step.value.byteLength)
  }
}

/** Decodes the deflated data of one member, and gives back to the input what follows it. */
async function* inflateMember(input: Input): AsyncGenerator<Buffer, void, undefined> {
  const decoder = zlib.createInflateRaw()
  let wake = (): void => {}
  let failure: Error | null = null
  let isTaken = true
  decoder.on('readable', () => wake())
  decoder.on('end', () => wake())
  decoder.on('error', (error) => {
    failure = error
    wake()
  })
  const taken = (): void => {
    isTaken = true
    wake()
  }
  let fed = 0
  let last: Buffer = NOTHING
  try {
    while (!decoder.readableEnded) {
      // Past the end of the data, zlib takes a piece and reads nothing of it.
      if (isTaken && decoder.bytesWritten === fed) {
        const piece = await input.next()
        isTaken = false
        if (piece === null) decoder.end()
        else {
          last = piece
          fed += piece.length
          decoder.write(piece, taken)
        }
      }
      for (let piece = decoder.read() as Buffer | null; piece !== null; piece = decoder.read() as Buffer | null)
        yield piece
      if (failure !== null) throw failure as Error
      const isBusy = !isTaken || decoder.bytesWritten < fed
      if (isBusy && !decoder.readableEnded) await new Promise<void>((resolve) => (wake = resolve))
    }
    // zlib stops inside the piece that it was given last.
    input.held = last.subarray(last.length - (fed - decoder.bytesWritten))
  } finally {
    decoder.destroy()
  }
}

/** An error as zlib has it. */
function fault(code: 'Z_DATA_ERROR' | 'Z_BUF_ERROR', message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}
