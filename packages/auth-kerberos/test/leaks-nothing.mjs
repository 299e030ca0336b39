// Makes thousands of contexts, with new credentials for every 25 of them, and prints by how many bytes the process has grown. Run with --expose-gc.
import { koffiProvider } from '@entreat/auth-kerberos'

const [contexts, credentials] = process.argv.slice(2)
const provider = await koffiProvider()
const common = { service: 'HTTP@localhost', mutual: true, delegate: false, principal: 'alice' }

async function make(count) {
  for (let made = 0; made < count; made += 25) {
    const options = { ...common, credentials: JSON.parse(credentials), channelBindings: Buffer.alloc(53) }
    for (let turn = 0; turn < 25; turn++) {
      const context = provider.createContext(options)
      const { token } = await context.step(null)
      // Half of them fail, which must free as much.
      if (turn % 2 === 0) await context.step(token).catch(() => {})
      context.dispose()
    }
  }
}

async function settledBytes() {
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().rss
}

await make(Number(contexts))
const before = await settledBytes()
await make(Number(contexts))
console.log((await settledBytes()) - before)
