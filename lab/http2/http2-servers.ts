import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const START_LIMIT_MS = 10_000

const PROGRAMS = {
  'nghttp2-server': '/usr/sbin/nghttpd',
  'nghttp2-proxy': '/usr/sbin/nghttpx',
  'nginx-light': '/usr/sbin/nginx',
}

/** What to install before these servers can run here, or `null` if all is there. */
export function missingHttp2Packages(): string | null {
  const missing = Object.entries(PROGRAMS).filter(([, path]) => !existsSync(path))
  return missing.length === 0 ? null : `install ${missing.map(([name]) => name).join(' ')} (lab/debian-packages.txt)`
}

/** Certificate and key of `localhost`, as PEM text. */
export interface ServerCertificate {
  readonly cert: string
  readonly key: string
}

/** A server of Debian's on a free port of the loopback. */
export interface RealHttp2Server extends AsyncDisposable {
  /** `https://localhost:PORT` */
  readonly url: string
}

/** Files by name, as the servers have them in their root. */
export type Files = Readonly<Record<string, Uint8Array>>

/**
 * nghttp2's own server.
 *
 * @param options - of its command line, such as `--echo-upload`.
 */
export function startNghttpd(
  certificate: ServerCertificate,
  files: Files,
  options: readonly string[] = [],
): Promise<RealHttp2Server> {
  return persistently(certificate, files, (folder, port) => {
    const own = ['-a', '127.0.0.1', '-d', join(folder, 'files'), ...options]
    return Promise.resolve([
      PROGRAMS['nghttp2-server'],
      ...own,
      String(port),
      join(folder, 'key.pem'),
      join(folder, 'cert.pem'),
    ])
  })
}

/** nghttp2's proxy in front of a server that speaks HTTP/1.1 on this port. */
export function startNghttpx(certificate: ServerCertificate, backendPort: number): Promise<RealHttp2Server> {
  return persistently(certificate, {}, (folder, port) =>
    Promise.resolve([
      PROGRAMS['nghttp2-proxy'],
      '--conf=/dev/null',
      `--frontend=127.0.0.1,${port}`,
      `--backend=127.0.0.1,${backendPort}`,
      '--workers=1',
      `--errorlog-file=${join(folder, 'error.log')}`,
      join(folder, 'key.pem'),
      join(folder, 'cert.pem'),
    ]),
  )
}

/**
 * nginx.
 *
 * @param settings - directives of its server block, such as `keepalive_requests 10;`.
 */
export function startNginx(certificate: ServerCertificate, files: Files, settings = ''): Promise<RealHttp2Server> {
  return persistently(certificate, files, async (folder, port) => {
    const configuration = join(folder, 'nginx.conf')
    await writeFile(configuration, nginxConfiguration(folder, port, settings))
    return [PROGRAMS['nginx-light'], '-e', join(folder, 'error.log'), '-p', folder, '-c', configuration]
  })
}

function nginxConfiguration(folder: string, port: number, settings: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  return `
    daemon off; pid ${folder}/pid; worker_processes 1; ${process.getuid?.() === 0 ? 'user root;' : ''}
    events { worker_connections 512; }
    http {
      access_log off; ${temporary.join(' ')}
      client_max_body_size 0;
      ssl_certificate ${folder}/cert.pem; ssl_certificate_key ${folder}/key.pem;
      server {
        listen 127.0.0.1:${port} ssl http2;
        root ${folder}/files;
        location = /protocol { return 200 "$server_protocol"; }
        location = /connection { return 200 "$connection"; }
        ${settings}
      }
    }`
}

type Command = (folder: string, port: number) => Promise<readonly string[]>

/** A port that was free may be taken by the time the server asks for it: then once more with another. */
async function persistently(certificate: ServerCertificate, files: Files, command: Command): Promise<RealHttp2Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(certificate, files, command)
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

async function launch(certificate: ServerCertificate, files: Files, command: Command): Promise<RealHttp2Server> {
  const folder = await mkdtemp(join(tmpdir(), 'entreat-http2-'))
  await writeFile(join(folder, 'cert.pem'), certificate.cert)
  await writeFile(join(folder, 'key.pem'), certificate.key, { mode: 0o600 })
  await mkdir(join(folder, 'files'))
  for (const [name, bytes] of Object.entries(files)) await writeFile(join(folder, 'files', name), bytes)
  const port = await freePort()
  const [program, ...args] = await command(folder, port)
  const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += String(text)))
  const stop = async (): Promise<void> => {
    await end(child)
    await rm(folder, { recursive: true, force: true })
  }
  if (!(await listens(port, child))) {
    await stop()
    throw new Error(`${program} does not listen on ${port} (exit code ${child.exitCode}):\n${log}`)
  }
  return { url: `https://localhost:${port}`, [Symbol.asyncDispose]: stop }
}

async function listens(port: number, child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + START_LIMIT_MS
  let accepted = 0
  while (Date.now() < deadline && child.exitCode === null) {
    accepted = (await accepts(port)) ? accepted + 1 : 0
    // Twice, for somebody else may have the port, and the server is about to find out.
    if (accepted === 2) return true
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return false
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = once(child, 'exit')
  const force = setTimeout(() => child.kill('SIGKILL'), 5000)
  child.kill('SIGTERM')
  await gone
  clearTimeout(force)
}

async function freePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
