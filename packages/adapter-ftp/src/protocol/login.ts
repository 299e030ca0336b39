import { type Address, ConnectionError, openSocket, SSLError, tlsSettings, type TransportOptions } from '@entreat/core'
import type { FTPSettings } from '../options.ts'
import type { Task } from '../task.ts'
import { ControlChannel } from './control-channel.ts'
import type { Credentials } from './credentials.ts'
import { FTPConnection } from './ftp-connection.ts'
import { isRefused, replyText } from './reply.ts'
import { Refusal } from './refusal.ts'
import { Security } from './security.ts'
import { Transcript } from './transcript.ts'

/** Where to sign in, and as whom. */
export interface LoginTarget extends Address {
  readonly scheme: 'ftp' | 'ftps'
  readonly credentials: Credentials
}

/**
 * Opens a control connection and signs in.
 *
 * @param signal - cancels it all, with its reason.
 * @throws Refusal where the server refuses us; SSLError where it refuses TLS that was asked for; ConnectionError.
 */
export async function openConnection(
  target: LoginTarget,
  task: Task,
  settings: FTPSettings,
  maxReplyBytes: number,
  signal: AbortSignal,
): Promise<FTPConnection> {
  const { request, options } = task
  const isSecure = target.scheme === 'ftps' || settings.explicitTls
  // Before anything is dialled: a path that does not exist is no reason to knock.
  const security = isSecure ? securityFor(target.host, options, settings) : null
  let socket = await openSocket(target, { request, options, socket: settings.socket, signal })
  const onAbort = (): void => void socket.destroy()
  signal.addEventListener('abort', onAbort, { once: true })
  let channel: ControlChannel | null = null
  try {
    if (target.scheme === 'ftps' && security !== null) socket = await security.secure(socket)
    channel = new ControlChannel(socket, maxReplyBytes, new Transcript())
    await greet(channel, options.timeout.read)
    if (target.scheme === 'ftp' && security !== null) await upgrade(channel, security, options.timeout.read)
    await signIn(channel, target.credentials, options.timeout.read)
    if (security !== null) await protectData(channel, options.timeout.read)
    const features = await askFeatures(channel, options.timeout.read)
    const proxiedHost = options.proxy === null ? null : target.host
    return new FTPConnection({ channel, security, features, settings, proxiedHost })
  } catch (error) {
    socket.destroy()
    channel?.destroy(error)
    if (signal.aborted) throw signal.reason
    if (error instanceof Refusal && channel !== null) throw new LoginRefusal(error, channel.transcript.take())
    throw error
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

/** A Refusal before there is a connection, with what was said until then. */
export class LoginRefusal extends Refusal {
  readonly transcript: readonly string[]

  constructor({ verb, reply }: Refusal, transcript: readonly string[]) {
    super(verb, reply)
    this.transcript = transcript
  }
}

function securityFor(host: string, { verify, cert }: TransportOptions, { socket }: FTPSettings): Security {
  return new Security(host, tlsSettings(verify, cert), socket)
}

async function greet(channel: ControlChannel, waitMs: number | null): Promise<void> {
  const greeting = await channel.finalReply(waitMs)
  if (isRefused(greeting)) throw new Refusal('connect', greeting)
  if (greeting.code !== 220) throw new ConnectionError(`the server's greeting is ${greeting.code}, not 220`)
}

/** RFC 4217 section 4. Never goes on in plain text: that is what somebody in the middle would wish for. */
async function upgrade(channel: ControlChannel, security: Security, waitMs: number | null): Promise<void> {
  const reply = await channel.command(waitMs, 'AUTH', 'TLS')
  if (reply.code !== 234) {
    const said = `${reply.code} ${replyText(reply)}`
    throw new SSLError(`the server does not secure the connection (AUTH TLS: ${said}), and explicitTls is set`)
  }
  await channel.upgrade((socket) => security.secure(socket))
}

async function signIn(channel: ControlChannel, credentials: Credentials, waitMs: number | null): Promise<void> {
  const { user, password } = credentials
  channel.transcript.hide(password)
  let [verb, reply] = ['USER', await channel.command(waitMs, 'USER', user)]
  if (reply.code === 331) [verb, reply] = ['PASS', await channel.command(waitMs, 'PASS', password)]
  // 332 wants an account, which nobody has given: as good as a refusal.
  if (reply.code >= 300) throw new Refusal(verb, reply)
}

/** RFC 4217 section 9: without PROT P the files themselves would travel in plain text. */
async function protectData(channel: ControlChannel, waitMs: number | null): Promise<void> {
  const size = await channel.command(waitMs, 'PBSZ', '0')
  const reply = isRefused(size) ? size : await channel.command(waitMs, 'PROT', 'P')
  if (!isRefused(reply)) return
  throw new SSLError(`the server does not secure data connections (PROT P: ${reply.code} ${replyText(reply)})`)
}

/** RFC 2389; and RFC 2640 section 3.1, for servers that want to be told. */
async function askFeatures(channel: ControlChannel, waitMs: number | null): Promise<ReadonlySet<string>> {
  const reply = await channel.command(waitMs, 'FEAT')
  if (isRefused(reply)) return new Set()
  const names = reply.lines.slice(1, -1).map((line) => line.trim().split(' ', 1)[0]?.toUpperCase() ?? '')
  const features = new Set(names)
  if (features.has('UTF8')) await channel.command(waitMs, 'OPTS', 'UTF8 ON')
  return features
}
