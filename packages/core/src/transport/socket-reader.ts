import type { Socket } from 'node:net'
import { LimitExceededError } from '../errors.ts'

/** Pulls bytes from a socket; what it did not use goes back when it lets go. */
export class SocketReader {
  readonly #socket: Socket
  #bytes: Buffer = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
  }

  /** More bytes, or `false` at the end. */
  async more(): Promise<boolean> {
    const chunk = (this.#socket.read() as Buffer | null) ?? (await this.#wait())
    if (chunk === null) return false
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    return true
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
    return this.#bytes.length
  }

  indexOf(text: string): number {
    return this.#bytes.indexOf(text, 0, 'latin1')
  }

  take(length: number): Buffer {
    const taken = this.#bytes.subarray(0, length)
    this.#bytes = this.#bytes.subarray(length)
    return taken
  }

  /** So many bytes, or `null` if the end comes before. */
  async bytes(length: number): Promise<Buffer | null> {
    while (this.length < length) if (!(await this.more())) return null
    return this.take(length)
  }

  /** A line without its CRLF, or `null` at the end. */
  async line(maxBytes: number): Promise<string | null> {
    for (;;) {
      const end = this.indexOf('\r\n')
      if (end !== -1) return this.take(end + 2).toString('latin1', 0, end)
      if (this.length > maxBytes)
        throw new LimitExceededError(`the proxy's answer has a head longer than limits.headerBytes = ${maxBytes}`)
      if (!(await this.more())) return null
    }
  }

  detach(): void {
    if (this.#bytes.length > 0 && !this.#socket.destroyed && !this.#socket.readableEnded)
      this.#socket.unshift(this.#bytes)
  }
}
