import type { Socket } from 'node:net'
import type { DataChannel } from './data-channel.ts'
import type { FTPConnection } from './ftp-connection.ts'
import type { Reply } from './reply.ts'

/** One transfer that the server has agreed to: a data connection, and the reply that will end it. */
export class Transfer {
  readonly connection: FTPConnection
  readonly data: DataChannel
  /** Ready to be read from or written to. */
  readonly socket: Socket
  /** The reply that agreed to it, such as 150. */
  readonly opening: Reply
  /** The reply at the end. Its rejection is handled. */
  readonly completion: Promise<Reply>
  /** What was said until it began. */
  readonly transcript: readonly string[]

  constructor(
    connection: FTPConnection,
    data: DataChannel,
    socket: Socket,
    opening: Reply,
    completion: Promise<Reply>,
  ) {
    this.connection = connection
    this.data = data
    this.socket = socket
    this.opening = opening
    this.completion = completion
    this.transcript = connection.channel.transcript.lines
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
