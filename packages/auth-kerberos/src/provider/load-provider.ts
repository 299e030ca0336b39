import { UsageError } from '@entreat/core'
import type { GssCapabilities, GssProvider } from './gss-provider.ts'
import { kerberosProvider } from './kerberos-provider.ts'
import { koffiProvider } from './koffi-provider.ts'

/** What the options ask of a provider. */
export type NeededCapability = Exclude<keyof GssCapabilities, 'grantedFlags'>

const OPTION_OF: Record<NeededCapability, string> = {
  channelBindings: "channelBindings: 'require'",
  password: 'credentials: { password }',
  ccache: 'credentials: { ccache }',
  keytab: 'credentials: { keytab }',
}

/**
 * Loads the first provider that is installed and can do what is needed: `koffi`, then `kerberos`.
 *
 * @throws UsageError that says what to install, or what the one that is installed cannot do.
 */
export async function loadProvider(needs: readonly NeededCapability[]): Promise<GssProvider> {
  const failures: unknown[] = []
  for (const load of [koffiProvider, kerberosProvider]) {
    try {
      const provider = await load()
      checkCapabilities(provider, needs)
      return provider
    } catch (error) {
      failures.push(error)
    }
  }
  const why = failures.map((error) => (error as Error).message).join('; ')
  throw new UsageError(`Kerberos cannot be used: ${why}. ${whatToInstall()}`, { cause: failures[0] })
}

/** @throws UsageError that names the option which the provider cannot honour. */
export function checkCapabilities(provider: GssProvider, needs: readonly NeededCapability[]): void {
  const lacking = needs.filter((need) => !provider.capabilities[need])
  if (lacking.length === 0) return
  throw new UsageError(
    `the provider ${provider.name} cannot honour ${lacking.map((need) => OPTION_OF[need]).join(' and ')}`,
  )
}

function whatToInstall(): string {
  if (process.platform === 'win32') return 'On Windows there is no provider yet: pass one of your own as `provider`.'
  const library =
    process.platform === 'darwin'
      ? '`brew install krb5` (or the GSS framework that macOS has)'
      : 'libgssapi-krb5-2 on Debian and Ubuntu, krb5-libs on Fedora and RHEL, krb5-libs on Alpine'
  return `Install the npm package koffi, which is prebuilt (or kerberos, which is built with libkrb5-dev or krb5-devel), and the system's Kerberos library: ${library}.`
}
