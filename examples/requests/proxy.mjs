// Goes through a proxy that wants a password: node proxy.mjs URL PROXY CA
import { ProxyError, Session } from '@entreat/core'

const [url, proxy, ca] = process.argv.slice(2)

const session = new Session({ proxies: { all: proxy }, proxyAuth: ['ahab', 'ivory leg'], verify: ca })
const response = await session.get(url)
console.log('through the proxy:', response.statusCode)

// For one request: another password, and no proxy at all.
try {
  await session.get(url, { proxyAuth: ['ahab', 'wooden leg'] })
} catch (error) {
  if (!(error instanceof ProxyError)) throw error
  console.log('refused by the proxy:', error.response?.statusCode)
}
const direct = await session.get(url, { proxies: { all: null } })
console.log('direct:', direct.statusCode)
await session.close()
