import { chownSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { randomUUID } from 'node:crypto'
import type { LabCertificates } from './certificates.ts'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { isRoot, userIds } from '../processes/users.ts'
import { ServerLog } from '../processes/server-log.ts'
import type { LabWinbind } from './winbind.ts'

/** Squid, which asks everybody for Negotiate (Kerberos) or NTLM. Users of NTLM are in the domain LABSRV. */
export interface LabSquid {
  /** `http://localhost:<port>`: a forward proxy. */
  readonly proxyUrl: string
  /** `https://localhost:<port>`: the same, spoken to over TLS. */
  readonly tlsProxyUrl: string
  /** `http://localhost:<port>`: a reverse proxy before Apache, thus an origin server with another NTLM. */
  readonly reverseUrl: string
  /** A CONNECT is in it when its tunnel has ended. */
  readonly log: ServerLog
}

/** What Squid is set up with; without `winbind` it offers no NTLM. */
export interface SquidSetup {
  readonly certificates: LabCertificates
  readonly keytab: string | null
  readonly winbind: LabWinbind | null
  /** Port of the origin server behind the reverse proxy. */
  readonly originPort: number | null
  readonly gssEnv: Readonly<Record<string, string>>
}

/** Starts Squid. */
export async function startSquid(folder: LabFolder, setup: SquidSetup): Promise<LabSquid> {
  const ports = await findFreePorts('forward', 'tls', 'reverse')
  const home = folder.makeFolder('squid')
  // Root's rights are not needed, and Squid, which would drop them, could not be ended reliably after.
  const owner = isRoot() ? userIds('proxy') : null
  const accessLog = folder.file('squid', 'access.log')
  writeFileSync(folder.file('squid', 'hosts'), '127.0.0.1 localhost web.test.local proxy.test.local\n')
  writeFileSync(folder.file('squid', 'squid.conf'), squidConfig(home, accessLog, ports, setup))
  if (owner !== null) chownSync(home, owner.uid, owner.gid)
  // The service's name is part of the names of its shared memory, which the whole machine sees.
  const args = ['-N', '-n', folder.uniqueName, '-f', folder.file('squid', 'squid.conf')]
  const server = folder.startServer('squid', 'squid', args, {
    env: setup.gssEnv,
    ...(owner === null ? {} : { owner }),
  })
  await server.untilListening(ports.reverse)
  return {
    proxyUrl: `http://localhost:${ports.forward}`,
    tlsProxyUrl: `https://localhost:${ports.tls}`,
    reverseUrl: `http://localhost:${ports.reverse}`,
    log: new ServerLog(accessLog, () => settle(ports.forward)),
  }
}

type SquidPorts = Readonly<Record<'forward' | 'tls' | 'reverse', number>>

function squidConfig(home: string, accessLog: string, ports: SquidPorts, setup: SquidSetup): string {
  const { certificates } = setup
  return `http_port 127.0.0.1:${ports.forward}
https_port 127.0.0.1:${ports.tls} tls-cert=${certificates.sha256} tls-key=${certificates.key}
http_port 127.0.0.1:${ports.reverse} accel defaultsite=localhost
visible_hostname localhost
hosts_file ${home}/hosts
pinger_enable off
${helpers(setup)}
acl signed_in proxy_auth REQUIRED
acl reverse myportname 127.0.0.1:${ports.reverse}
http_access allow signed_in
http_access deny all
${originServer(setup)}
cache deny all
cache_mem 8 MB
memory_pools off
pid_filename ${home}/squid.pid
cache_log ${home}/cache.log
coredump_dir none
client_persistent_connections on
shutdown_lifetime 0 seconds
# Tab-separated, as server-log.ts reads it.
logformat lab %>lp\t%>p\t-\t%>Hs\t%un\t%rm\t%ru\t%>st\tHTTP/%rv
acl settling url_regex lab-settled-
access_log stdio:${accessLog} lab !settling
access_log stdio:${home}/settled.log lab settling
`
}

function helpers({ keytab, winbind }: SquidSetup): string {
  const lines: string[] = []
  if (keytab !== null) {
    lines.push(
      `auth_param negotiate program /usr/lib/squid/negotiate_kerberos_auth -k ${keytab} -s GSS_C_NO_NAME`,
      'auth_param negotiate children 8 startup=1 idle=1',
      'auth_param negotiate keep_alive on',
    )
  }
  if (winbind !== null) {
    lines.push(
      `auth_param ntlm program ${winbind.helper}`,
      'auth_param ntlm children 20 startup=1 idle=1',
      'auth_param ntlm keep_alive on',
    )
  }
  return lines.join('\n')
}

function originServer({ originPort }: SquidSetup): string {
  if (originPort === null) return ''
  return `cache_peer 127.0.0.1 parent ${originPort} 0 no-query no-digest originserver name=origin
cache_peer_access origin allow reverse
cache_peer_access origin deny all
never_direct allow reverse`
}

/** Squid is one thread and writes a line in the turn in which the response ends: one answer more, and they are there. */
function settle(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const path = `http://localhost/lab-settled-${randomUUID()}`
    const request = get({ host: '127.0.0.1', port, path, agent: false }, (response) => {
      response.resume().once('end', resolve)
    })
    request.once('error', reject)
  })
}
