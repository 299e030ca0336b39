import { existsSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { findFreePorts, LabFolder } from '../processes/lab-folder.ts'
import { persistently } from '../processes/persistently.ts'

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
  return start(certificate, files, (folder, port) => [
    PROGRAMS['nghttp2-server'],
    '-a',
    '127.0.0.1',
    '-d',
    folder.file('files'),
    ...options,
    String(port),
    folder.file('key.pem'),
    folder.file('cert.pem'),
  ])
}

/** nghttp2's proxy in front of a server that speaks HTTP/1.1 on this port. */
export function startNghttpx(certificate: ServerCertificate, backendPort: number): Promise<RealHttp2Server> {
  return start(certificate, {}, (folder, port) => [
    PROGRAMS['nghttp2-proxy'],
    '--conf=/dev/null',
    `--frontend=127.0.0.1,${port}`,
    `--backend=127.0.0.1,${backendPort}`,
    '--workers=1',
    `--errorlog-file=${folder.file('error.log')}`,
    folder.file('key.pem'),
    folder.file('cert.pem'),
  ])
}

/**
 * nginx.
 *
 * @param settings - directives of its server block, such as `keepalive_requests 10;`.
 */
export function startNginx(certificate: ServerCertificate, files: Files, settings = ''): Promise<RealHttp2Server> {
  return start(certificate, files, (folder, port) => {
    const configuration = folder.file('nginx.conf')
    writeFileSync(configuration, nginxConfiguration(folder.path, port, settings))
    return [PROGRAMS['nginx-light'], '-e', folder.file('error.log'), '-p', folder.path, '-c', configuration]
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

/** The program and its arguments. */
type Command = (folder: LabFolder, port: number) => readonly string[]

function start(certificate: ServerCertificate, files: Files, command: Command): Promise<RealHttp2Server> {
  return persistently(() => launch(certificate, files, command))
}

async function launch(certificate: ServerCertificate, files: Files, command: Command): Promise<RealHttp2Server> {
  const folder = new LabFolder()
  try {
    writeFileSync(folder.file('cert.pem'), certificate.cert)
    writeFileSync(folder.file('key.pem'), certificate.key, { mode: 0o600 })
    const home = folder.makeFolder('files')
    for (const [name, bytes] of Object.entries(files)) writeFileSync(join(home, name), bytes)
    const { port } = await findFreePorts('port')
    const [program = '', ...args] = command(folder, port)
    await folder.startServer(basename(program), program, args).untilListening(port)
    return { url: `https://localhost:${port}`, [Symbol.asyncDispose]: () => folder.remove() }
  } catch (error) {
    await folder.remove()
    throw error
  }
}
