import type { Socket } from 'node:net'
import { type ByteSource, ChunkedEncodingError, collectPieces, ReadTimeout, RequestException } from '@entreat/core'
import { brokenOff, type FTPExchange } from './exchange.ts'
import { isRefused } from './protocol/reply.ts'
import type { Transfer } from './protocol/transfer.ts'
import { describeTask, within } from './task.ts'

/** Bytes held for a reader that does not read, beside what the system holds. */
const MOST_HELD_BYTES = 1024 * 1024
const LONGEST_TIMER = 2 ** 31 - 1
/** How long a broken data connection waits for the reply that says why, in milliseconds. */
const EXPLANATION_MS = 1000

/** What a download is expected to be. */
export interface Expected {
  /** Bytes that the server said there are; `null` if it did not say. */
  readonly length: number | null
  /** Bytes wanted, where the server would send more; `null` for all. */
  readonly most: number | null
}

/**
 * The bytes of a data connection as they come. It ends well only if the data has ended, the server confirms, and as many bytes came as were announced: the end of a
 * connection alone says nothing (RFC 959 section 3.4.1).
 */
export class DownloadBody implements ByteSource {
  readonly #exchange: FTPExchange
  readonly #transfer: Transfer
  readonly #expected: Expected
  readonly #socket: Socket
  #pieces: Buffer[] = []
  #held = 0
  #received = 0
  #hasEnded = false
  #isDone = false
  #isBegun = false
  #failure: { readonly error: unknown } | null = null
  #wake: (() => void) | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(exchange: FTPExchange, transfer: Transfer, expected: Expected) {
    this.#exchange = exchange
    this.#transfer = transfer
    this.#expected = expected
    this.#socket = transfer.socket
    exchange.onAbort = (reason) => this.#giveUp(reason)
    this.#socket.once('end', () => this.#end())
    this.#socket.once('error', (error) => void this.#break(error))
    this.#socket.once('close', () => void this.#break(new Error('the data connection closed before its end')))
    transfer.receive((piece) => this.#receive(piece))
    // An empty file's connection may have ended before anybody listened.
    if (this.#socket.readableEnded) this.#end()
    else if (this.#socket.destroyed) void this.#break(new Error('the data connection closed before its end'))
    transfer.completion.then(
      (reply) => (isRefused(reply) ? this.#refuse(brokenOff(exchange.task, reply)) : undefined),
      (error: unknown) => void this.#break(error),
    )
  }

  #receive(piece: Buffer): void {
    if (this.#isDone) return
    this.#pieces.push(piece)
    this.#held += piece.length
    if (this.#held >= MOST_HELD_BYTES) this.#socket.pause()
    this.#notify()
  }

  #end(): void {
    this.#hasEnded = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#socket.end()
    this.#notify()
  }

  /** The server says that this was not all: the control connection is in order. */
  #refuse(error: unknown): void {
    if (this.#isDone || this.#failure !== null) return
    this.#failure = { error }
    this.#settle()
    this.#transfer.data.destroy()
    this.#exchange.finish()
    this.#notify()
  }

  /** A connection broke. The reply on the other, if there is one, says better why. */
  async #break(error: unknown): Promise<void> {
    if (this.#isDone || this.#hasEnded || this.#failure !== null) return
    const explained = within(this.#transfer.completion, EXPLANATION_MS, () => new Error('no reply'))
    const reason = await explained.then(
      () => error,
      (other: unknown) => (other instanceof RequestException ? other : error),
    )
    if (this.#isDone || this.#failure !== null) return
    this.#failWith(this.#exchange.describe(reason, 'body'))
  }

  #failWith(error: unknown): void {
    this.#failure = { error }
    this.#settle()
    this.#transfer.data.destroy()
    this.#exchange.fail(error)
    this.#notify()
  }

  /** Nothing more is to come. */
  #settle(): void {
    this.#isDone = true
    if (this.#timer !== null) clearTimeout(this.#timer)
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = null
    wake?.()
  }

  /** Whether somebody has begun to read it. */
  get isBegun(): boolean {
    return this.#isBegun
  }

  async read(): Promise<Buffer | null> {
    this.#isBegun = true
    for (;;) {
      const piece = this.#take()
      if (piece !== null) return piece
      if (this.#failure !== null) throw this.#failure.error
      if (this.#isDone) return null
      if (this.#hasEnded) {
        await this.#confirm()
        return null
      }
      await this.#more()
    }
  }

  #take(): Buffer | null {
    const piece = this.#pieces.shift()
    if (piece === undefined) return null
    this.#held -= piece.length
    if (this.#held < MOST_HELD_BYTES && this.#socket.isPaused()) this.#socket.resume()
    const { most } = this.#expected
    if (most === null || this.#received + piece.length < most) {
      this.#received += piece.length
      return piece
    }
    const last = piece.subarray(0, most - this.#received)
    this.#received = most
    this.#pieces = []
    this.#settle()
    // The server would go on to the end of the file.
    this.#exchange.abandon(this.#transfer)
    return last.length === 0 ? null : last
  }

  /** Waits for whatever comes next, for `timeout.read` at most. One timer serves every wait. */
  #more(): Promise<void> {
    const { read } = this.#exchange.task.options.timeout
    if (read !== null) {
      if (this.#timer === null) this.#timer = setTimeout(() => this.#stall(read), Math.min(read, LONGEST_TIMER))
      else this.#timer.refresh()
    }
    return new Promise<void>((resolve) => (this.#wake = resolve))
  }

  /** While nobody waits, it is the reader who is slow. */
  #stall(waitMs: number): void {
    if (this.#wake !== null && this.#failure === null) this.#failWith(this.#late(waitMs))
  }

  #late(waitMs: number): Error {
    const { task } = this.#exchange
    const message = `${describeTask(task)}: the server sent nothing for timeout.read = ${waitMs} ms`
    return new ReadTimeout(message, { ...task })
  }

  async #confirm(): Promise<void> {
    const { task } = this.#exchange
    try {
      const reply = await this.#exchange.completion(this.#transfer)
      if (isRefused(reply)) throw brokenOff(task, reply)
    } catch (error) {
      this.#failWith(this.#exchange.describe(error, 'body'))
      throw this.#failure?.error
    }
    const { length } = this.#expected
    this.#settle()
    this.#exchange.finish()
    if (length === null || this.#received >= length) return
    const message = `${describeTask(task)}: the transfer broke off: ${this.#received} of ${length} bytes came`
    const error = new ChunkedEncodingError(message, { ...task, cause: new Error('fewer bytes than SIZE said') })
    this.#failure = { error }
    throw error
  }

  /**
   * Reads it to its end from the beginning. A piece is the callback's until it is done; then its memory is used again.
   *
   * @throws what {@link read} throws, and what the callback throws: then the rest is given up.
   */
  async lend(onPiece: (piece: Buffer) => void | Promise<void>): Promise<void> {
    this.#transfer.lend()
    try {
      for (let piece = await this.read(); piece !== null; piece = await this.read()) {
        await onPiece(piece)
        this.#transfer.giveBack(piece)
      }
    } finally {
      this.destroy()
    }
  }

  collect(maxBytes: number): Promise<Buffer> {
    return collectPieces(this, maxBytes)
  }

  /** Gives up the rest. The connection is used again if the server lets go of the transfer. */
  destroy(): void {
    if (this.#isDone) return
    if (this.#hasEnded) return void this.#confirm().catch(() => {})
    this.#settle()
    this.#pieces = []
    this.#exchange.abandon(this.#transfer)
    this.#notify()
  }

  #giveUp(reason: unknown): void {
    if (this.#isDone) return
    this.#failure = { error: reason }
    this.#settle()
    this.#pieces = []
    this.#exchange.abandon(this.#transfer)
    this.#notify()
  }
}
