import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { findFreePorts, LabFolder } from '../processes/lab-folder.ts'
import { persistently } from '../processes/persistently.ts'
import { isRoot } from '../processes/users.ts'

const PROGRAMS = {
  'dante-server': '/usr/sbin/danted',
  microsocks: '/usr/bin/microsocks',
  'openssh-client': '/usr/bin/ssh',
  'openssh-server': '/usr/sbin/sshd',
}

/** @returns what to install before these servers can run here, or null if all is there. */
export function missingPackages(): string | null {
  if (!isRoot() && !existsSync('/run/sshd')) return 'sshd needs /run/sshd, which only root can make'
  const missing = Object.entries(PROGRAMS).filter(([, path]) => !existsSync(path))
  return missing.length === 0 ? null : `install ${missing.map(([name]) => name).join(' ')} (lab/debian-packages.txt)`
}

/** A server of Debian's on a free port of the loopback. */
export interface RealProxy extends AsyncDisposable {
  readonly port: number
}

/** SOCKS5, with or without a password. */
export function startMicrosocks(credentials?: readonly [username: string, password: string]): Promise<RealProxy> {
  return start(async (folder) => {
    const { port } = await findFreePorts('port')
    const login = credentials === undefined ? [] : ['-u', credentials[0], '-P', credentials[1]]
    const args = ['-i', '127.0.0.1', '-p', String(port), ...login]
    await folder.startServer('microsocks', PROGRAMS.microsocks, args).untilListening(port)
    return port
  })
}

/** SOCKS4 and 5. */
export function startDante(): Promise<RealProxy> {
  return start(async (folder) => {
    const { port } = await findFreePorts('port')
    const config = folder.file('danted.conf')
    writeFileSync(config, danteConfig(port))
    const args = ['-f', config, '-p', folder.file('pid')]
    await folder.startServer('danted', PROGRAMS['dante-server'], args).untilListening(port)
    return port
  })
}

function danteConfig(port: number): string {
  return `logoutput: stderr
internal: 127.0.0.1 port = ${port}
external: 127.0.0.1
clientmethod: none
socksmethod: none
user.privileged: ${isRoot() ? 'root' : 'nobody'}
user.unprivileged: nobody
client pass {
  from: 127.0.0.0/8 to: 0.0.0.0/0
}
socks pass {
  from: 127.0.0.0/8 to: 0.0.0.0/0
  protocol: tcp
  proxyprotocol: socks_v4 socks_v5
}
`
}

/** OpenSSH's dynamic forwarding: SOCKS4, 4a and 5, with names resolved on the other side. */
export function startOpenSsh(): Promise<RealProxy> {
  return start(async (folder) => {
    const ports = await findFreePorts('ssh', 'socks')
    const [hostKey, key] = [folder.file('host'), folder.file('id')]
    for (const file of [hostKey, key]) await folder.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', file])
    const config = folder.file('sshd_config')
    writeFileSync(config, sshdConfig(ports.ssh, hostKey, key))
    // It insists on this folder, which its service makes.
    if (isRoot()) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
    const sshd = folder.startServer('sshd', PROGRAMS['openssh-server'], ['-D', '-e', '-f', config])
    await sshd.untilListening(ports.ssh)
    const forward = ['-F', 'none', '-N', '-p', String(ports.ssh), '-i', key, '-D', `127.0.0.1:${ports.socks}`]
    const options = [
      'StrictHostKeyChecking=no',
      'UserKnownHostsFile=/dev/null',
      'LogLevel=ERROR',
      'ExitOnForwardFailure=yes',
    ]
    const args = [...forward, ...options.flatMap((one) => ['-o', one]), `${userInfo().username}@127.0.0.1`]
    await folder.startServer('ssh', PROGRAMS['openssh-client'], args).untilListening(ports.socks)
    return ports.socks
  })
}

function sshdConfig(port: number, hostKey: string, key: string): string {
  return `Port ${port}
ListenAddress 127.0.0.1
HostKey ${hostKey}
AuthorizedKeysFile ${key}.pub
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
PermitRootLogin yes
AllowTcpForwarding yes
`
}

/** @param launch - starts the servers, and gives the port of the proxy. */
function start(launch: (folder: LabFolder) => Promise<number>): Promise<RealProxy> {
  return persistently(async () => {
    const folder = new LabFolder()
    try {
      return { port: await launch(folder), [Symbol.asyncDispose]: () => folder.remove() }
    } catch (error) {
      await folder.remove()
      throw error
    }
  })
}
