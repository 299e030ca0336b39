import { randomUUID } from 'node:crypto'
import { createHash } from 'node:crypto'
import { chownSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { ServerLog } from '../processes/server-log.ts'
import { isRoot, userIds } from '../processes/users.ts'
import type { NetworkCertificates } from './certificates.ts'

/** Whom the proxies that ask let in. */
export const proxyUser = 'bob'
export const proxyPassword = 'pr0xy:p@ss'

/** How Squid asks who somebody is; `open` for not at all. */
export type SquidScheme = 'open' | 'basic' | 'digest'

/** Squid as a forward proxy. It forbids hosts below `blocked.test`, and knows `origin.test` and `other.test` to be this machine. */
export interface LabSquid {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** `https://localhost:<port>`: the same, spoken to over TLS. */
  readonly tlsUrl: string
  /** A CONNECT is in it when its tunnel has ended. */
  readonly log: ServerLog
}

/** Starts Squid. */
export async function startSquid(
  folder: LabFolder,
  certificates: NetworkCertificates,
  scheme: SquidScheme,
): Promise<LabSquid> {
  const ports = await findFreePorts('plain', 'tls')
  const name = `squid${ports.plain}`
  const home = folder.makeFolder(name)
  const accessLog = folder.file(name, 'access.log')
  writeFileSync(folder.file(name, 'hosts'), '127.0.0.1 localhost origin.test other.test\n')
  writeFileSync(folder.file(name, 'squid.conf'), squidConfig(home, ports, scheme, certificates))
  writeFileSync(folder.file(name, 'digest'), `${proxyUser}:lab:${md5(`${proxyUser}:lab:${proxyPassword}`)}\n`)
  const hash = await folder.run('openssl', ['passwd', '-apr1', proxyPassword])
  writeFileSync(folder.file(name, 'basic'), `${proxyUser}:${hash}`)
  // Root's rights are not needed, and Squid, which would drop them, could not be ended reliably after.
  const owner = isRoot() ? userIds('proxy') : null
  if (owner !== null) chownSync(home, owner.uid, owner.gid)
  // The service's name is part of the names of its shared memory, which the whole machine sees.
  const args = ['-N', '-n', folder.uniqueName + ports.plain, '-f', folder.file(name, 'squid.conf')]
  const server = folder.startServer(name, 'squid', args, owner === null ? {} : { owner })
  await server.untilListening(ports.tls)
  return {
    url: `http://127.0.0.1:${ports.plain}`,
    tlsUrl: `https://localhost:${ports.tls}`,
    log: new ServerLog(accessLog, () => settle(ports.plain)),
  }
}

const AUTHENTICATION: Readonly<Record<SquidScheme, (home: string) => string>> = {
  open: () => 'http_access allow localhost',
  basic: (home) => `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${home}/basic
auth_param basic realm lab
auth_param basic children 2 startup=1 idle=1
${SIGNED_IN}`,
  // A nonce is good for three requests: with the next one it is stale.
  digest: (home) => `auth_param digest program /usr/lib/squid/digest_file_auth -c ${home}/digest
auth_param digest realm lab
auth_param digest children 2 startup=1 idle=1
auth_param digest nonce_max_count 3
${SIGNED_IN}`,
}

const SIGNED_IN = 'acl signed_in proxy_auth REQUIRED\nhttp_access allow signed_in'

function squidConfig(
  home: string,
  ports: Readonly<Record<'plain' | 'tls', number>>,
  scheme: SquidScheme,
  { servers }: NetworkCertificates,
): string {
  return `http_port 127.0.0.1:${ports.plain}
https_port 127.0.0.1:${ports.tls} tls-cert=${servers.valid.cert} tls-key=${servers.valid.key}
visible_hostname localhost
hosts_file ${home}/hosts
pinger_enable off
acl blocked dstdomain .blocked.test
http_access deny blocked
${AUTHENTICATION[scheme](home)}
http_access deny all
cache deny all
cache_mem 8 MB
memory_pools off
forwarded_for delete
pid_filename ${home}/squid.pid
cache_log ${home}/cache.log
coredump_dir none
client_persistent_connections on
shutdown_lifetime 0 seconds
# Tab-separated, as server-log.ts reads it.
logformat lab %>lp\t%>p\t-\t%>Hs\t%un\t%rm\t%ru\t%>st\tHTTP/%rv
acl settling url_regex lab-settled-
access_log stdio:${home}/access.log lab !settling
access_log stdio:${home}/settled.log lab settling
`
}

function md5(text: string): string {
  return createHash('md5').update(text).digest('hex')
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
