import { readOptions } from '../options.ts'
import type { Token } from '../token.ts'
import type { DeviceAuthorization } from './device-authorization.ts'
import type { OAuth2Client } from './oauth2-client.ts'
import { GRANT_OPTIONS, type GrantOptions } from './oauth2-client-options.ts'

/** What `signInOnDevice()` takes. */
export interface DeviceSignInOptions extends GrantOptions {
  /** Shows the user what to do. Default: writes it to standard error, so that standard output stays a program's own. */
  readonly prompt?: ((text: string, device: DeviceAuthorization) => void | Promise<void>) | undefined
}

const OPTIONS: Readonly<Record<keyof DeviceSignInOptions, true>> = { ...GRANT_OPTIONS, prompt: true }

/**
 * Signs a user in who has a browser elsewhere: says where to go and what to type, then waits (RFC 8628).
 *
 * @throws DeviceFlowError if the user refuses or takes too long; TokenRequestError; the signal's reason.
 */
export async function signInOnDevice(client: OAuth2Client, options?: DeviceSignInOptions): Promise<Token> {
  const own = readOptions(options, OPTIONS, 'signInOnDevice()')
  const { prompt = writePrompt, ...grant } = own
  const device = await client.device(grant)
  await prompt(promptText(device), device)
  return device.poll({ signal: own.signal })
}

function promptText({ verificationUri, verificationUriComplete, userCode }: DeviceAuthorization): string {
  const where = `To sign in, open ${printable(verificationUri)} and enter the code ${printable(userCode)}`
  return verificationUriComplete === undefined ? where : `${where}, or open ${printable(verificationUriComplete)}`
}

/** What a server sends must not steer the user's terminal. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 2000)
}

function writePrompt(text: string): void {
  process.stderr.write(`${text}\n`)
}
