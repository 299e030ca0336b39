import { join } from 'node:path'
import type { LabCertificates } from './certificates.ts'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { labSources } from './lab-sources.ts'
import { ServerLog } from '../processes/server-log.ts'

/**
 * A GSSAPI acceptor over TLS that checks channel bindings, for Kerberos, NTLM and NTLM within SPNEGO.
 *
 * Paths: `/off/…` checks none, `/allow/…` refuses wrong ones, `/require/…` absent ones too; POST `/seal/…` takes and
 * answers wrapped messages. The body of a 200 has user, flags, mechanism, and length and SHA-256 of the request's body.
 */
export interface LabAcceptor {
  /** `https://localhost:<port>`; HTTP/1.1 alone. */
  readonly url: string
  readonly log: ServerLog
}

/** Starts the acceptor with a certificate that was signed with SHA-256 or SHA-384. */
export async function startAcceptor(
  folder: LabFolder,
  certificates: LabCertificates,
  hash: 'sha256' | 'sha384',
  gssEnv: Readonly<Record<string, string>>,
): Promise<LabAcceptor> {
  const { port } = await findFreePorts('port')
  const logPath = folder.file('log', `acceptor-${hash}-access.log`)
  const args = [
    join(labSources, 'acceptor', 'acceptor.py'),
    String(port),
    certificates[hash],
    certificates.key,
    hash,
    logPath,
  ]
  const server = folder.startServer(`acceptor-${hash}`, '/usr/bin/python3', args, { env: gssEnv })
  await server.untilListening(port)
  // It writes its line before it answers.
  return { url: `https://localhost:${port}`, log: new ServerLog(logPath, () => Promise.resolve()) }
}
