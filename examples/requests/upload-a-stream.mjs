// Uploads a file without reading it into memory: node upload-a-stream.mjs URL FILE
import { createReadStream } from 'node:fs'
import { Session } from '@entreat/core'

const [url, file] = process.argv.slice(2)
const session = new Session()

// A function opens the file anew for each attempt, so a redirect with 307, a 401 or a retry can send it again.
const response = await session.post(url, { data: () => createReadStream(file) })
console.log(response.raiseForStatus().json())

// In a form, beside other fields. The name is the file's, the type is up to you.
const form = await session.post(url, {
  data: { title: 'A log' },
  files: { log: ['app.log', () => createReadStream(file), 'text/plain'] },
})
console.log(form.raiseForStatus().statusCode)
await session.close()
