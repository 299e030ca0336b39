// Brings a folder up to date with a directory of an FTP server: node mirror-a-directory.mjs URL FOLDER
// What an earlier run has brought is not fetched again.
import { ftpSession } from '@entreat/adapter-ftp'

const [url, folder] = process.argv.slice(2)

const session = ftpSession({ timeout: { connect: 10_000, read: 30_000 }, retry: 2 })
let shown = 0
const result = await session.downloadDirectory(url, folder, {
  concurrency: 3,
  resume: true,
  onProgress: ({ filesDone }) => {
    if (filesDone > shown) console.log(`${(shown = filesDone)} files`)
  },
})
console.log(`${result.files} files in ${result.directories} directories, ${result.bytes} bytes`)
await session.close()
