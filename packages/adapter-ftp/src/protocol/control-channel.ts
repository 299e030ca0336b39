import type { Socket } from 'node:net'
import { ConnectionError, InvalidURL, ReadTimeout } from '@entreat/core'
import { isPreliminary, type Reply, ReplyParser, replyText } from './reply.ts'
import type { Transcript } from './transcript.ts'

/** Replies to one command that only say "wait". */
const MOST_PRELIMINARY = 10
/** Replies that nobody has asked for yet. */
const MOST_QUEUED = 32
const LONGEST_TIMER = 2 ** 31 - 1

interface Wait {
  readonly resolve: (reply: Reply) => void
  readonly reject: (error: unknown) => void
}

/**
 * Commands and replies on one socket: one command at a time, replies in order.
 *
 * It never repairs itself: after a lost reply, a reply that nobody waited for, or a timeout, commands and replies would no longer belong together.
 */
export class ControlChannel {
  readonly transcript: Transcript
  readonly #parser: ReplyParser
  #socket: Socket
  #replies: Reply[] = []
  #wait: Wait | null = null
  #failure: unknown = null
  #isIdle = false
  #onClosed: () => void = () => {}
  #letGo: () => void

  /** @param maxReplyBytes - of one reply. */
  constructor(socket: Socket, maxReplyBytes: number, transcript: Transcript) {
    this.transcript = transcript
    this.#parser = new ReplyParser(maxReplyBytes)
    this.#socket = socket
    this.#letGo = this.#listen(socket)
  }

  get socket(): Socket {
    return this.#socket
  }

  /** Whether nothing can be sent or received any more. */
  get isClosed(): boolean {
    return this.#failure !== null || this.#socket.destroyed
  }

  /** Calls back once, when the channel has closed, whatever the reason. */
  set onClosed(callback: () => void) {
    this.#onClosed = callback
  }

  /** While idle, anything that the server says (such as 421) ends the channel: it would be taken for the next reply. */
  set isIdle(isIdle: boolean) {
    this.#isIdle = isIdle
    if (isIdle) this.#socket.unref()
    else this.#socket.ref()
    if (isIdle && (this.#replies.length > 0 || this.#parser.isInside)) this.destroy(unasked())
  }

  #listen(socket: Socket): () => void {
    const onData = (chunk: Buffer): void => this.#receive(chunk)
    const onEnd = (): void => this.destroy(new Error('the server closed the control connection'))
    const onError = (error: Error): void => this.destroy(error)
    socket.on('data', onData).on('end', onEnd).on('close', onEnd).on('error', onError)
    return () => socket.off('data', onData).off('end', onEnd).off('close', onEnd).off('error', onError)
  }

  #receive(chunk: Buffer): void {
    let replies: Reply[]
    try {
      replies = this.#parser.push(chunk)
    } catch (error) {
      return this.destroy(error)
    }
    for (const reply of replies) {
      this.transcript.reply(reply)
      if (this.#wait !== null) this.#settle()?.resolve(reply)
      else this.#replies.push(reply)
    }
    if (this.#isIdle || this.#replies.length > MOST_QUEUED) this.destroy(unasked(replies[0]))
  }

  #settle(): Wait | null {
    const wait = this.#wait
    this.#wait = null
    return wait
  }

  /** Sends one command. @throws InvalidURL for CR, LF or NUL in its argument: they would begin another command. */
  write(verb: string, argument: string | Buffer = ''): void {
    const bytes = typeof argument === 'string' ? Buffer.from(argument) : argument
    if (bytes.includes(0x0d) || bytes.includes(0x0a) || bytes.includes(0))
      throw new InvalidURL(`${verb}: a name with CR, LF or NUL cannot be sent to an FTP server`)
    this.transcript.command(verb, bytes.toString())
    const gap = bytes.length === 0 ? '' : ' '
    this.#socket.write(Buffer.concat([Buffer.from(verb + gap), bytes, Buffer.from('\r\n')]))
  }

  /**
   * The next reply.
   *
   * @param waitMs - how long the whole reply may take; `null` for ever.
   * @throws ReadTimeout, and what closed the channel. Either way it has closed.
   */
  reply(waitMs: number | null): Promise<Reply> {
    const ready = this.#replies.shift()
    if (ready !== undefined) return Promise.resolve(ready)
    if (this.#failure !== null) return Promise.reject(this.#failure)
    return new Promise((resolve, reject) => {
      const timer =
        waitMs === null ? undefined : setTimeout(() => this.destroy(late(waitMs)), Math.min(waitMs, LONGEST_TIMER))
      this.#wait = {
        resolve: (reply) => {
          clearTimeout(timer)
          resolve(reply)
        },
        reject: (error) => {
          clearTimeout(timer)
          reject(error)
        },
      }
    })
  }

  /** The next reply that ends a command, past those that say "wait". */
  async finalReply(waitMs: number | null): Promise<Reply> {
    for (let count = 0; count <= MOST_PRELIMINARY; count++) {
      const reply = await this.reply(waitMs)
      if (!isPreliminary(reply)) return reply
    }
    const error = new ConnectionError(`the server sent ${MOST_PRELIMINARY} preliminary replies to one command`)
    this.destroy(error)
    throw error
  }

  /** Sends a command and gives its final reply. */
  async command(waitMs: number | null, verb: string, argument?: string | Buffer): Promise<Reply> {
    this.write(verb, argument)
    return this.finalReply(waitMs)
  }

  /**
   * Hands the socket over to TLS.
   *
   * @throws ConnectionError if the server has said more than was asked: plain text must not be taken for what comes through TLS (CVE-2021-22947).
   */
  async upgrade(secure: (socket: Socket) => Promise<Socket>): Promise<void> {
    if (this.#replies.length > 0 || this.#parser.isInside) throw unasked(this.#replies[0])
    this.#letGo()
    this.#socket = await secure(this.#socket)
    this.#letGo = this.#listen(this.#socket)
  }

  /** Says good-bye and ends the channel, without waiting for the answer. */
  quit(): void {
    if (this.isClosed) return
    this.write('QUIT')
    this.#close(new Error('the control connection was closed'))
    this.#socket.destroySoon()
  }

  /** Ends the channel at once; who waits gets the error. */
  destroy(error: unknown = new Error('the control connection was closed')): void {
    if (this.#failure !== null) return
    this.#close(error)
    this.#socket.destroy()
  }

  #close(error: unknown): void {
    this.#failure = error
    this.#settle()?.reject(error)
    this.#onClosed()
  }
}

function late(waitMs: number): ReadTimeout {
  return new ReadTimeout(`the server gave no reply within timeout.read = ${waitMs} ms`)
}

function unasked(reply?: Reply): ConnectionError {
  const said = reply === undefined ? '' : `: ${reply.code} ${replyText(reply)}`
  return new ConnectionError(`the server sent a reply that nobody asked for${said}`)
}
