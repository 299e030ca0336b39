// Trusts a CA of your own and shows a client certificate: node client-certificate.mjs URL CA CERT KEY
import { Session, SSLError } from '@entreat/core'

const [url, ca, cert, key] = process.argv.slice(2) // paths of PEM files

const session = new Session({ verify: ca, cert: [cert, key] })
console.log((await session.get(url)).json())

// Settings can be given for one request as well. The system's authorities do not know this server:
try {
  await session.get(url, { verify: true })
} catch (error) {
  if (!(error instanceof SSLError)) throw error
  console.log(error.code)
}
await session.close()
