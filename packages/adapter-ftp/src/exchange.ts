import { ChunkedEncodingError, ReadTimeout } from '@entreat/core'
import type { ConnectionPool } from './connection-pool.ts'
import { failure } from './failures.ts'
import type { FTPConnection } from './protocol/ftp-connection.ts'
import { type Reply, replyText } from './protocol/reply.ts'
import { Refusal } from './protocol/refusal.ts'
import type { Transfer } from './protocol/transfer.ts'
import { describeTask, type Task, within } from './task.ts'

/**
 * One request on one control connection, from the first command to the last reply. It listens to the signal, and gives the connection back: in order,
 * after recovery, or destroyed.
 */
export class FTPExchange {
  readonly connection: FTPConnection
  readonly task: Task
  /** What the signal aborts beside the connection. */
  onAbort: ((reason: unknown) => void) | null = null
  /** What is left to do on the connection once a transfer was given up. */
  cleanUp: (() => Promise<unknown>) | null = null
  readonly #pool: ConnectionPool
  readonly #abort = (): void => this.#aborted()
  #isOver = false

  constructor(connection: FTPConnection, task: Task, pool: ConnectionPool) {
    this.connection = connection
    this.task = task
    this.#pool = pool
    const { signal } = task.options
    signal?.addEventListener('abort', this.#abort, { once: true })
    if (signal?.aborted === true) this.#aborted()
  }

  #aborted(): void {
    const reason = this.task.options.signal?.reason as unknown
    if (this.onAbort !== null) this.onAbort(reason)
    else this.connection.destroy(reason)
  }

  /** What an error becomes for the caller: an aborting signal's reason and refusals stay what they are. */
  describe(error: unknown, phase: 'head' | 'body' = 'head'): unknown {
    const { signal } = this.task.options
    if (signal?.aborted === true) return signal.reason
    if (error instanceof Refusal) return error
    const described = failure(error, this.task, phase)
    described.message = this.connection.channel.transcript.redact(described.message)
    return described
  }

  /** The request is over, and the connection in order. */
  finish(): void {
    if (!this.#end()) return
    this.#pool.release(this.connection)
  }

  /** The request is over, and its transfer is not: the connection is used again if it recovers. */
  abandon(transfer: Transfer): void {
    if (!this.#end()) return
    void this.#recover(transfer)
  }

  async #recover(transfer: Transfer): Promise<void> {
    if (!(await transfer.abandon())) return
    await this.cleanUp?.().catch((error: unknown) => this.connection.destroy(error))
    this.#pool.release(this.connection)
  }

  /** The request is over, and the connection with it. */
  fail(error: unknown): void {
    if (!this.#end()) return
    this.connection.destroy(error)
  }

  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.task.options.signal?.removeEventListener('abort', this.#abort)
    return true
  }

  /**
   * The reply that ends a transfer whose data has ended.
   *
   * @throws ReadTimeout, and what went wrong with the control connection.
   */
  completion(transfer: Transfer): Promise<Reply> {
    const { read } = this.task.options.timeout
    const late = (): Error => {
      const message = `${describeTask(this.task)}: the server did not confirm the transfer within timeout.read = ${read} ms`
      return new ReadTimeout(message, { ...this.task })
    }
    return within(transfer.completion, read, late)
  }
}

/** The error for a download that the server itself says is not whole. */
export function brokenOff(task: Task, reply: Reply): ChunkedEncodingError {
  const said = `${reply.code} ${replyText(reply)}`
  return new ChunkedEncodingError(`${describeTask(task)}: the transfer broke off: ${said}`, { cause: new Error(said) })
}
