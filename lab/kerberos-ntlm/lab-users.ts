/** The Kerberos realm of the lab. */
export const labRealm = 'TEST.LOCAL'
/** The NTLM domain of Apache's and the acceptor's users. */
export const labDomain = 'LABDOM'
/** The NTLM domain of Squid's users: the name of the machine whose local accounts they are. */
export const squidDomain = 'LABSRV'

/** Somebody whom the lab's servers know. */
export interface LabUser {
  readonly name: string
  readonly password: string
  /** The Kerberos principal; `null` for who has none. */
  readonly principal: string | null
}

/** Everybody the lab's servers know. Squid does not know jörg. */
export const labUsers: { readonly alice: LabUser; readonly bob: LabUser; readonly joerg: LabUser } = {
  alice: { name: 'alice', password: 'alicepw', principal: `alice@${labRealm}` },
  bob: { name: 'bob', password: 'bobpw', principal: `bob@${labRealm}` },
  joerg: { name: 'jörg', password: 'pässwörd', principal: null },
}
