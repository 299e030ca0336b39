import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/**
 * A socket as the ground under TLS, whose end is never told: TLS says by close_notify (RFC 8446 section 6.1) that a file is whole, without a FIN.
 *
 * Most proxies answer a FIN by closing both of their connections. What the server has said meanwhile and nobody has read, such as the session tickets of
 * TLS 1.3, then resets its connection, and what was on its way to it is lost. TLS of Node ends the socket under it with its own end, unless that is no
 * `net.Socket`; what this costs is one copy, and another way through the streams.
 *
 * Whoever has opened the socket destroys it.
 */
export class EndlessStream extends Duplex {
  readonly #socket: Socket

  constructor(socket: Socket) {
    super({ allowHalfOpen: true, autoDestroy: false })
    this.#socket = socket
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause()
    })
    socket.once('end', () => this.push(null))
    socket.once('error', (error) => this.destroy(error))
    socket.once('close', () => this.destroy())
    socket.pause()
  }

  override _read(): void {
    this.#socket.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done)
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    const last = chunks.pop()
    this.#socket.cork()
    for (const { chunk } of chunks) this.#socket.write(chunk)
    if (last !== undefined) this.#socket.write(last.chunk, done)
    this.#socket.uncork()
  }

  /** What was written has been handed to the system; that is all there is to an end. */
  override _final(done: () => void): void {
    done()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy()
    done(error)
  }
}
