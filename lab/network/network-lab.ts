import { accessSync, constants } from 'node:fs'
import { LabFolder } from '../processes/lab-folder.ts'
import { persistently } from '../processes/persistently.ts'
import { makeNetworkCertificates, type NetworkCertificates } from './certificates.ts'
import { type LabNginx, startNginx } from './nginx.ts'
import { type LabSquid, type SquidScheme, startSquid } from './squid.ts'
import { type LabTinyproxy, startStunnel, startTinyproxy } from './tinyproxy.ts'

export { type NetworkCertificates, passphrase } from './certificates.ts'
export type { LabNginx, NginxFace, NginxView } from './nginx.ts'
export { type LabSquid, proxyPassword, proxyUser } from './squid.ts'

/** A file of each Debian package that a server needs. */
const PACKAGES = {
  nginx: ['nginx-light', '/usr/sbin/nginx'],
  squid: ['squid', '/usr/lib/squid/digest_file_auth'],
  stunnel: ['stunnel4', '/usr/bin/stunnel4'],
  tinyproxy: ['tinyproxy', '/usr/bin/tinyproxy'],
} as const

export type NetworkServer = keyof typeof PACKAGES

/**
 * Says why a lab with these servers cannot start on this machine, for `ctx.skip()`.
 *
 * @returns a sentence with the Debian packages to install, or `null` if it can.
 */
export function networkLabProblem(...servers: readonly NetworkServer[]): string | null {
  if (process.platform !== 'linux') return `the network lab runs on Linux alone, and this is ${process.platform}`
  const needed = [...servers.map((server) => PACKAGES[server]), ['openssl', '/usr/bin/openssl'] as const]
  const missing = needed.filter(([, path]) => !isReadable(path)).map(([name]) => name)
  return missing.length === 0 ? null : `the network lab needs Debian's ${missing.join(', ')} (lab/debian-packages.txt)`
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}

/** Real proxies and TLS servers on free ports of loopback, their files in a fresh folder. Nothing outlives this process. */
export class NetworkLab {
  readonly folder: LabFolder
  readonly certificates: NetworkCertificates

  private constructor(folder: LabFolder, certificates: NetworkCertificates) {
    this.folder = folder
    this.certificates = certificates
  }

  /** Makes the folder and the certificates; servers are started one by one. */
  static async open(): Promise<NetworkLab> {
    const folder = new LabFolder()
    try {
      return new NetworkLab(folder, await makeNetworkCertificates(folder))
    } catch (error) {
      await folder.remove()
      throw error
    }
  }

  startNginx(): Promise<LabNginx> {
    return persistently(() => startNginx(this.folder, this.certificates))
  }

  startSquid(scheme: SquidScheme): Promise<LabSquid> {
    return persistently(() => startSquid(this.folder, this.certificates, scheme))
  }

  /** @param credentials - whom it lets in by Basic; without them everybody. */
  startTinyproxy(credentials?: readonly [username: string, password: string]): Promise<LabTinyproxy> {
    return persistently(() => startTinyproxy(this.folder, credentials))
  }

  /** TLS in front of another proxy, for those with a client certificate. @returns its `https:` URL. */
  startStunnel(proxyUrl: string): Promise<string> {
    return persistently(() => startStunnel(this.folder, this.certificates, proxyUrl))
  }

  /** Ends all processes and removes the folder. */
  stop(): Promise<void> {
    return this.folder.remove()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}
