import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { finished } from 'node:stream'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { CertificatePair } from '../certificates.ts'
import { type FTPFiles, ftpTime, listLine, mlsdLine, parentOf } from './ftp-files.ts'

/** One command as it arrived. */
export interface FTPCommand {
  /** Upper case. */
  readonly verb: string
  readonly argument: string
}

/** What a conversation needs to know of its server. */
export interface FTPWorld {
  readonly files: FTPFiles
  readonly certificate: CertificatePair
  readonly credentials: { readonly username: string; readonly password: string } | null
  readonly commands: FTPCommand[]
  readonly intercept: FTPIntercept | null
  /** Counts a socket until it has closed. */
  track(socket: Socket): void
}

/** Takes a command over by returning true: then nothing else is done for it. */
export type FTPIntercept = (command: FTPCommand, conversation: FTPConversation) => boolean | Promise<boolean>

type Handler = (argument: string) => void | Promise<void>

const PIECE_BYTES = 256 * 1024

/** One control connection, as the server sees it. */
export class FTPConversation {
  /** The server's files. */
  readonly files: FTPFiles
  readonly #world: FTPWorld
  #socket: Socket
  #buffered = ''
  #running: Promise<void> = Promise.resolve()
  #user = ''
  #isSignedIn = false
  #protects = false
  #directory = '/'
  #offset = 0
  #isText = true
  #renamed: string | null = null
  #listener: Server | null = null
  #accepted: Promise<Socket | null> = Promise.resolve(null)
  #transferring: Socket | null = null
  readonly #handlers: ReadonlyMap<string, Handler>

  /** Greets a client, and serves it until it leaves. */
  static begin(socket: Socket, world: FTPWorld): FTPConversation {
    return new FTPConversation(socket, world)
  }

  private constructor(socket: Socket, world: FTPWorld) {
    this.#world = world
    this.files = world.files
    this.#socket = socket
    this.#handlers = this.#commands()
    this.#listen(socket)
    socket.once('close', () => {
      this.#listener?.close()
      this.#transferring?.destroy()
    })
    this.reply('220 entreat test server')
  }

