import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/** Debian's place for it. */
const REDIS = '/usr/bin/redis-server'
const START_LIMIT_MS = 20_000

/** @returns what to install before Redis can run here, or null if it is there. */
export function missingRedis(): string | null {
  return existsSync(REDIS) ? null : 'install redis-server (lab/debian-packages.txt)'
}

/** A Redis of its own, on a free port of loopback, that keeps nothing. */
export class RedisServer implements AsyncDisposable {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port
    this.#child = child
    this.#folder = folder
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  static async start(): Promise<RedisServer> {
    const folder = await mkdtemp(join(tmpdir(), 'entreat-redis-'))
    const port = await freePort()
    const settings = [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder,
    ]
    const child = spawn(REDIS, settings, { stdio: ['ignore', 'pipe', 'inherit'] })
    for await (const line of createInterface({ input: child.stdout, signal: AbortSignal.timeout(START_LIMIT_MS) })) {
      if (line.includes('Ready to accept connections')) {
        child.stdout.resume()
        return new RedisServer(port, child, folder)
      }
    }
    child.kill('SIGKILL')
    throw new Error('Redis ended before it was ready')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = new Promise((resolve) => this.#child.once('exit', resolve))
      this.#child.kill('SIGTERM')
      await ended
    }
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had')
  return address.port
}
