import { chmodSync, writeFileSync } from 'node:fs'
import { type LabApache, startApache } from './apache.ts'
import { type LabCertificates, makeCertificates } from './certificates.ts'
import { type LabAcceptor, startAcceptor } from './acceptor.ts'
import { type LabKdc, startKdc } from './kdc.ts'
import { LabFolder } from '../processes/lab-folder.ts'
import { isRoot } from '../processes/users.ts'
import { labProblem, type LabNeeds } from './lab-problem.ts'
import { labDomain, labUsers, squidDomain } from './lab-users.ts'
import { type MuteKdc, startMuteKdc } from './mute-kdc.ts'
import { type LabSquid, startSquid } from './squid.ts'
import { startWinbind } from './winbind.ts'

export { labProblem, type LabNeeds } from './lab-problem.ts'
export { labDomain, labRealm, labUsers, squidDomain } from './lab-users.ts'
export type { LoggedRequest, LogQuery } from '../processes/server-log.ts'

/** Attempts to start: a port that was free may be taken the moment after. */
const START_ATTEMPTS = 3

/** Servers that run. Those that were not asked for throw when they are touched. */
export interface Lab {
  readonly kdc: LabKdc
  readonly apache: LabApache
  /** The acceptor whose certificate is signed with SHA-256. */
  readonly epa: LabAcceptor
  /** The acceptor whose certificate is signed with SHA-384. */
  readonly epa384: LabAcceptor
  readonly squid: LabSquid
  /** Path of the certificate authority's PEM file, for `verify`. */
  readonly authority: string
  readonly certificates: LabCertificates
  /** The folder of all that the lab writes; server output is in its `log`. */
  readonly folder: string
  /**
   * The environment of a Kerberos client: `KRB5_CONFIG`, `KRB5CCNAME` with the user's ticket, and more that keeps it
   * from the machine's files. Without a user there is no ticket.
   */
  clientEnv(user?: 'alice' | 'bob'): Record<string, string>
  /** Starts a KDC that never answers; it ends with the lab. */
  startMuteKdc(): Promise<MuteKdc>
  /** Runs a program in the environment of `clientEnv(user)`; resolves with its output, or throws. */
  runClient(command: string, args: readonly string[], user?: 'alice' | 'bob'): Promise<string>
  /** Ends all processes and removes the folder. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/**
 * Starts real servers for Kerberos and NTLM on free ports of loopback, their files in a fresh folder.
 *
 * It takes about a second, as root or, but for NTLM on Squid, as anybody. Nothing outlives this process.
 *
 * @throws Error that says what is missing ({@link labProblem}), or the output of a server that did not start.
 */
export async function startLab(needs: LabNeeds): Promise<Lab> {
  const problem = labProblem(needs)
  if (problem !== null) throw new Error(`Cannot start: ${problem}`)
  for (let attempt = 1; ; attempt += 1) {
    const folder = new LabFolder()
    try {
      return await startServers(folder, needs)
    } catch (error) {
      await folder.remove()
      const isPortTaken = error instanceof Error && /address already in use|EADDRINUSE/i.test(error.message)
      if (!isPortTaken || attempt === START_ATTEMPTS) throw error
    }
  }
}

async function startServers(folder: LabFolder, needs: LabNeeds): Promise<Lab> {
  writeFileSync(folder.file('none.conf'), '')
  const replayCaches = folder.makeFolder('rcache', 0o1777)
  writeNtlmUsers(folder)
  const withTls = needs.apache === true || needs.epa === true || Boolean(needs.squid)
  const [kdc, certificates, winbind] = await Promise.all([
    needs.kdc === true ? startKdc(folder) : null,
    withTls ? makeCertificates(folder) : null,
    needs.squid === true ? startWinbind(folder) : null,
  ])
  const gssEnv = {
    ...kerberosEnv(folder, kdc),
    ...ntlmEnv(folder),
    KRB5RCACHEDIR: replayCaches,
    KRB5RCACHENAME: 'dfl:',
  }
  const epaStart = (hash: 'sha256' | 'sha384'): Promise<LabAcceptor> | null =>
    needs.epa === true && certificates !== null ? startAcceptor(folder, certificates, hash, gssEnv) : null
  const [apache, epa, epa384] = await Promise.all([
    needs.apache === true && certificates !== null ? startApache(folder, certificates, gssEnv) : null,
    epaStart('sha256'),
    epaStart('sha384'),
  ])
  const originPort = apache === null ? null : Number(new URL(apache.url).port)
  const keytab = kdc?.serviceKeytab ?? null
  const squid =
    needs.squid && certificates !== null
      ? await startSquid(folder, { certificates, keytab, winbind, originPort, gssEnv })
      : null
  return describeLab(folder, { kdc, certificates, apache, epa, epa384, squid })
}

/** The servers of a lab; `null` are those that nobody asked for. */
interface Servers {
  readonly kdc: LabKdc | null
  readonly certificates: LabCertificates | null
  readonly apache: LabApache | null
  readonly epa: LabAcceptor | null
  readonly epa384: LabAcceptor | null
  readonly squid: LabSquid | null
}

function describeLab(folder: LabFolder, servers: Servers): Lab {
  const muteKdcs: MuteKdc[] = []
  const clientEnv = (user?: 'alice' | 'bob'): Record<string, string> => ({
    ...kerberosEnv(folder, servers.kdc),
    KRB5CCNAME:
      user === undefined ? `FILE:${folder.file('kdc', 'none.ccache')}` : present(servers.kdc, 'kdc').ccache(user),
  })
  const stop = async (): Promise<void> => {
    await Promise.all(muteKdcs.splice(0).map((kdc) => kdc.stop()))
    await folder.remove()
  }
  return {
    get kdc() {
      return present(servers.kdc, 'kdc')
    },
    get apache() {
      return present(servers.apache, 'apache')
    },
    get epa() {
      return present(servers.epa, 'epa')
    },
    get epa384() {
      return present(servers.epa384, 'epa')
    },
    get squid() {
      return present(servers.squid, 'squid')
    },
    get certificates() {
      return present(servers.certificates, 'apache')
    },
    get authority() {
      return present(servers.certificates, 'apache').authority
    },
    folder: folder.path,
    clientEnv,
    startMuteKdc: async () => {
      const kdc = await startMuteKdc(folder)
      muteKdcs.push(kdc)
      return kdc
    },
    runClient: (command, args, user) => folder.run(command, args, { env: clientEnv(user) }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function present<Server>(server: Server | null, need: keyof LabNeeds): Server {
  if (server === null) throw new Error(`This lab was started without it: ask startLab for { ${need}: true }`)
  return server
}

/** Keeps Kerberos from the machine's own files, also where the lab has no KDC. */
function kerberosEnv(folder: LabFolder, kdc: LabKdc | null): Record<string, string> {
  return {
    KRB5_CONFIG: kdc?.config ?? folder.file('none.conf'),
    KRB5_KTNAME: `FILE:${kdc?.serviceKeytab ?? folder.file('none.keytab')}`,
    KRB5_CLIENT_KTNAME: `FILE:${folder.file('none.keytab')}`,
  }
}

/** What gss-ntlmssp reads: whom it knows, and the names in its challenges. */
function ntlmEnv(folder: LabFolder): Record<string, string> {
  return {
    NTLM_USER_FILE: folder.file('ntlm.users'),
    NETBIOS_COMPUTER_NAME: squidDomain,
    NETBIOS_DOMAIN_NAME: labDomain,
  }
}

function writeNtlmUsers(folder: LabFolder): void {
  const lines = Object.values(labUsers).map(({ name, password }) => `${labDomain}:${name}:${password}\n`)
  writeFileSync(folder.file('ntlm.users'), lines.join(''))
  if (isRoot()) chmodSync(folder.file('ntlm.users'), 0o644)
}
