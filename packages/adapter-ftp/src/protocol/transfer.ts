import type { Socket } from 'node:net'
import type { DataChannel } from './data-channel.ts'
import type { FTPConnection } from './ftp-connection.ts'
import type { Reply } from './reply.ts'
import type { SlabReceiver } from './slab-receiver.ts'

/** What a transfer is made of. */
export interface TransferParts {
  readonly connection: FTPConnection
  readonly data: DataChannel
  /** Ready to be read from or written to. */
  readonly socket: Socket
  /** Takes what the socket receives, where it has no `data` events. */
  readonly receiver: SlabReceiver | null
  /** The reply that agreed to it, such as 150. */
  readonly opening: Reply
  /** The reply at the end. Its rejection is handled. */
  readonly completion: Promise<Reply>
}

/** One transfer that the server has agreed to: a data connection, and the reply that will end it. */
export class Transfer {
  readonly connection: FTPConnection
  readonly data: DataChannel
  readonly socket: Socket
  readonly opening: Reply
  readonly completion: Promise<Reply>
  /** What was said until it began. */
  readonly transcript: readonly string[]
  readonly #receiver: SlabReceiver | null

  constructor({ connection, data, socket, receiver, opening, completion }: TransferParts) {
    this.connection = connection
    this.data = data
    this.socket = socket
    this.opening = opening
    this.completion = completion
    this.transcript = connection.channel.transcript.lines
    this.#receiver = receiver
  }

  /** Begins to receive, and calls back with each piece. `socket.pause()` holds the server back. */
  receive(onPiece: (piece: Buffer) => void): void {
    if (this.#receiver === null) this.socket.on('data', onPiece)
    else this.#receiver.attach(onPiece)
    this.socket.resume()
  }

  /** From now on whoever gets a piece gives it back: its memory is received into again. Sockets with `data` events know nothing of it. */
  lend(): void {
    this.#receiver?.lend()
  }

  /** The reader is done with a piece. */
  giveBack(piece: Uint8Array): void {
    this.#receiver?.giveBack(piece)
  }

  /**
   * Gives it up, so that the server can tell an upload that is not whole.
   *
   * @returns whether the control connection can be used again.
   */
  abandon(): Promise<boolean> {
    this.data.reset()
    return this.connection.recover(this.completion)
  }
}
