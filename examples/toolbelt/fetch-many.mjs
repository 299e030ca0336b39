// Asks for many URLs, a few at once, and tells what became of each: node fetch-many.mjs URL…
import { Session } from '@entreat/core'
import { imapEnumerated } from '@entreat/toolbelt/concurrency'
import { RateLimitAdapter } from '@entreat/toolbelt/rate-limit'

const urls = process.argv.slice(2)

const session = new Session({ timeout: { total: 10_000 } })
// No more than 50 requests a second to any one origin, whatever the number at once.
const adapter = new RateLimitAdapter({ limit: 50 })
session.mount('http://', adapter).mount('https://', adapter)

const results = imapEnumerated(urls, {
  session,
  size: 8,
  perHost: 4,
  ordered: true,
  onResponse: (response) => `${response.statusCode}, ${response.content.length} bytes`,
  onError: (error) => `failed: ${error.code}`,
})
for await (const [index, result] of results) console.log(`${urls[index]} ${result}`)
await session.close()
