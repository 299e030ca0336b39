import { testCertificates } from '@entreat/testkit'
// @ts-expect-error: a JavaScript module without types
import * as servers from '../../../../lab/ftp/ftp-servers.mjs'

export interface Started {
  readonly port: number
  readonly pid: number
  stop(signal?: NodeJS.Signals): Promise<void>
  log(): string
}

export interface Proftpd extends Started {
  readonly implicitPort: number
  readonly slowPort: number
  readonly strictPort: number
}

interface Folder {
  readonly folder: string
  readonly home: string
  readonly uid: number
  readonly gid: number
  remove(): void
}

interface CertificateFiles {
  readonly cert: string
  readonly key: string
}

interface Servers {
  readonly user: string
  readonly password: string
  missingServers(): string | null
  createFolder(): Folder
  writeCertificate(folder: string, material: { cert: string; key: string; ca: string }): CertificateFiles
  startVsftpd(options: {
    folder: string
    tls?: CertificateFiles
    implicit?: boolean
    requireReuse?: boolean
    requireTls?: boolean
    extra?: Record<string, string | number>
    host?: string
  }): Promise<Started>
  startProftpd(options: Folder & { tls: CertificateFiles }): Promise<Proftpd>
  startPureftpd(options: Folder & { tls?: CertificateFiles; quotaMegabytes?: number }): Promise<Started>
}

const lab = servers as Servers

/** What keeps real servers from running here, or `null`. In CI nothing may. */
export const missing: string | null = lab.missingServers()
export const credentials = [lab.user, lab.password] as const

/** Real servers over one folder, all ended by `close()`. */
export class Lab {
  readonly #folder = lab.createFolder()
  readonly #certificate: CertificateFiles
  readonly #started: Started[] = []

  constructor() {
    const { server, ca } = testCertificates()
    this.#certificate = lab.writeCertificate(this.#folder.folder, { ...server, ca })
  }

  /** What the user sees, as a path on this machine. */
  get home(): string {
    return this.#folder.home
  }

  /** The user and group that must own what the user may change. */
  get owner(): readonly [uid: number, gid: number] {
    return [this.#folder.uid, this.#folder.gid]
  }

  get ca(): string {
    return testCertificates().ca
  }

  async vsftpd(
    options: {
      implicit?: boolean
      requireReuse?: boolean
      requireTls?: boolean
      extra?: Record<string, string | number>
      host?: string
    } = {},
  ): Promise<Started> {
    return this.#keep(await lab.startVsftpd({ folder: this.#folder.folder, tls: this.#certificate, ...options }))
  }

  async proftpd(): Promise<Proftpd> {
    return this.#keep(await lab.startProftpd({ ...this.#folder, tls: this.#certificate }))
  }

  async pureftpd(options: { quotaMegabytes?: number } = {}): Promise<Started> {
    return this.#keep(await lab.startPureftpd({ ...this.#folder, tls: this.#certificate, ...options }))
  }

  #keep<S extends Started>(started: S): S {
    this.#started.push(started)
    return started
  }

  async close(): Promise<void> {
    await Promise.all(this.#started.map((started) => started.stop()))
    this.#folder.remove()
  }
}
