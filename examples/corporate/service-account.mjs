// A program without a user signs in with a keytab: node service-account.mjs URL PRINCIPAL KEYTAB
import { KerberosAuth, KerberosError } from '@entreat/auth-kerberos'
import { Session } from '@entreat/core'

const [url, principal, keytab] = process.argv.slice(2)

const session = new Session({ auth: new KerberosAuth({ principal, credentials: { keytab }, preemptive: true }) })
try {
  const response = await session.get(url)
  console.log(response.statusCode, response.text.trim())
} catch (error) {
  if (!(error instanceof KerberosError)) throw error
  console.log('no token:', error.reason, 'for', error.service)
} finally {
  await session.close()
}
