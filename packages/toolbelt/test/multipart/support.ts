import type { Body } from '@entreat/core'
import * as fc from 'fast-check'

/** All bytes of a body. */
export async function bytesOf(body: Body): Promise<Buffer> {
  const opened = body.open()
  if (opened instanceof Uint8Array) return Buffer.from(opened)
  const pieces: Uint8Array[] = []
  for await (const piece of opened) pieces.push(piece)
  return Buffer.concat(pieces)
}

/** Bytes in pieces that end where `cuts` say, as fractions of the whole. */
export async function* inPieces(bytes: Uint8Array, cuts: readonly number[]): AsyncGenerator<Uint8Array> {
  const ends = [...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length].toSorted((a, b) => a - b)
  let from = 0
  for (const end of ends) {
    yield bytes.subarray(from, end)
    from = end
  }
}

/** Content made of what a parser of boundary B trips over. */
export const trickyContent: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '\r\n',
        '\n',
        '\r',
        '--',
        '-',
        '--B',
        '\r\n--B',
        '\n--B',
        '\r\n--Bx',
        '--B--',
        '\r\n--B -',
        '\r\n\r\n',
        ' ',
        '\t',
      ),
      fc.uint8Array({ maxLength: 6 }),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => Buffer.concat(pieces.map((piece) => Buffer.from(piece as string))))
  // A real boundary line cannot be content.
  .filter(
    (content) =>
      !/(^|\r\n)--B(--)?[ \t]*(\r\n|$|[ \t]*\r?$)/.test(content.toString('latin1')) &&
      !/\r\n--B(--)?[ \t]*\r?$/.test(content.toString('latin1')),
  )
