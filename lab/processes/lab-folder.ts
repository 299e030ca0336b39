import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** How long a server may take until it answers, on a slow machine. */
const START_LIMIT_MS = 20_000
const POLL_MS = 10

const ownFolder = dirname(fileURLToPath(import.meta.url))

/** What a program of the lab runs with. */
export interface ProgramOptions {
  /** The whole environment besides PATH and the locale: nothing of the caller's is inherited. */
  readonly env?: Readonly<Record<string, string>>
  /** Text for its standard input. */
  readonly input?: string
  /** Runs it as this user and group. Only root can ask for it. */
  readonly owner?: { readonly uid: number; readonly gid: number }
}

/**
 * A fresh folder with a random name, and the processes whose files are in it.
 *
 * A shell script holds the process ids. It ends them and removes the folder when its standard input closes: by
 * {@link LabFolder.remove}, or because this process ended, however it did.
 */
export class LabFolder {
  readonly path: string
  readonly #keeper: ChildProcess

  constructor() {
    // Short, because paths of Unix sockets have at most 107 bytes.
    this.path = mkdtempSync(join(tmpdir(), 'lab-'))
    // Servers that run as other users look for their files in it.
    chmodSync(this.path, 0o711)
    mkdirSync(this.file('log'))
    const script = join(ownFolder, 'end-with-parent.sh')
    this.#keeper = spawn('/bin/sh', [script, this.path, this.uniqueName], {
      cwd: '/',
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    this.#keeper.unref()
    this.#keeper.stdin?.on('error', () => {}) // it is gone: so is all that it kept
  }

  /** A name of letters and digits that no other lab has. */
  get uniqueName(): string {
    return basename(this.path).replaceAll(/[^A-Za-z0-9]/g, '')
  }

  /** The path of a file of the lab. */
  file(...names: string[]): string {
    return join(this.path, ...names)
  }

  /** Makes a folder; `mode` may let other users in. */
  makeFolder(name: string, mode = 0o755): string {
    const path = this.file(name)
    mkdirSync(path, { recursive: true })
    chmodSync(path, mode)
    return path
  }

  /** Starts a server that stays in the foreground. What it prints is in `log/<name>.log`. */
  startServer(name: string, command: string, args: readonly string[], options: ProgramOptions = {}): LabServer {
    const logPath = this.file('log', `${name}.log`)
    const log = openSync(logPath, 'a')
    const child = spawnProgram(command, args, options, ['ignore', log, log])
    closeSync(log)
    child.unref()
    if (child.pid !== undefined) this.#keeper.stdin?.write(`${child.pid}\n`)
    return new LabServer(name, child, logPath)
  }

  /**
   * Runs a program to its end.
   *
   * @returns what it wrote to standard output.
   * @throws Error with what it wrote to standard error, if its exit code is not 0.
   */
  async run(command: string, args: readonly string[], options: ProgramOptions = {}): Promise<string> {
    const child = spawnProgram(command, args, options, ['pipe', 'pipe', 'pipe'])
    const output: string[] = []
    const errors: string[] = []
    child.stdout?.on('data', (text: Buffer) => output.push(String(text)))
    child.stderr?.on('data', (text: Buffer) => errors.push(String(text)))
    child.stdin?.on('error', () => {}) // it ended without reading: its exit code tells
    child.stdin?.end(options.input ?? '')
    const [code] = await once(child, 'close')
    if (code === 0) return output.join('')
    throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${errors.join('')}${output.join('')}`)
  }

  /** Ends every process and removes the folder; resolves when they are gone. */
  async remove(): Promise<void> {
    if (this.#keeper.exitCode !== null) return
    this.#keeper.ref()
    const ended = once(this.#keeper, 'exit')
    this.#keeper.stdin?.end()
    await ended
  }
}

/** A running server of the lab. */
export class LabServer {
  readonly #name: string
  readonly #logPath: string
  #failure: string | null = null

  constructor(name: string, child: ChildProcess, logPath: string) {
    this.#name = name
    this.#logPath = logPath
    child.once('error', (error) => (this.#failure = error.message))
    child.once('exit', (code, signal) => (this.#failure ??= `it ended with ${signal ?? code}`))
  }

  /** Waits until something accepts connections on a port of loopback. */
  async untilListening(port: number): Promise<void> {
    await this.until(`listens on port ${port}`, () => accepts(port))
  }

  /**
   * Waits until `isReady` says so.
   *
   * @throws Error with the server's output, if it ends before or takes more than 20 s.
   */
  async until(condition: string, isReady: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + START_LIMIT_MS
    while (!(await isReady())) {
      const failure = this.#failure ?? (Date.now() > deadline ? `it took more than ${START_LIMIT_MS} ms` : null)
      if (failure !== null) {
        throw new Error(
          `${this.#name} failed before it ${condition}: ${failure}\n${readFileSync(this.#logPath, 'utf8')}`,
        )
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }
}

/**
 * Finds ports of loopback that nobody uses.
 *
 * They are outside the range from which systems take ports for connections and for listeners on port 0, so that no
 * connection takes one before its server does.
 */
export async function findFreePorts<const Name extends string>(...names: Name[]): Promise<Record<Name, number>> {
  const found = new Set<number>()
  while (found.size < names.length) {
    const port = 15_000 + Math.floor(Math.random() * 16_000)
    if (await isFree(port)) found.add(port)
  }
  const ports = [...found]
  return Object.fromEntries(names.map((name, index) => [name, ports[index]])) as Record<Name, number>
}

function spawnProgram(
  command: string,
  args: readonly string[],
  options: ProgramOptions,
  stdio: StdioOptions,
): ChildProcess {
  const env = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8', ...options.env }
  // A group of its own: it ends together with what it starts.
  return spawn(command, args, { cwd: '/', detached: true, env, stdio, ...options.owner })
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
