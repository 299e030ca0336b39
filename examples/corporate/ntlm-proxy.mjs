// Uploads a file through a proxy that asks for NTLM: node ntlm-proxy.mjs URL PROXY CA FILE, with PROXY_USER and PROXY_PASSWORD.
import { createReadStream } from 'node:fs'
import { NTLMAuth } from '@entreat/auth-ntlm'
import { ProxyError, Session } from '@entreat/core'

const [url, proxy, ca, file] = process.argv.slice(2)
const { PROXY_USER, PROXY_PASSWORD } = process.env

const session = new Session({
  proxies: { all: proxy },
  proxyAuth: new NTLMAuth({ username: PROXY_USER, password: PROXY_PASSWORD }), // DOMAIN\user
  verify: ca, // the company's authority, where its proxy opens TLS
})

try {
  const response = await session.put(url, { data: createReadStream(file) })
  console.log('uploaded:', response.statusCode)
  const again = await session.get(url) // in the same tunnel: the proxy asks no more
  console.log('read:', again.statusCode)
} catch (error) {
  if (!(error instanceof ProxyError)) throw error
  console.log('the proxy refused:', error.response?.statusCode)
} finally {
  await session.close()
}
