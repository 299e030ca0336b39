// Signs in thousands of times and prints by how many bytes the process has grown. Run with --expose-gc.
import { KerberosAuth } from '@entreat/auth-kerberos'
import { Session } from '@entreat/core'

const [url, contexts, credentials, principal] = process.argv.slice(2)
const count = Number(contexts)

/** Instances of their own for every 50 requests: what they keep must go with them. */
async function signIn(times) {
  for (let made = 0; made < times; made += 50) {
    const options = { preemptive: true, credentials: JSON.parse(credentials), principal: principal || undefined }
    const session = new Session({ trustEnv: false, auth: new KerberosAuth(options) })
    const ask = async () => {
      for (let turn = 0; turn < 25; turn++) await session.get(url)
    }
    await Promise.all([ask(), ask()])
    await session.close()
  }
}

async function settledBytes() {
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().rss
}

await signIn(count / 2)
const before = await settledBytes()
await signIn(count)
console.log((await settledBytes()) - before)
