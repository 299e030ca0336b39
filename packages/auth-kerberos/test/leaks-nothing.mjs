// Makes thousands of contexts, with new credentials for every 25 of them, and prints by how many bytes C's memory has grown.
// Run with --expose-gc, on Linux with glibc.
import { koffiProvider } from '@entreat/auth-kerberos'
import koffi from 'koffi'

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

const names = [
  'arena',
  'ordblks',
  'smblks',
  'hblks',
  'hblkhd',
  'usmblks',
  'fsmblks',
  'uordblks',
  'fordblks',
  'keepcost',
]
const mallinfo2 = koffi
  .load('libc.so.6')
  .func('mallinfo2', koffi.struct(Object.fromEntries(names.map((name) => [name, 'size_t']))), [])

/** Bytes that C has allocated and not freed: what the process holds of the system says little about that. */
async function settledBytes() {
  for (let turn = 0; turn < 5; turn++) {
    globalThis.gc()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const { uordblks, hblkhd } = mallinfo2()
  return Number(uordblks) + Number(hblkhd)
}

await make(Number(contexts))
const before = await settledBytes()
await make(Number(contexts))
console.log((await settledBytes()) - before)
