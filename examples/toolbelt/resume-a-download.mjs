// Downloads a URL to a file, goes on where an earlier run broke off, and checks the content: node resume-a-download.mjs URL FILE [SHA256]
import { download } from '@entreat/toolbelt/downloads'

const [url, file, expected] = process.argv.slice(2)

const saved = await download(url, file, {
  overwrite: true,
  checksum: { algorithm: 'sha256', ...(expected ? { expected } : {}) },
  retries: 10,
})
if (saved.resumedFrom > 0) console.log(`went on after ${saved.resumedFrom} bytes`)
console.log(`${saved.bytes} bytes, sha256 ${saved.checksum}`)
