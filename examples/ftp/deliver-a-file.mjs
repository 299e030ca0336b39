// Delivers a file so that nobody sees a part of it: node deliver-a-file.mjs FILE URL CA_FILE
// User and password come from netrc or the URL; TLS is a must.
import { ftpSession } from '@entreat/adapter-ftp'
import { HTTPError } from '@entreat/core'

const [file, url, ca] = process.argv.slice(2)

const session = ftpSession({ verify: ca, ftp: { explicitTls: true } })
try {
  const { bytes } = await session.upload(file, url, { atomic: true })
  console.log(`delivered ${bytes} bytes; the server has ${await session.size(url)}`)
} catch (error) {
  if (!(error instanceof HTTPError)) throw error
  const { statusCode, reason } = error.response
  console.log(`refused with ${statusCode}: ${reason}`)
} finally {
  await session.close()
}
