// Signs in with the Kerberos ticket that is there, or with NTLM where there is none:
// node intranet.mjs URL…, with NTLM_USER and NTLM_PASSWORD.
import { NegotiateAuth } from '@entreat/auth-kerberos'
import { NTLMAuth } from '@entreat/auth-ntlm'
import { Session } from '@entreat/core'

const urls = process.argv.slice(2)
const { NTLM_USER, NTLM_PASSWORD } = process.env
// Nobody else may ask for these credentials. Naming http origins allows them in plain text.
const origins = [...new Set(urls.map((url) => new URL(url).origin))]

const auth = new NegotiateAuth({
  origins,
  ntlm: new NTLMAuth({ username: NTLM_USER, password: NTLM_PASSWORD, origins }),
})
const session = new Session({ auth })
for (const url of urls) {
  const response = await session.get(url)
  console.log(response.statusCode, response.text.trim())
}
await session.close()
