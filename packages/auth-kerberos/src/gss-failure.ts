/** Why no token could be had, or why the server's was refused. */
export type KerberosReason =
  /** No ticket and nothing to get one with: no credential cache, no keytab, no default credentials. */
  | 'no-credentials'
  /** The tickets have expired. */
  | 'expired'
  /** The KDC does not know the client's principal. */
  | 'unknown-client'
  /** The KDC does not know the server's principal. */
  | 'unknown-service'
  /** The key that the password or keytab gives is not the principal's. */
  | 'wrong-key'
  /** No KDC of the realm answers, or none is known. */
  | 'kdc-unreachable'
  /** The server speaks Negotiate, and takes no Kerberos inside. */
  | 'no-common-mechanism'
  /** Two clocks differ by more than Kerberos allows. */
  | 'clock-skew'
  /** The library did not answer in time. */
  | 'timeout'
  /** The server's token is no token, or is for another context. */
  | 'bad-token'
  /** Delegation was asked for and the ticket cannot be handed on. */
  | 'not-delegated'
  /** Channel bindings were required and cannot be made. */
  | 'no-channel-bindings'
  | 'other'

/**
 * The generic texts of MIT Kerberos and Heimdal, which do not change with the locale. Numbers are of no use: behind SPNEGO a minor status is one that the
 * library made up as it went.
 */
const TEXTS: readonly (readonly [KerberosReason, RegExp])[] = [
  ['clock-skew', /clock skew|time skew/i],
  ['no-common-mechanism', /failed to negotiate a mechanism|unsupported mechanism|mechanism was requested/i],
  ['unknown-service', /server (?:\S+ )?(?:not found|unknown)|no such server|server not yet valid/i],
  ['unknown-client', /client (?:\S+ )?(?:not found|unknown)|no such client/i],
  [
    'kdc-unreachable',
    /cannot (?:contact|find|resolve)[^.]*kdc|unable to reach any kdc|cannot resolve network address/i,
  ],
  ['expired', /expired/i],
  ['wrong-key', /preauth\w* failed|password incorrect|decrypt integrity check failed|password has expired/i],
  [
    'no-credentials',
    /no credentials|no kerberos credentials|credentials cache|credential cache|matching credential not found|key ?tab|key table|cannot find mechanisms to negotiate|no principal/i,
  ],
  ['bad-token', /invalid token|defective|token was invalid|message stream modified|bad token|asn\.?1|checksum/i],
]

/** Tells the reason from what the mechanism says. */
export function reasonOf(text: string): KerberosReason {
  return TEXTS.find(([, pattern]) => pattern.test(text))?.[0] ?? 'other'
}

/** Kerberos is of no use here. What goes wrong otherwise is not among them: a wrong password, a clock, a server that proves nothing. */
const WITHOUT_KERBEROS: ReadonlySet<KerberosReason> = new Set<KerberosReason>([
  'no-credentials',
  'expired',
  'unknown-service',
  'kdc-unreachable',
  'timeout',
  'no-common-mechanism',
])

/** Whether it says no more than that Kerberos cannot be used here. */
export function meansNoKerberos(reason: KerberosReason): boolean {
  return WITHOUT_KERBEROS.has(reason)
}

/** What to do about it, as a sentence. */
export function adviceFor(reason: KerberosReason, service: string): string {
  const principal = service.replace('@', '/')
  const advice: Record<KerberosReason, string> = {
    'no-credentials': 'Get a ticket with `kinit`, or give `credentials`.',
    expired: 'Get a new ticket with `kinit`, or give a keytab that tickets can be renewed with.',
    'unknown-client': 'Check `principal` and its realm.',
    'unknown-service': `The KDC has no principal ${principal}: give \`hostname\` or \`service\` as the server is registered, or have it registered.`,
    'wrong-key': 'Check the password or the keytab of `principal`.',
    'kdc-unreachable': 'Check the realm in krb5.conf or its DNS records, and that a KDC can be reached from here.',
    'clock-skew': 'Set the clocks of this machine, the KDC and the server: they may differ by five minutes at most.',
    'no-common-mechanism':
      'The server wants another way to sign in inside Negotiate: give `NegotiateAuth` an `ntlm` scheme.',
    timeout: 'A KDC may not be answering: check the realm in krb5.conf, or raise `timeout`.',
    'bad-token': 'Something between here and the server may have changed it.',
    'not-delegated': 'Get a forwardable ticket (`kinit -f`), or leave `delegate` off.',
    'no-channel-bindings': "Reach the server by https and directly, or set `channelBindings: 'auto'`.",
    other: 'See `klist` for the tickets, and run with KRB5_TRACE=/dev/stderr to see what the library does.',
  }
  return advice[reason]
}

/** What a provider's failure says, with its status codes if it has any. */
export function describeFailure(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const { majorStatus, minorStatus } = (error ?? {}) as { majorStatus?: unknown; minorStatus?: unknown }
  if (typeof majorStatus !== 'number') return text
  const minor = typeof minorStatus === 'number' ? `, minor ${minorStatus | 0}` : ''
  return `${text} (GSS major 0x${(majorStatus >>> 0).toString(16)}${minor})`
}
