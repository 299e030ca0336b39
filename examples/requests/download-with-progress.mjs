// Downloads a URL to a file, telling how far it is: node download-with-progress.mjs URL FILE
import { createWriteStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { get } from '@entreat/core'

const [url, file] = process.argv.slice(2)

const response = await get(url, { stream: true, timeout: { total: 60_000 } })
response.raiseForStatus()
const total = Number(response.headers.get('Content-Length') ?? Number.NaN)

async function* withProgress(chunks) {
  let [received, shown] = [0, 0]
  for await (const chunk of chunks) {
    received += chunk.length
    const percent = Math.floor((received / total) * 10) * 10
    if (percent > shown) console.log(`${(shown = percent)} %`)
    yield chunk
  }
}

// pipeline() waits for a slow disk, and closes the file and the response if either fails.
await pipeline(response, withProgress, createWriteStream(file))
console.log(`wrote ${file}`)
