/** The one module of httpntlm that is used, and what is used of it: the package has no types of its own. */
declare module 'httpntlm/ntlm.js' {
  /** NTOWFv1 of MS-NLMP section 3.3.1: MD4 over UTF-16LE. */
  export function create_NT_hashed_password(password: string): Buffer
}
