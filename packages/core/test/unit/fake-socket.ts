import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** A socket whose other side says these pieces, one a turn, and perhaps ends: for codecs alone, where a real one would only add time. */
export class FakeSocket extends Duplex {
  readonly #left: Uint8Array[]
  readonly #ends: boolean

  /** @param ends - whether the other side ends after its last piece; else it goes on saying nothing. */
  constructor(pieces: readonly Uint8Array[], ends: boolean) {
    super({ allowHalfOpen: true })
    this.#left = [...pieces]
    this.#ends = ends
  }

  override _read(): void {
    const next = this.#left.shift()
    if (next !== undefined) setImmediate(() => this.push(next))
    else if (this.#ends) this.push(null)
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    done()
  }

  /** What is still to be read. */
  async rest(): Promise<string> {
    const pieces: Buffer[] = []
    this.on('data', (piece: Buffer) => pieces.push(piece))
    while (this.#left.length > 0) await new Promise(setImmediate)
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    this.destroy()
    return Buffer.concat(pieces).toString('latin1')
  }

  /** For those who want a socket. */
  get asSocket(): Socket {
    return this as unknown as Socket
  }
}

/** Cuts bytes at these places, taken modulo the length. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((one, other) => one - other)
  const pieces: Uint8Array[] = []
  let from = 0
  for (const cut of [...cuts, bytes.length]) {
    if (cut > from) pieces.push(bytes.subarray(from, cut))
    from = cut
  }
  return pieces
}
