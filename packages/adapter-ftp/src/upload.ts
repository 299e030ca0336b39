import { finished } from 'node:stream/promises'
import type { Socket } from 'node:net'
import { ReadTimeout, WriteTimeout } from '@entreat/core'
import type { FTPExchange } from './exchange.ts'
import { FileLender, FilePieces } from './file-body.ts'
import { isRefused, type Reply } from './protocol/reply.ts'
import { Refusal } from './protocol/refusal.ts'
import type { Transfer } from './protocol/transfer.ts'
import { describeTask, within } from './task.ts'

/** Bytes given to the socket at a time, where the caller gives them all at once. */
const PIECE_BYTES = 1024 * 1024
/** Bytes that wait in the socket while the next piece is fetched. */
const MOST_UNSENT_BYTES = 1024 * 1024
/** How long a broken data connection waits for the reply that says why, in milliseconds. */
const EXPLANATION_MS = 5000

/** What the request's own body threw: it passes unchanged. */
export class BodyFailure {
  readonly error: unknown

  constructor(error: unknown) {
    this.error = error
  }
}

/**
 * Sends a body through a data connection, as fast as the server takes it, and waits for the reply that confirms it.
 *
 * @throws Refusal if the server does not confirm; WriteTimeout; BodyFailure with what the body throws.
 */
export async function upload(
  exchange: FTPExchange,
  transfer: Transfer,
  verb: string,
  body: AsyncIterable<Uint8Array> | Uint8Array,
): Promise<Reply> {
  const { socket } = transfer
  socket.resume()
  const breaker = new Breaker(exchange, transfer)
  try {
    await writeAll(exchange, socket, iterate(body), breaker)
    socket.end()
    await withinWrite(exchange, breaker.wait(finished(socket, { readable: false })))
    const reply = await exchange.completion(transfer)
    // Where its end was told by TLS alone, it is open still.
    transfer.data.destroy()
    if (isRefused(reply)) throw new Refusal(verb, reply)
    return reply
  } catch (error) {
    throw await explained(exchange, transfer, verb, error)
  } finally {
    breaker.letGo()
  }
}

/**
 * Ends whatever the upload waits for when the connection breaks, the signal aborts, or the server refuses before it has everything.
 *
 * One wait at a time: racing each piece against one long-lived promise would keep every piece alive.
 */
class Breaker {
  #broken: { readonly error: unknown } | null = null
  #reject: ((error: unknown) => void) | null = null
  readonly #letGo: () => void

  constructor(exchange: FTPExchange, { socket, completion }: Transfer) {
    const stop = (error: unknown): void => this.#stop(error)
    const onClose = (): void => stop(new Error('the server closed the data connection'))
    socket.on('error', stop).once('close', onClose)
    exchange.onAbort = stop
    completion.then((reply) => {
      if (isRefused(reply)) stop(new Error('the server refused the rest'))
    }, stop)
    this.#letGo = () => {
      socket.off('close', onClose)
      exchange.onAbort = null
    }
    if (socket.destroyed) onClose()
  }

  #stop(error: unknown): void {
    this.#broken ??= { error }
    this.#reject?.(error)
  }

  /** @throws what broke it. */
  wait<T>(promise: Promise<T>): Promise<T> {
    if (this.#broken !== null) {
      promise.catch(() => {})
      return Promise.reject(this.#broken.error)
    }
    return new Promise<T>((resolve, reject) => {
      this.#reject = reject
      promise.then(resolve, reject)
    })
  }

  letGo(): void {
    this.#reject = null
    this.#letGo()
  }
}

async function writeAll(
  exchange: FTPExchange,
  socket: Socket,
  iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
  breaker: Breaker,
): Promise<void> {
  const { task } = exchange
  let isOver = false
  try {
    for (;;) {
      const step = await breaker.wait(nextOf(iterator))
      if (step.done === true) break
      task.requestBytesSent = (task.requestBytesSent ?? 0) + step.value.byteLength
      const piece = step.value
      // Called once the system has a copy.
      const onWritten = iterator instanceof FileLender ? () => iterator.giveBack(piece) : undefined
      if (!socket.write(piece, onWritten) && socket.writableLength > MOST_UNSENT_BYTES)
        await withinWrite(exchange, breaker.wait(drained(socket)))
    }
    isOver = true
  } finally {
    // The caller's iterator may be in the middle of something: it is told, not waited for.
    if (!isOver) void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

async function nextOf(
  iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
): Promise<IteratorResult<Uint8Array, unknown>> {
  try {
    return await iterator.next()
  } catch (error) {
    throw new BodyFailure(error)
  }
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => void socket.once('drain', resolve))
}

function withinWrite<T>(exchange: FTPExchange, promise: Promise<T>): Promise<T> {
  const { task } = exchange
  const { write } = task.options.timeout
  return within(promise, write, () => {
    const message = `${describeTask(task)}: the server took nothing of the body for timeout.write = ${write} ms`
    return new WriteTimeout(message, { ...task })
  })
}

/** The error for the caller. Where the server has said why it stopped, it is that, and the connection is in order. */
async function explained(exchange: FTPExchange, transfer: Transfer, verb: string, error: unknown): Promise<unknown> {
  const { signal } = exchange.task.options
  if (error instanceof Refusal) return error
  if (error instanceof BodyFailure || error instanceof WriteTimeout || signal?.aborted === true) {
    exchange.abandon(transfer)
    return error instanceof BodyFailure ? error : exchange.describe(error)
  }
  if (error instanceof ReadTimeout) {
    exchange.fail(error)
    return error
  }
  transfer.data.reset()
  const reply = await within(transfer.completion, EXPLANATION_MS, () => new Error('no reply')).catch(() => null)
  if (reply !== null && isRefused(reply)) return new Refusal(verb, reply)
  const described = exchange.describe(error)
  exchange.fail(described)
  return described
}

function iterate(body: AsyncIterable<Uint8Array> | Uint8Array): AsyncIterator<Uint8Array> | Iterator<Uint8Array> {
  if (body instanceof Uint8Array) return slices(body)
  return body instanceof FilePieces ? body.lend() : body[Symbol.asyncIterator]()
}

function* slices(bytes: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.byteLength; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
}
