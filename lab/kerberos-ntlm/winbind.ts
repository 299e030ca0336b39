import { chmodSync, chownSync, readFileSync, writeFileSync } from 'node:fs'
import type { LabFolder } from '../processes/lab-folder.ts'
import { userIds } from '../processes/users.ts'
import { labDomain, labUsers, squidDomain } from './lab-users.ts'

/** What checks NTLM for Squid: Samba's winbindd with accounts of its own and no domain controller. */
export interface LabWinbind {
  /** Path of the program that Squid asks. */
  readonly helper: string
}

/** Creates the accounts `LABSRV\alice` and `LABSRV\bob` and starts winbindd. Takes root. */
export async function startWinbind(folder: LabFolder): Promise<LabWinbind> {
  for (const name of ['private', 'state', 'cache', 'lock', 'pid', 'ncalrpc', 'socket'])
    folder.makeFolder(`samba/${name}`)
  const config = folder.file('samba', 'smb.conf')
  writeFileSync(config, sambaConfig(folder.file('samba'), folder.file('log')))
  writeFileSync(folder.file('samba', 'passwd'), `${readFileSync('/etc/passwd', 'utf8')}${passwdLines()}`)
  writeFileSync(folder.file('samba', 'group'), `${readFileSync('/etc/group', 'utf8')}lab:x:20001:\n`)
  const env = wrapperEnv(folder)
  for (const { name, password } of [labUsers.alice, labUsers.bob]) {
    const input = `${password}\n${password}\n`
    await folder.run('smbpasswd', ['-c', config, '-L', '-s', '-a', name], { env, input })
  }
  const server = folder.startServer('winbindd', 'winbindd', ['-s', config, '-F', '--no-process-group'], { env })
  const ping = (): Promise<boolean> =>
    folder.run('wbinfo', ['-p'], { env }).then(
      () => true,
      () => false,
    )
  await server.until('answers', ping)
  const squid = userIds('proxy')
  if (squid !== null) chownSync(folder.file('samba', 'state', 'winbindd_privileged'), 0, squid.gid)
  return { helper: writeHelper(folder, config, env) }
}

/**
 * The wrapped library gives Samba private users; its presence is also what makes Samba's client take the socket's
 * folder from the environment instead of the one that is compiled in.
 */
function wrapperEnv(folder: LabFolder): Record<string, string> {
  return {
    LD_PRELOAD: 'libnss_wrapper.so',
    NSS_WRAPPER_PASSWD: folder.file('samba', 'passwd'),
    NSS_WRAPPER_GROUP: folder.file('samba', 'group'),
    SELFTEST_WINBINDD_SOCKET_DIR: folder.file('samba', 'socket'),
  }
}

function passwdLines(): string {
  return 'alice:x:20001:20001::/:/bin/false\nbob:x:20002:20001::/:/bin/false\n'
}

/** Squid starts its helpers with its own environment, so this one is written into the program. */
function writeHelper(folder: LabFolder, config: string, env: Readonly<Record<string, string>>): string {
  const path = folder.file('samba', 'ntlm-helper.sh')
  const exports = Object.entries(env).map(([name, value]) => `export ${name}='${value}'`)
  const command = `exec /usr/bin/ntlm_auth --configfile='${config}' --helper-protocol=squid-2.5-ntlmssp`
  writeFileSync(path, ['#!/bin/sh', ...exports, command, ''].join('\n'))
  chmodSync(path, 0o755)
  return path
}

function sambaConfig(home: string, logs: string): string {
  return `[global]
 workgroup = ${labDomain}
 netbios name = ${squidDomain}
 server role = standalone server
 passdb backend = tdbsam
 ntlm auth = ntlmv2-only
 private dir = ${home}/private
 state directory = ${home}/state
 cache directory = ${home}/cache
 lock directory = ${home}/lock
 pid directory = ${home}/pid
 ncalrpc dir = ${home}/ncalrpc
 winbindd socket directory = ${home}/socket
 log file = ${logs}/samba-%m.log
 rpc start on demand helpers = no
 interfaces = lo
 bind interfaces only = yes
 idmap config * : backend = tdb
 idmap config * : range = 100000-199999
`
}
