import { spawn, execFile, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { promisify } from 'node:util'

/** Debian's interpreter: the one that sees Debian's Python packages, whatever else is on the PATH. */
export const PYTHON = '/usr/bin/python3'
const GUNICORN = '/usr/bin/gunicorn'
const START_LIMIT_MS = 10_000
const STOP_LIMIT_MS = 5_000

export interface HttpbinServer {
  readonly base: string
  stop(): Promise<void>
}

/** @returns what to install before httpbin can run here, or null if all is there. */
export async function missingPackages(): Promise<string | null> {
  const hint = 'install python3-httpbin gunicorn python3-requests python3-brotli (lab/debian-packages.txt)'
  if (!existsSync(PYTHON) || !existsSync(GUNICORN)) return hint
  const imports = promisify(execFile)(PYTHON, ['-c', 'import httpbin, requests, brotli'])
  return imports.then(
    () => null,
    () => hint,
  )
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no TCP port to be had')
  return address.port
}

function answers(url: string): Promise<boolean> {
  return new Promise((resolve) => {
    const request = get(url, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    request.on('error', () => resolve(false))
  })
}

async function untilItAnswers(base: string, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`gunicorn ended with ${child.exitCode}:\n${log()}`)
    if (await answers(`${base}/get`)) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`httpbin did not answer within ${START_LIMIT_MS} ms:\n${log()}`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS)
  child.kill('SIGTERM')
  await ended
  clearTimeout(force)
}

/** Starts httpbin under gunicorn on a free port of loopback; resolves once it answers. */
export async function startHttpbin(): Promise<HttpbinServer> {
  const port = await freePort()
  const base = `http://127.0.0.1:${port}`
  const settings = ['-b', `127.0.0.1:${port}`, '-w', '2', '--threads', '8', '-k', 'gthread', '--graceful-timeout', '1']
  const child = spawn(PYTHON, [GUNICORN, ...settings, 'httpbin:app'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += String(text)))
  try {
    await untilItAnswers(base, child, () => log)
  } catch (error) {
    await stop(child)
    throw error
  }
  return { base, stop: () => stop(child) }
}
