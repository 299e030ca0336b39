import type { Socket } from 'node:net'
import { LimitExceededError } from '../errors.ts'

/** Pulls bytes from a socket; what it did not use goes back when it lets go. */
export class SocketReader {
  readonly #socket: Socket
  /** What was read and not taken lies in it from `#start` to `#end`. It grows by doubling: a byte that arrives alone costs no more than others. */
  #store: Buffer = Buffer.alloc(0)
  #start = 0
  #end = 0

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** More bytes, or `false` at the end. */
  async more(): Promise<boolean> {
    const chunk = (this.#socket.read() as Buffer | null) ?? (await this.#wait())
    if (chunk === null) return false
    this.#append(chunk)
    return true
  }

  #append(chunk: Buffer): void {
    if (this.length === 0) {
      // Most replies come in one piece.
      this.#store = chunk
      this.#start = 0
      this.#end = chunk.length
      return
    }
    if (this.#end + chunk.length > this.#store.length) {
      // What was taken is still looked at by those who took it: nothing is moved within the store.
      const larger = Buffer.alloc(2 * (this.length + chunk.length))
      this.#store.copy(larger, 0, this.#start, this.#end)
      this.#end = this.length
      this.#start = 0
      this.#store = larger
    }
    chunk.copy(this.#store, this.#end)
    this.#end += chunk.length
  }

  #wait(): Promise<Buffer | null> {
    const socket = this.#socket
    return new Promise((resolve, reject) => {
      const stop = (): void => {
        socket.off('readable', onReadable).off('end', onEnd).off('close', onEnd).off('error', onError)
      }
      const onEnd = (): void => {
        stop()
        resolve(null)
      }
      const onError = (error: Error): void => {
        stop()
        reject(error)
      }
      const onReadable = (): void => {
        const chunk = socket.read() as Buffer | null
        if (chunk === null) return
        stop()
        resolve(chunk)
      }
      if (socket.destroyed || socket.readableEnded) return onEnd()
      socket.on('readable', onReadable).on('end', onEnd).on('close', onEnd).on('error', onError)
    })
  }

  get length(): number {
    return this.#end - this.#start
  }

  take(length: number): Buffer {
    const from = this.#start
    this.#start = Math.min(this.#end, from + length)
    return this.#store.subarray(from, this.#start)
  }

  /** So many bytes, or `null` if the end comes before. */
  async bytes(length: number): Promise<Buffer | null> {
    while (this.length < length) if (!(await this.more())) return null
    return this.take(length)
  }

  /** A line without its CRLF, or `null` at the end. */
  async line(maxBytes: number): Promise<string | null> {
    for (let looked = 0; ;) {
      const end = this.#store.subarray(this.#start, this.#end).indexOf('\r\n', looked, 'latin1')
      if (end !== -1) return this.take(end + 2).toString('latin1', 0, end)
      if (this.length > maxBytes)
        throw new LimitExceededError(`the proxy's answer has a head longer than limits.headerBytes = ${maxBytes}`)
      looked = Math.max(0, this.length - 1)
      if (!(await this.more())) return null
    }
  }

  detach(): void {
    if (this.length > 0 && !this.#socket.destroyed && !this.#socket.readableEnded)
      this.#socket.unshift(this.take(this.length))
  }
}
