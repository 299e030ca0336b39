// Signs in with a Kerberos ticket, and says what to do if that fails: node kerberos.mjs URL [CCACHE]
import { Session } from '@entreat/core'
import { KerberosAuth, KerberosError, MutualAuthenticationError } from '@entreat/auth-kerberos'

const [url, ccache] = process.argv.slice(2)

const auth = new KerberosAuth(ccache === undefined ? {} : { credentials: { ccache } })
const session = new Session({ auth })
try {
  for (let turn = 1; turn <= 3; turn++) {
    const response = await session.get(url)
    console.log(response.statusCode, response.text.trim(), `after ${response.history.length} refusals`)
  }
} catch (error) {
  if (error instanceof KerberosError) console.log(`no ticket (${error.reason}): ${error.message}`)
  else if (error instanceof MutualAuthenticationError) console.log(`an impostor: ${error.message}`)
  else throw error
}
await session.close()
