import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { rm } from 'node:fs/promises'
import type { LabCertificates } from './certificates.ts'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { labRealm } from './lab-users.ts'
import { labSources } from './lab-sources.ts'
import { isRoot, userIds } from '../processes/users.ts'
import { ServerLog } from '../processes/server-log.ts'

const locations = ['open', 'krb', 'krbconn', 'krbbasic', 'deleg', 'session', 'ntlm', 'nego', 'ntlmclosed'] as const

/**
 * Apache with mod_auth_gssapi and gss-ntlmssp.
 *
 * Paths: `/<location>/echo` answers who asked; `/<location>/sum` hashes the body; `/<location>/index.html` is a file.
 * Locations: `open`; `krb`, a token with each request; `krbconn`, one for a connection; `krbbasic`, Basic too;
 * `deleg`, keeps delegated credentials; `session`, one token and a cookie; `ntlm`; `nego`, both; `ntlmclosed`, whose
 * challenge closes the connection. Users of NTLM are in the domain LABDOM.
 */
export interface LabApache {
  /** `http://localhost:<port>` */
  readonly url: string
  /** `https://localhost:<port>`: HTTP/2 and HTTP/1.1. */
  readonly tlsUrl: string
  /** `http://localhost:<port>`: the same server, whose idle connections are closed after one second. */
  readonly shortLivedUrl: string
  readonly log: ServerLog
  /** `FILE:/…` of the credentials that a client delegated to `/deleg`; `null` if none. */
  delegatedCcache(user: 'alice' | 'bob'): string | null
  /** Removes delegated credentials. */
  forgetDelegated(): Promise<void>
}

/** Starts Apache; `gssEnv` is what the GSSAPI of its process reads. */
export async function startApache(
  folder: LabFolder,
  certificates: LabCertificates,
  gssEnv: Readonly<Record<string, string>>,
): Promise<LabApache> {
  const ports = await findFreePorts('http', 'https', 'short', 'status')
  for (const name of locations) {
    mkdirSync(folder.file('apache', 'htdocs', name), { recursive: true })
    writeFileSync(folder.file('apache', 'htdocs', name, 'index.html'), `hello ${name}\n`)
  }
  const delegated = folder.makeFolder('apache/deleg')
  const owner = isRoot() ? userIds('www-data') : null
  if (owner !== null) chownSync(delegated, owner.uid, owner.gid)
  const env = {
    ...gssEnv,
    LAB: folder.path,
    LAB_SOURCES: labSources,
    LAB_CERTIFICATE: certificates.sha256,
    LAB_KEY: certificates.key,
    HTTP_PORT: String(ports.http),
    HTTPS_PORT: String(ports.https),
    SHORT_PORT: String(ports.short),
    STATUS_PORT: String(ports.status),
  }
  const args = ['-f', join(labSources, 'apache', 'httpd.conf'), '-D', 'FOREGROUND']
  const server = folder.startServer('apache', 'apache2', args, { env })
  await server.until('answers', () => isSettled(ports.status).catch(() => false))
  return {
    url: `http://localhost:${ports.http}`,
    tlsUrl: `https://localhost:${ports.https}`,
    shortLivedUrl: `http://localhost:${ports.short}`,
    log: new ServerLog(folder.file('log', 'apache-access.log'), () => settle(ports.status)),
    delegatedCcache: (user) => {
      const path = join(delegated, `${user}@${labRealm}`)
      return existsSync(path) ? `FILE:${path}` : null
    },
    forgetDelegated: async () => {
      await Promise.all(readdirSync(delegated).map((name) => rm(join(delegated, name))))
    },
  }
}

/** A worker logs its request before it is idle again: wait until only the one that tells this is busy. */
async function settle(statusPort: number): Promise<void> {
  const deadline = Date.now() + 2_000
  while (!(await isSettled(statusPort)) && Date.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

function isSettled(statusPort: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port: statusPort, path: '/?auto', agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (part: string) => (text += part))
      response.on('end', () => resolve(/^BusyWorkers: 1$/m.test(text)))
    })
    request.on('error', reject)
  })
}
