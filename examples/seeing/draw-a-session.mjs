// Asks for URLs through a cache and draws what happened: node draw-a-session.mjs page.html URL…
import { writeFile } from 'node:fs/promises'
import { HTTPAdapter, Session } from '@entreat/core'
import { CacheAdapter } from '@entreat/toolbelt/cache'
import { HarRecorder } from '@entreat/toolbelt/har'
import { renderWaterfall } from '@entreat/toolbelt/waterfall'

const [page, ...urls] = process.argv.slice(2)

// The recorder is inside the cache, so that it sees what goes out; what the cache answers takes no time on the wire.
const recorder = new HarRecorder()
const cache = new CacheAdapter(recorder.wrap(new HTTPAdapter()))
const session = new Session().mount('http://', cache).mount('https://', cache)

for (const url of urls) {
  const response = await session.get(url)
  console.log(`${response.statusCode} ${response.headers.get('Cache-Status')}`)
}
await session.close()

await writeFile(page, renderWaterfall(recorder.toHar(), { title: `${urls.length} requests` }))
console.log(`${recorder.toHar().log.entries.length} exchanges in ${page}`)
