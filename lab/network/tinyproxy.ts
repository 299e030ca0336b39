import { writeFileSync } from 'node:fs'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { isRoot } from '../processes/users.ts'
import type { NetworkCertificates } from './certificates.ts'

/** tinyproxy: HTTP/1.0 and `Connection: close` wherever it refuses. */
export interface LabTinyproxy {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
}

/**
 * Starts tinyproxy.
 *
 * @param credentials - whom it lets in by Basic; without them everybody.
 */
export async function startTinyproxy(
  folder: LabFolder,
  credentials?: readonly [username: string, password: string],
): Promise<LabTinyproxy> {
  const { port } = await findFreePorts('port')
  const config = folder.file(`tinyproxy-${port}.conf`)
  const lines = [
    ...(isRoot() ? ['User nobody', 'Group nogroup'] : []),
    `Port ${port}`,
    'Listen 127.0.0.1',
    'Timeout 60',
    'MaxClients 200',
    'LogLevel Connect',
    'DisableViaHeader Yes',
    'Allow 127.0.0.1',
    ...(credentials === undefined ? [] : [`BasicAuth ${credentials.join(' ')}`]),
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  await folder.startServer(`tinyproxy-${port}`, 'tinyproxy', ['-d', '-c', config]).untilListening(port)
  return { url: `http://127.0.0.1:${port}` }
}

/**
 * Starts stunnel: TLS in front of another proxy, for those who have a client certificate of the lab's authority.
 *
 * @param proxyUrl - the proxy behind.
 * @returns `https://localhost:<port>`
 */
export async function startStunnel(
  folder: LabFolder,
  { servers, ca }: NetworkCertificates,
  proxyUrl: string,
): Promise<string> {
  const { port } = await findFreePorts('port')
  const config = folder.file(`stunnel-${port}.conf`)
  const lines = [
    'foreground = yes',
    'pid =',
    'syslog = no',
    '[proxy]',
    `accept = 127.0.0.1:${port}`,
    `connect = 127.0.0.1:${new URL(proxyUrl).port}`,
    `cert = ${servers.valid.cert}`,
    `key = ${servers.valid.key}`,
    `CAfile = ${ca}`,
    'verifyChain = yes',
  ]
  writeFileSync(config, `${lines.join('\n')}\n`)
  await folder.startServer(`stunnel-${port}`, 'stunnel4', [config]).untilListening(port)
  return `https://localhost:${port}`
}
