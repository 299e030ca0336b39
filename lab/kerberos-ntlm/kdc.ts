import { chmodSync, writeFileSync } from 'node:fs'
import { findFreePorts, type LabFolder } from '../processes/lab-folder.ts'
import { labRealm, labUsers } from './lab-users.ts'

/** Principals of servers; each is in the servers' keytab. `localhost` may be delegated to. */
const services = ['HTTP/localhost', 'HTTP/web.test.local', 'HTTP/proxy.test.local'] as const

/** MIT's key distribution centre for the realm TEST.LOCAL, and credentials for whom it knows. */
export interface LabKdc {
  readonly port: number
  /** Path of the client's configuration, for `KRB5_CONFIG`. */
  readonly config: string
  /** Path of the servers' keytab: `HTTP/localhost`, `HTTP/web.test.local` and `HTTP/proxy.test.local`. */
  readonly serviceKeytab: string
  /** Credential cache with a ticket of alice or bob, as `FILE:/…`. */
  ccache(user: 'alice' | 'bob'): string
  /** Path of a keytab with the key of alice or bob. */
  keytab(user: 'alice' | 'bob'): string
}

/** Creates the realm and its principals, starts the KDC, and gets tickets for alice and bob. */
export async function startKdc(folder: LabFolder): Promise<LabKdc> {
  const { port } = await findFreePorts('port')
  const home = folder.makeFolder('kdc')
  const config = writeClientConfig(folder, 'krb5.conf', port)
  writeFileSync(folder.file('kdc', 'kdc.conf'), serverConfig(home, port))
  const env = { KRB5_CONFIG: config, KRB5_KDC_PROFILE: folder.file('kdc', 'kdc.conf') }
  const kdc: LabKdc = {
    port,
    config,
    serviceKeytab: folder.file('kdc', 'http.keytab'),
    ccache: (user) => `FILE:${folder.file('kdc', `${user}.ccache`)}`,
    keytab: (user) => folder.file('kdc', `${user}.keytab`),
  }
  await folder.run('kdb5_util', ['create', '-s', '-r', labRealm, '-P', 'masterpw'], { env })
  await folder.run('kadmin.local', ['-r', labRealm], { env, input: principals(kdc) })
  chmodSync(kdc.serviceKeytab, 0o644) // servers read it as users of their own
  const server = folder.startServer('kdc', 'krb5kdc', ['-n'], { env })
  await server.untilListening(port)
  const login = (user: 'alice' | 'bob'): Promise<string> =>
    folder.run('kinit', ['-c', kdc.ccache(user), user], { env, input: `${labUsers[user].password}\n` })
  await Promise.all([login('alice'), login('bob')])
  return kdc
}

/**
 * Writes a client's configuration for a KDC on a port of loopback.
 *
 * @returns the file's path, for `KRB5_CONFIG`.
 */
export function writeClientConfig(folder: LabFolder, name: string, port: number): string {
  const path = folder.file('kdc', name)
  writeFileSync(
    path,
    `[libdefaults]
 default_realm = ${labRealm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 forwardable = true
 udp_preference_limit = 1
 default_client_keytab_name = FILE:${folder.file('kdc', 'none.keytab')}
 default_ccache_name = FILE:${folder.file('kdc', 'none.ccache')}
[realms]
 ${labRealm} = {
  kdc = 127.0.0.1:${port}
 }
[domain_realm]
 localhost = ${labRealm}
 .test.local = ${labRealm}
`,
  )
  return path
}

function serverConfig(home: string, port: number): string {
  return `[kdcdefaults]
 kdc_listen = 127.0.0.1:${port}
 kdc_tcp_listen = 127.0.0.1:${port}
[realms]
 ${labRealm} = {
  database_name = ${home}/principal
  key_stash_file = ${home}/stash
  acl_file = ${home}/kadm5.acl
  max_life = 10h
  max_renewable_life = 7d
  supported_enctypes = aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal
 }
`
}

/** Commands for kadmin.local. */
function principals(kdc: LabKdc): string {
  const people = [labUsers.alice, labUsers.bob].map(({ name, password }) => `addprinc -pw ${password} ${name}`)
  const servers = services.map(
    (name) => `addprinc -randkey ${name === 'HTTP/localhost' ? '+ok_as_delegate ' : ''}${name}`,
  )
  const keys = [
    `ktadd -k ${kdc.serviceKeytab} ${services.join(' ')}`,
    `ktadd -norandkey -k ${kdc.keytab('alice')} alice`,
    `ktadd -norandkey -k ${kdc.keytab('bob')} bob`,
  ]
  return [...people, ...servers, ...keys, ''].join('\n')
}
