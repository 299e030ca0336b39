import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const NGINX = '/usr/sbin/nginx'

/** Why nginx cannot be asked, or `null`. */
export function missingNginx(): string | null {
  return existsSync(NGINX) && spawnSync(NGINX, ['-v']).status === 0 ? null : 'nginx-light is not installed'
}

/** Debian's nginx on a free loopback port, serving one folder, slowly below `/slow/`. */
export class Nginx {
  readonly url: string
  readonly #child: ChildProcess

  private constructor(url: string, child: ChildProcess) {
    this.url = url
    this.#child = child
  }

  /** @param folder - its own files go to `.nginx` below it. */
  static async start(folder: string): Promise<Nginx> {
    const own = join(folder, '.nginx')
    mkdirSync(own, { recursive: true })
    for (let attempt = 1; ; attempt++) {
      const port = await freePort()
      const configuration = join(own, 'nginx.conf')
      writeFileSync(configuration, configurationFor(folder, own, port))
      const child = spawn(NGINX, ['-e', join(own, 'error.log'), '-p', own, '-c', configuration], { stdio: 'ignore' })
      if (await listens(port, child)) return new Nginx(`http://127.0.0.1:${port}`, child)
      if (attempt === 3) throw new Error('nginx did not start')
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGTERM')
    await gone
  }
}

function configurationFor(folder: string, own: string, port: number): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${own}/${name};`,
  )
  return `
    daemon off; pid ${own}/pid; worker_processes 1; user root;
    events { worker_connections 128; }
    http {
      access_log off; ${temporary.join(' ')}
      server {
        listen 127.0.0.1:${port};
        root ${folder};
        location /slow/ { alias ${folder}/; limit_rate 4m; }
        location /weak/ { alias ${folder}/; etag off; if_modified_since off; add_header Last-Modified ""; }
      }
    }`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

async function listens(port: number, child: ChildProcess): Promise<boolean> {
  for (let attempt = 0; attempt < 100 && child.exitCode === null; attempt++) {
    const socket = connect(port, '127.0.0.1')
    const connected = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (connected) return true
    await sleep(50)
  }
  return false
}
