// Logs in by NTLM, uploads a stream, and tells what it cost: node ntlm.mjs URL USER PASSWORD
import { Readable } from 'node:stream'
import { NTLMAuth } from '@entreat/auth-ntlm'
import { Session } from '@entreat/core'

const [url, username, password] = process.argv.slice(2)

const session = new Session({ auth: new NTLMAuth({ username, password }) })
for (const text of ['first', 'second']) {
  const { statusCode, history } = await session.post(url, { data: Readable.from([text]) })
  console.log(`${text}: ${statusCode} after ${history.length} refused`)
}

// A wrong password is a response like any other.
const wrong = await session.get(url, { auth: new NTLMAuth({ username, password: `not ${password}` }) })
console.log('wrong password:', wrong.statusCode)
await session.close()
