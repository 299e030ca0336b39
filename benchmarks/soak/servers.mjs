// The servers of the soak, in a process of their own: what they hold does not count as the client's.
import { TestProxy, TestServer, TestSocksProxy } from '@entreat/testkit'
import { seededRandom, startFaultyRelay } from './faulty-relay.mjs'

const random = seededRandom(Number(process.argv[2]))
const handler = (request, response) => {
  // Whoever reads it knows whose answer it is.
  const mark = request.headers['x-whose']
  if (mark !== undefined) response.setHeader('X-Whose', mark)
  return false
}
const server = await TestServer.start({ handler })
const proxy = await TestProxy.start()
const socks = await TestSocksProxy.start()
const relays = {
  http: await startFaultyRelay(Number(new URL(server.url).port), random),
  https: await startFaultyRelay(Number(new URL(server.httpsUrl).port), random),
  proxy: await startFaultyRelay(Number(new URL(proxy.url).port), random),
  socks: await startFaultyRelay(socks.port, random),
}
const forgetting = setInterval(() => {
  server.reset()
  proxy.reset()
  socks.requests.length = 0
}, 1000)

process.once('disconnect', () => process.exit(0))
process.on('message', (message) => {
  if (message === 'stop') {
    clearInterval(forgetting)
    process.exit(0)
  }
  const fates = {}
  for (const { counts } of Object.values(relays))
    for (const [fate, count] of Object.entries(counts)) fates[fate] = (fates[fate] ?? 0) + count
  const open = Object.values(relays).reduce((sum, { openCount }) => sum + openCount(), 0)
  process.send({ fates, open })
})
process.send({
  http: `http://127.0.0.1:${relays.http.port}`,
  https: `https://localhost:${relays.https.port}`,
  proxy: `http://127.0.0.1:${relays.proxy.port}`,
  socks: `socks5h://127.0.0.1:${relays.socks.port}`,
  ca: server.ca,
})
