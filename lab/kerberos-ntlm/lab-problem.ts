import { accessSync, constants } from 'node:fs'
import { isRoot } from '../processes/users.ts'

/** Which servers a lab shall have. */
export interface LabNeeds {
  /** The key distribution centre: Kerberos on all servers. */
  readonly kdc?: boolean
  readonly apache?: boolean
  /** The acceptor that demands channel bindings. */
  readonly epa?: boolean
  /** `true`: NTLM and Kerberos, which takes root. `'kerberos'`: without NTLM. */
  readonly squid?: boolean | 'kerberos'
}

/** A file of each Debian package that a server needs. */
const packages = {
  kdc: {
    'krb5-kdc': '/usr/sbin/krb5kdc',
    'krb5-admin-server': '/usr/sbin/kadmin.local',
    'krb5-user': '/usr/bin/kinit',
  },
  apache: {
    apache2: '/usr/sbin/apache2',
    'libapache2-mod-auth-gssapi': '/usr/lib/apache2/modules/mod_auth_gssapi.so',
    'gss-ntlmssp': '/etc/gss/mech.d/mech.ntlmssp.conf',
    openssl: '/usr/bin/openssl',
  },
  epa: {
    'python3-gssapi': '/usr/lib/python3/dist-packages/gssapi',
    'gss-ntlmssp': '/etc/gss/mech.d/mech.ntlmssp.conf',
    openssl: '/usr/bin/openssl',
  },
  squid: { squid: '/usr/lib/squid/negotiate_kerberos_auth', openssl: '/usr/bin/openssl' },
  winbind: {
    winbind: '/usr/sbin/winbindd',
    samba: '/usr/bin/smbpasswd',
    'samba-common-bin': '/usr/bin/net',
    'samba-dsdb-modules': '/usr/lib/x86_64-linux-gnu/samba/ldb',
    'libnss-wrapper': '/usr/lib/x86_64-linux-gnu/libnss_wrapper.so',
  },
} as const

/**
 * Says why a lab with these servers cannot start on this machine, for `ctx.skip()`.
 *
 * @returns a sentence with the Debian packages to install, or `null` if it can.
 */
export function labProblem(needs: LabNeeds): string | null {
  if (process.platform !== 'linux')
    return `the Kerberos and NTLM lab runs on Linux alone, and this is ${process.platform}`
  if (needs.squid === true && !isRoot()) return 'winbindd, which checks NTLM for Squid, runs as root alone'
  const groups = [
    ...(['kdc', 'apache', 'epa'] as const).filter((name) => needs[name] === true),
    ...(needs.squid === undefined || needs.squid === false ? [] : (['squid'] as const)),
    ...(needs.squid === true ? (['winbind'] as const) : []),
  ]
  const missing = new Set(
    groups.flatMap((group) =>
      Object.entries(packages[group])
        .filter(([, path]) => !isReadable(path.replace('x86_64', machine)))
        .map(([name]) => name),
    ),
  )
  if (missing.size === 0) return null
  return `the Kerberos and NTLM lab needs Debian's ${[...missing].join(', ')} (lab/debian-packages.txt)`
}

/** How Debian's folders of libraries name this machine. */
const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64'

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK)
    return true
  } catch {
    return false
  }
}
