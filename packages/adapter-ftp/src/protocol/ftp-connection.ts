import type { Socket } from 'node:net'
import { ConnectionError, openSocket, SSLError, UsageError } from '@entreat/core'
import { connectTimeout, failure } from '../failures.ts'
import type { FTPSettings } from '../options.ts'
import { type Task, within } from '../task.ts'
import type { ControlChannel } from './control-channel.ts'
import {
  ActiveChannel,
  type DataChannel,
  extendedPort,
  parseExtendedPassive,
  parsePassive,
  PassiveChannel,
  plainAddress,
  plainPort,
} from './data-channel.ts'
import { dial } from './dial.ts'
import { isRefused, type Reply, replyText } from './reply.ts'
import { Refusal } from './refusal.ts'
import type { Security } from './security.ts'
import { SlabReceiver } from './slab-receiver.ts'
import { Transfer } from './transfer.ts'

/** How long a given up transfer may take to leave the connection usable, in milliseconds. */
const RECOVERY_MS = 3000
/** Replies that a given up transfer may leave behind: of the transfer, of ABOR, of NOOP, and one for good measure. */
const MOST_LEFTOVERS = 4

/** What a connection is made of once somebody has signed in. */
export interface ConnectionParts {
  readonly channel: ControlChannel
  /** `null` for plain text. */
  readonly security: Security | null
  readonly features: ReadonlySet<string>
  readonly settings: FTPSettings
  /** The host to dial for data where a proxy dials it; `null` for the address of the control connection. */
  readonly proxiedHost: string | null
}

/** A control connection on which somebody has signed in. It does one thing at a time. */
export class FTPConnection {
  readonly channel: ControlChannel
  /** Names of extensions, upper case, as FEAT told (RFC 2389); `MLST` means MLSD too. */
  readonly features: ReadonlySet<string>
  /** Requests it has served. */
  served = 0
  readonly #parts: ConnectionParts
  #type: 'A' | 'I' | null = null
  #home: Buffer | null = null
  #isAway = false
  #knowsEpsv = true
  #transfer: Transfer | null = null

  constructor(parts: ConnectionParts) {
    this.channel = parts.channel
    this.features = parts.features
    this.#parts = parts
  }

  get isClosed(): boolean {
    return this.channel.isClosed
  }

  /** Sends a command and gives its final reply, whatever it is. @throws ConnectionError if it is that a kept connection has become too old. */
  async command(task: Task, verb: string, argument?: string | Buffer): Promise<Reply> {
    return this.#notGone(task, await this.channel.command(task.options.timeout.read, verb, argument))
  }

