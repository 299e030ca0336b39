export { KerberosError, type KerberosErrorOptions, MutualAuthenticationError } from './errors.ts'
export type { KerberosReason } from './gss-failure.ts'
export { KerberosAuth } from './kerberos-auth.ts'
export type { KerberosOptions } from './kerberos-options.ts'
export { NegotiateAuth, type NegotiateOptions } from './negotiate-auth.ts'
export type {
  GssCapabilities,
  GssContext,
  GssContextOptions,
  GssFlags,
  GssProvider,
  GssStep,
  KerberosCredentials,
} from './provider/gss-provider.ts'
export { kerberosProvider } from './provider/kerberos-provider.ts'
export { koffiProvider } from './provider/koffi-provider.ts'
