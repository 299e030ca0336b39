/** Who sees the pieces of a body on their way. What these throw ends the body. */
export interface Tap {
  /** A piece, before it is handed on. */
  readonly onPiece?: (bytes: number) => void
  /** The piece before has been taken, and another is asked for. */
  readonly onTaken?: () => void
  /** There are no more. */
  readonly onEnd?: () => void
}

/**
 * The same pieces, watched. Not a generator: stopped early it lets go of the source at once, even while that keeps it waiting.
 *
 * @param source - bytes in memory are handed on in slices of 64 KiB.
 */
export function tappedBytes(
  source: AsyncIterable<Uint8Array> | Uint8Array,
  tap: Tap,
): AsyncIterableIterator<Uint8Array> {
  const iterator = source instanceof Uint8Array ? slices(source) : source[Symbol.asyncIterator]()
  const tapped: AsyncIterableIterator<Uint8Array> = {
    [Symbol.asyncIterator]: () => tapped,
    async next() {
      tap.onTaken?.()
      const step = await iterator.next()
      if (step.done === true) {
        tap.onEnd?.()
        return { done: true, value: undefined }
      }
      tap.onPiece?.(step.value.byteLength)
      return { done: false, value: step.value }
    },
    async return() {
      await iterator.return?.()
      return { done: true, value: undefined }
    },
  }
  return tapped
}

const SLICE_BYTES = 64 * 1024

async function* slices(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += SLICE_BYTES) yield bytes.subarray(at, at + SLICE_BYTES)
}