  /** 421 closes the connection. On one that was kept this is as if it had closed before: the request may go out on another. */
  #notGone(task: Task, reply: Reply): Reply {
    if (reply.code !== 421) return reply
    const error = new ConnectionError(`the server closed the control connection: 421 ${replyText(reply)}`)
    this.channel.destroy(error)
    if (task.connectionReused) throw error
    return reply
  }

  /** The same for a command that must succeed. @throws Refusal */
  async must(task: Task, verb: string, argument?: string | Buffer): Promise<Reply> {
    const reply = await this.command(task, verb, argument)
    if (isRefused(reply)) throw new Refusal(verb, reply)
    return reply
  }

  /** Sets how bytes are represented, if that is not how they are already. */
  async setType(task: Task, type: 'A' | 'I'): Promise<void> {
    if (this.#type === type) return
    this.#type = null
    await this.must(task, 'TYPE', type)
    this.#type = type
  }

  /**
   * Goes back to the login directory, which relative paths start from.
   *
   * @throws ConnectionError where the server has not said what that is, or lets nobody back: on another connection everything is as it was.
   */
  async goHome(task: Task): Promise<void> {
    if (!this.#isAway) return
    const reply = this.#home === null ? null : await this.command(task, 'CWD', this.#home)
    if (reply === null || isRefused(reply)) {
      const error = new ConnectionError('the connection is in another directory and finds no way back')
      this.channel.destroy(error)
      throw error
    }
    this.#isAway = false
  }

  /**
   * Goes into a directory, for commands that take no path safely: `LIST -x` would be an option.
   *
   * @returns whether it is there.
   */
  async enter(task: Task, directory: Buffer): Promise<Reply> {
    await this.goHome(task)
    this.#home ??= await this.#askWhere(task)
    const reply = await this.command(task, 'CWD', directory)
    if (!isRefused(reply)) this.#isAway = true
    return reply
  }

  /** RFC 959 appendix II: the path is quoted, quotes in it are doubled. */
  async #askWhere(task: Task): Promise<Buffer | null> {
    const reply = await this.command(task, 'PWD')
    const [, quoted] = /"((?:[^"]|"")*)"/.exec(reply.lines.join('\n')) ?? []
    return quoted === undefined || isRefused(reply) ? null : Buffer.from(quoted.replaceAll('""', '"'))
  }

  /**
   * Begins a transfer.
   *
   * @param offset - where in the file it begins, in bytes (REST).
   * @throws Refusal if the server does not agree; ConnectTimeout, ConnectionError, SSLError for the data connection.
   */
  async transfer(task: Task, verb: string, argument: Buffer | undefined, offset = 0): Promise<Transfer> {
    const receiver = this.#mayReceive(task) && verb === 'RETR' ? new SlabReceiver() : null
    const data = await this.#openData(task, receiver, verb === 'STOR' || verb === 'APPE')
    try {
      if (offset > 0) await this.must(task, 'REST', String(offset))
      if (task.options.signal?.aborted === true) throw task.options.signal.reason
      this.channel.write(verb, argument)
      const first = this.#notGone(task, await this.channel.reply(task.options.timeout.read))
      if (isRefused(first)) throw new Refusal(verb, first)
      const completion = first.code < 200 ? this.channel.finalReply(null) : Promise.resolve(first)
      completion.catch(() => {})
      const socket = await this.#readyData(task, data, completion)
      this.#transfer = new Transfer({ connection: this, data, socket, receiver, opening: first, completion })
      return this.#transfer
    } catch (error) {
      data.destroy()
      if (!(error instanceof Refusal)) this.channel.destroy(error)
      throw error
    }
  }

  /** Waits for the data connection; the reply that comes instead tells best why there is none. */
  async #readyData(task: Task, data: DataChannel, completion: Promise<Reply>): Promise<Socket> {
    const { connect } = task.options.timeout
    const refused = completion.then((reply) =>
      isRefused(reply) ? Promise.reject(new NoData(reply)) : new Promise<never>(() => {}),
    )
    refused.catch(() => {})
    const ready = data.ready()
    ready.catch(() => {})
    try {
      return await within(Promise.race([ready, refused]), connect, () =>
        connectTimeout(task, connect ?? 0, 'no data connection'),
      )
    } catch (error) {
      if (error instanceof NoData) throw new ConnectionError(`no data connection: ${error.message}`)
      const reply = await within(completion, 500, () => new Error('no reply')).catch(() => null)
      if (reply === null || !isRefused(reply)) throw error
      const message = `no data connection: ${reply.code} ${replyText(reply)}`
      throw this.#parts.security === null
        ? new ConnectionError(message, { cause: error })
        : new SSLError(message, { cause: error })
    }
  }

  /** Large reads are for sockets that we open ourselves and that hold the bytes themselves. */
  #mayReceive({ options }: Task): boolean {
    const { security, settings } = this.#parts
    return security === null && settings.mode === 'passive' && options.proxy === null
  }

  async #openData(task: Task, receiver: SlabReceiver | null, isUpload: boolean): Promise<DataChannel> {
    const { security, settings, proxiedHost } = this.#parts
    if (settings.mode === 'active') return this.#openActive(task)
    const port = await this.#askPort(task)
    return new PassiveChannel(await this.#dial(task, port, receiver), security, isUpload && proxiedHost !== null)
  }

  async #openActive(task: Task): Promise<DataChannel> {
    const { security, settings, proxiedHost } = this.#parts
    if (proxiedHost !== null) throw new UsageError('FTPAdapter: active mode does not work through a proxy')
    const channel = await ActiveChannel.listen(this.channel.socket, settings, security)
    try {
      const reply = await this.command(task, 'EPRT', extendedPort(channel.address, channel.port))
      if (isRefused(reply)) await this.must(task, 'PORT', plainPort(channel.address, channel.port))
      return channel
    } catch (error) {
      channel.destroy()
      throw error
    }
  }

  /** The port that the server listens on. EPSV first: it names no address, and serves IPv6. */
  async #askPort(task: Task): Promise<number> {
    if (this.#knowsEpsv) {
      const reply = await this.command(task, 'EPSV')
      if (!isRefused(reply)) return portOf('EPSV', parseExtendedPassive(replyText(reply)))
      if (reply.code < 500) throw new Refusal('EPSV', reply)
      this.#knowsEpsv = false
    }
    return portOf('PASV', parsePassive(replyText(await this.must(task, 'PASV'))))
  }

  /** Dials the host of the control connection, whatever address a reply names. */
  async #dial(task: Task, port: number, receiver: SlabReceiver | null): Promise<Socket> {
    const { request, options } = task
    const { connect } = options.timeout
    const { proxiedHost, settings } = this.#parts
    const host = proxiedHost ?? plainAddress(this.channel.socket.remoteAddress)
    const attempt = new AbortController()
    const onAbort = (): void => attempt.abort(options.signal?.reason)
    options.signal?.addEventListener('abort', onAbort, { once: true })
    if (options.signal?.aborted === true) onAbort()
    const { signal } = attempt
    const dialled =
      proxiedHost === null
        ? dial({ host, port }, settings.socket, receiver, signal)
        : openSocket({ host, port }, { request, options, socket: settings.socket, signal })
    try {
      return await within(dialled, connect, () => {
        const error = connectTimeout(task, connect ?? 0, 'no data connection')
        attempt.abort(error)
        return error
      })
    } catch (error) {
      dialled.then((socket) => socket.destroy()).catch(() => {})
      throw options.signal?.aborted === true ? error : failure(error, task, 'connect')
    } finally {
      options.signal?.removeEventListener('abort', onAbort)
    }
  }

  /**
   * Makes the connection usable again after a transfer that was given up: the data connection is closed, ABOR ends what the server still does, and the
   * reply to NOOP tells where the replies of both end. Servers differ in how many those are.
   *
   * @returns whether it can be used again; if not it has closed.
   */
  async recover(completion: Promise<Reply>): Promise<boolean> {
    try {
      this.channel.write('ABOR')
      this.channel.write('NOOP')
      const deadline = Date.now() + RECOVERY_MS
      await within(completion, RECOVERY_MS, () => new Error('the transfer did not end'))
      for (let count = 0; count < MOST_LEFTOVERS; count++) {
        const reply = await this.channel.reply(Math.max(1, deadline - Date.now()))
        if (reply.code === 200) return true
      }
      throw new ConnectionError('replies and commands do not fit together after ABOR')
    } catch (error) {
      this.channel.destroy(error)
      return false
    }
  }

  /** Keeps an idle connection alive. A server that does not answer has closed it. */
  async keepAlive(waitMs: number): Promise<void> {
    this.channel.isIdle = false
    try {
      const reply = await this.channel.command(waitMs, 'NOOP')
      if (isRefused(reply)) this.channel.destroy(new Refusal('NOOP', reply))
    } catch (error) {
      this.channel.destroy(error)
    }
    this.channel.transcript.take()
  }

  /** Says good-bye without waiting for the answer. */
  quit(): void {
    this.channel.quit()
  }

  destroy(error?: unknown): void {
    this.#transfer?.data.destroy()
    this.channel.destroy(error)
  }
}

/** The transfer was refused after the server had agreed, for want of a data connection. */
class NoData extends Error {
  constructor(reply: Reply) {
    super(`${reply.code} ${replyText(reply)}`)
  }
}

function portOf(verb: string, port: number | null): number {
  if (port === null) throw new ConnectionError(`the reply to ${verb} names no port`)
  return port
}
