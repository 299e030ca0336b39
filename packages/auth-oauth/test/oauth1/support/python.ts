import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** Debian's interpreter: the one that sees Debian's Python packages, whatever else is on the PATH. */
const PYTHON = '/usr/bin/python3'
const START_LIMIT_MS = 20_000

function labFile(name: string): string {
  return fileURLToPath(new URL(`../../../../../lab/oauth1/${name}`, import.meta.url))
}

/** @returns what to install before the Python counterparts can run here, or null if all is there. */
export async function missingPackages(): Promise<string | null> {
  const hint = 'install python3-oauthlib python3-requests-oauthlib (lab/debian-packages.txt)'
  if (!existsSync(PYTHON)) return hint
  return promisify(execFile)(PYTHON, ['-c', 'import oauthlib, requests_oauthlib, cryptography']).then(
    () => null,
    () => hint,
  )
}

/** An OAuth 1 provider over oauthlib, in a process of its own. */
export class PythonProvider implements AsyncDisposable {
  /** The one client that it knows. */
  static readonly client = { clientKey: 'client-key', clientSecret: 'client secret/+&' }
  readonly url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  static async start(): Promise<PythonProvider> {
    const child = spawn(PYTHON, [labFile('provider.py')], { stdio: ['pipe', 'pipe', 'inherit'] })
    const signal = AbortSignal.timeout(START_LIMIT_MS)
    for await (const line of createInterface({ input: child.stdout, signal })) {
      if (/^[0-9]+$/.test(line)) return new PythonProvider(`http://127.0.0.1:${line}`, child)
    }
    child.kill('SIGKILL')
    throw new Error('The provider ended without saying its port')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return
    const ended = new Promise((resolve) => this.#child.once('exit', resolve))
    // The end of its input ends it.
    this.#child.stdin?.end()
    await ended
  }
}

/** Runs a table of calls with requests-oauthlib. */
export async function runPeer(callsFile: string, base: string): Promise<void> {
  // Plain http is what is compared; its own check cannot tell loopback from the network.
  const env = { PATH: process.env['PATH'], OAUTHLIB_INSECURE_TRANSPORT: '1', NO_PROXY: '*' }
  await promisify(execFile)(PYTHON, [labFile('requests-oauthlib-peer.py'), callsFile, base], { env })
}