  #listen(socket: Socket): void {
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      this.#buffered += chunk.toString()
      const lines = this.#buffered.split('\r\n')
      this.#buffered = lines.pop() ?? ''
      for (const line of lines) this.#running = this.#running.then(() => this.#run(line)).catch(() => this.destroy())
    })
  }

  /** Sends one reply, or any text that is to be taken for one. */
  reply(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(`${text}\r\n`)
  }

  /** The certificate that the client has shown on the control connection, in DER; `null` without one. */
  get clientCertificate(): Buffer | null {
    return this.#socket instanceof TLSSocket ? (this.#socket.getPeerCertificate().raw ?? null) : null
  }

  /** Ends control and data connection at once. */
  destroy(): void {
    this.#socket.destroy()
    this.#transferring?.destroy()
  }

  async #run(line: string): Promise<void> {
    const [, verb = '', argument = ''] = /^([A-Za-z]+)(?: (.*))?$/s.exec(line) ?? []
    const command = { verb: verb.toUpperCase(), argument }
    this.#world.commands.push(command)
    if ((await this.#world.intercept?.(command, this)) === true) return
    const handler = this.#handlers.get(command.verb)
    if (handler === undefined) return this.reply('500 Unknown command')
    const isOpen = ['USER', 'PASS', 'AUTH', 'PBSZ', 'PROT', 'FEAT', 'QUIT', 'NOOP'].includes(command.verb)
    if (!isOpen && !this.#isSignedIn) return this.reply('530 Please sign in')
    await handler(argument)
  }

  #commands(): ReadonlyMap<string, Handler> {
    const { files } = this.#world
    return new Map<string, Handler>([
      ['USER', (name) => this.#takeUser(name)],
      ['PASS', (text) => this.#takePassword(text)],
      ['AUTH', () => this.#secure()],
      ['PBSZ', () => this.reply('200 PBSZ=0')],
      ['PROT', (level) => this.#protect(level)],
      [
        'FEAT',
        () => this.reply('211-Features\r\n MLST type*;size*;modify*;\r\n REST STREAM\r\n SIZE\r\n UTF8\r\n211 End'),
      ],
      ['OPTS', () => this.reply('200 OK')],
      ['NOOP', () => this.reply('200 OK')],
      ['ABOR', () => this.reply('226 Nothing to abort')],
      ['QUIT', () => this.#quit()],
      ['TYPE', (type) => this.#setType(type)],
      ['PWD', () => this.reply(`257 "${this.#directory.replaceAll('"', '""')}" is the current directory`)],
      ['CWD', (name) => this.#enter(name)],
      ['EPSV', async () => this.reply(`229 Extended passive mode (|||${await this.#open()}|)`)],
      ['PASV', () => this.#passive()],
      ['REST', (offset) => this.#restart(offset)],
      ['SIZE', (name) => this.#about(name, (content) => `213 ${content.length}`)],
      ['MDTM', (name) => this.#about(name, (_content, modified) => `213 ${ftpTime(modified)}`)],
      ['RETR', (name) => this.#retrieve(name)],
      ['STOR', (name) => this.#store(name, false)],
      ['APPE', (name) => this.#store(name, true)],
      ['LIST', () => this.#list((name, path) => listLine(name, files.get(path) as never))],
      ['MLSD', () => this.#list((name, path) => mlsdLine(name, files.get(path) as never))],
      ['NLST', () => this.#list((name) => name)],
      ['DELE', (name) => this.#remove(name, false)],
      ['RMD', (name) => this.#remove(name, true)],
      ['MKD', (name) => this.#makeDirectory(name)],
      ['RNFR', (name) => this.#renameFrom(name)],
      ['RNTO', (name) => this.#renameTo(name)],
    ])
  }

  #takeUser(name: string): void {
    this.#user = name
    this.reply('331 Password, please')
  }

  #takePassword(text: string): void {
    const { credentials } = this.#world
    this.#isSignedIn = credentials === null || (credentials.username === this.#user && credentials.password === text)
    this.reply(this.#isSignedIn ? '230 Signed in' : '530 Login incorrect')
  }

  async #secure(): Promise<void> {
    this.reply('234 Go ahead')
    this.#socket.removeAllListeners('data')
    this.#socket = this.#layTls(this.#socket)
    this.#listen(this.#socket)
    await once(this.#socket, 'secure')
  }

  #layTls(socket: Socket): TLSSocket {
    const secureContext = createSecureContext(this.#world.certificate)
    const options = { isServer: true, secureContext, requestCert: true, rejectUnauthorized: false }
    const secured = new TLSSocket(socket, options)
    secured.on('error', () => socket.destroy())
    return secured
  }

  #protect(level: string): void {
    this.#protects = level === 'P'
    this.reply('200 OK')
  }

  #quit(): void {
    this.reply('221 Good-bye')
    this.#socket.end()
  }

  #setType(type: string): void {
    this.#isText = type === 'A'
    this.reply('200 OK')
  }

  #enter(name: string): void {
    const path = this.#path(name)
    if (!this.#world.files.isDirectory(path)) return this.reply('550 No such directory')
    this.#directory = path
    this.reply('250 OK')
  }

  #restart(offset: string): void {
    this.#offset = Number(offset)
    this.reply('350 Go on')
  }

  #path(name: string): string {
    return this.#world.files.resolve(name, this.#directory)
  }

  #about(name: string, tell: (content: Buffer, modified: Date) => string): void {
    const node = this.#world.files.get(this.#path(name))
    this.reply(node === undefined || node.content === null ? '550 No such file' : tell(node.content, node.modified))
  }

  async #passive(): Promise<void> {
    const port = await this.#open()
    // An address that nobody should dial: clients are to use that of the control connection.
    this.reply(`227 Entering passive mode (192,0,2,1,${port >> 8},${port & 255})`)
  }

  async #open(): Promise<number> {
    this.#listener?.close()
    const listener = createServer({ allowHalfOpen: true })
    this.#listener = listener
    // Clients may dial before they send the command.
    this.#accepted = new Promise((resolve) => {
      listener.once('connection', (socket: Socket) => {
        this.#world.track(socket)
        this.#transferring = socket
        listener.close()
        resolve(socket)
      })
    })
    listener.listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const address = listener.address()
    return address !== null && typeof address === 'object' ? address.port : 0
  }

  /** The data connection of the next transfer, after `150`; secured if the client asked for it. */
  async openData(): Promise<Socket> {
    const socket = await this.#accepted
    if (socket === null) throw new Error('no data connection was asked for')
    this.#accepted = Promise.resolve(null)
    this.reply('150 Here it comes')
    if (!this.#protects) return socket
    const secured = this.#layTls(socket)
    await once(secured, 'secure')
    return secured
  }

  async #retrieve(name: string): Promise<void> {
    const content = this.#world.files.read(this.#path(name))
    const offset = this.#offset
    this.#offset = 0
    if (content === null) return this.reply('550 No such file')
    const text = (): Buffer => Buffer.from(content.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1')
    await this.#send(this.#isText ? text() : content.subarray(offset))
  }

  async #send(bytes: Buffer): Promise<void> {
    const socket = await this.openData()
    socket.resume()
    // However it ends, and also if it has: a client may give a download up by a reset, and go on with its next command.
    const gone = new Promise<void>((resolve) => void finished(socket, () => resolve()))
    for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
      const isTaken = socket.write(bytes.subarray(at, at + PIECE_BYTES))
      if (!isTaken) await Promise.race([new Promise((resolve) => void socket.once('drain', resolve)), gone])
      if (socket.destroyed) return this.reply('426 The data connection was closed')
    }
    socket.end()
    await gone
    this.reply('226 Done')
  }

  async #store(name: string, isAppended: boolean): Promise<void> {
    const { files } = this.#world
    const path = this.#path(name)
    const offset = this.#offset
    this.#offset = 0
    if (!files.isDirectory(parentOf(path)) || files.isDirectory(path)) return this.reply('553 No such directory')
    const socket = await this.openData()
    const pieces: Buffer[] = []
    try {
      for await (const piece of socket) pieces.push(piece as Buffer)
    } catch {
      return this.reply('426 The data connection broke')
    }
    socket.end()
    const old = files.read(path) ?? Buffer.alloc(0)
    const kept = isAppended ? old : old.subarray(0, offset)
    const sent = Buffer.concat(pieces)
    files.write(path, Buffer.concat([kept, this.#isText ? withoutCR(sent) : sent]))
    this.reply('226 Done')
  }

  #list(line: (name: string, path: string) => string): Promise<void> {
    const { files } = this.#world
    const lines = files.names(this.#directory).map((name) => `${line(name, files.resolve(name, this.#directory))}\r\n`)
    return this.#send(Buffer.from(lines.join('')))
  }

  #remove(name: string, isDirectory: boolean): void {
    this.reply(this.#world.files.remove(this.#path(name), isDirectory) ? '250 Removed' : '550 No such file')
  }

  #makeDirectory(name: string): void {
    const { files } = this.#world
    const path = this.#path(name)
    if (files.get(path) !== undefined) return this.reply('550 File exists')
    if (!files.isDirectory(parentOf(path))) return this.reply('550 No such directory')
    files.makeDirectory(path)
    this.reply(`257 "${path}" made`)
  }

  #renameFrom(name: string): void {
    const path = this.#path(name)
    const isThere = this.#world.files.get(path) !== undefined
    this.#renamed = isThere ? path : null
    this.reply(isThere ? '350 And to what?' : '550 No such file')
  }

  #renameTo(name: string): void {
    if (this.#renamed === null) return this.reply('503 RNFR first')
    this.#world.files.move(this.#renamed, this.#path(name))
    this.reply('250 Renamed')
  }
}

function withoutCR(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString('latin1').replaceAll('\r\n', '\n'), 'latin1')
}
