import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer, type AddressInfo } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const START_LIMIT_MS = 10_000

const PROGRAMS = {
  'dante-server': '/usr/sbin/danted',
  microsocks: '/usr/bin/microsocks',
  'openssh-client': '/usr/bin/ssh',
  'openssh-server': '/usr/sbin/sshd',
}

/** @returns what to install before these servers can run here, or null if all is there. */
export function missingPackages(): string | null {
  if (process.getuid?.() !== 0 && !existsSync('/run/sshd')) return 'sshd needs /run/sshd, which only root can make'
  const missing = Object.entries(PROGRAMS).filter(([, path]) => !existsSync(path))
  return missing.length === 0 ? null : `install ${missing.map(([name]) => name).join(' ')} (lab/debian-packages.txt)`
}

/** A server of Debian's on a free port of the loopback. */
export interface RealProxy extends AsyncDisposable {
  readonly port: number
}

/** SOCKS5, with or without a password. */
export function startMicrosocks(credentials?: readonly [username: string, password: string]): Promise<RealProxy> {
  return persistently(() => launchMicrosocks(credentials))
}

async function launchMicrosocks(credentials?: readonly [username: string, password: string]): Promise<RealProxy> {
  const port = await freePort()
  const login = credentials === undefined ? [] : ['-u', credentials[0], '-P', credentials[1]]
  return running(port, [spawnServer(PROGRAMS.microsocks, ['-i', '127.0.0.1', '-p', String(port), ...login])])
}

/** SOCKS4 and 5. */
export function startDante(): Promise<RealProxy> {
  return persistently(launchDante)
}

async function launchDante(): Promise<RealProxy> {
  const port = await freePort()
  const folder = await mkdtemp(join(tmpdir(), 'entreat-dante-'))
  const config = join(folder, 'danted.conf')
  await writeFile(
    config,
    `logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: ${process.getuid?.() === 0 ? 'root' : 'nobody'}
user.unprivileged: nobody
client pass {
  from: 127.0.0.0/8 to: 0.0.0.0/0
}
socks pass {
  from: 127.0.0.0/8 to: 0.0.0.0/0
  protocol: tcp
  proxyprotocol: socks_v4 socks_v5
}
`,
  )
  return running(port, [spawnServer(PROGRAMS['dante-server'], ['-f', config, '-p', join(folder, 'pid')])], folder)
}

/** OpenSSH's dynamic forwarding: SOCKS4, 4a and 5, with names resolved on the other side. */
export function startOpenSsh(): Promise<RealProxy> {
  return persistently(launchOpenSsh)
}

async function launchOpenSsh(): Promise<RealProxy> {
  const folder = await mkdtemp(join(tmpdir(), 'entreat-ssh-'))
  const [hostKey, key] = [join(folder, 'host'), join(folder, 'id')]
  for (const file of [hostKey, key])
    await promisify(execFile)('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
  const [sshPort, port] = [await freePort(), await freePort()]
  const config = join(folder, 'sshd_config')
  await writeFile(
    config,
    `Port ${sshPort}
ListenAddress 127.0.0.1
HostKey ${hostKey}
AuthorizedKeysFile ${key}.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
AllowTcpForwarding yes
`,
  )
  // It insists on this folder, which its service makes.
  if (process.getuid?.() === 0) await promisify(execFile)('mkdir', ['-p', '-m', '755', '/run/sshd'])
  const sshd = spawnServer(PROGRAMS['openssh-server'], ['-D', '-e', '-f', config])
  await listening(sshPort, sshd)
  const options = [
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
    'ExitOnForwardFailure=yes',
  ]
  const login = ['-F', 'none', '-N', '-p', String(sshPort), '-i', key, '-D', `127.0.0.1:${port}`]
  const target = `${userInfo().username}@127.0.0.1`
  const ssh = spawnServer(PROGRAMS['openssh-client'], [...login, ...options.flatMap((one) => ['-o', one]), target])
  return running(port, [ssh, sshd], folder)
}

/** A port that was free may be taken by the time the server asks for it: then once more with another. */
async function persistently(launch: () => Promise<RealProxy>): Promise<RealProxy> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch()
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

interface ServerProcess {
  readonly child: ChildProcess
  readonly log: () => string
}

function spawnServer(program: string, args: readonly string[]): ServerProcess {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => (log += String(text)))
  return { child, log: () => log }
}

/** Waits until the first one listens; stops them all in order. */
async function running(port: number, servers: readonly ServerProcess[], folder?: string): Promise<RealProxy> {
  const stop = async (): Promise<void> => {
    for (const { child } of servers) await end(child)
    if (folder !== undefined) await rm(folder, { recursive: true, force: true })
  }
  try {
    await listening(port, servers[0] as ServerProcess)
  } catch (error) {
    await stop()
    throw error
  }
  return { port, [Symbol.asyncDispose]: stop }
}

async function listening(port: number, { child, log }: ServerProcess): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS
  let accepted = 0
  while (Date.now() < deadline && child.exitCode === null) {
    accepted = (await accepts(port)) ? accepted + 1 : 0
    // Twice, for somebody else may have the port, and the server is about to find out.
    if (accepted === 2) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`${child.spawnfile} does not listen on ${port} (exit code ${child.exitCode}):\n${log()}`)
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
