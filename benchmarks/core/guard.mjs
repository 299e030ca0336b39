// The guard of CI: a GET with a cookie, Basic and every default against `undici.request`, interleaved in one process. The bound is generous, so that a busy
// machine does not fail it and a regression does; the budget itself is for `pnpm bench`.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { clients } from './clients.mjs'
import { compare, ratio, runRound } from './measure.mjs'

const BOUND = 1.1
/** Rounds are added until the verdict is clear or this many have been run. */
const MOST_TRIES = 4

const server = fork(fileURLToPath(new URL('server.mjs', import.meta.url)))
const [{ http }] = await once(server, 'message')
const url = `${http}/json`
const opened = ['entreat', 'undici.request'].map((name) => {
  const client = clients[name]({ url, connections: 32, auth: true, cookies: 1 })
  const round = (ms) => runRound(() => client.get(url), { ms, inFlight: 32 })
  return { name, round, close: client.close }
})
let lowest = Infinity
for (let tries = 0; tries < MOST_TRIES && lowest > BOUND; tries++) {
  const results = await compare(opened, { ms: 100, rounds: 15 })
  const { median } = ratio(results, 'entreat', 'undici.request')
  lowest = Math.min(lowest, median)
}
for (const { close } of opened) await close()
server.kill()
console.log(`CPU of a GET: ${lowest.toFixed(2)}x undici.request, at most ${BOUND}x allowed`)
process.exitCode = lowest <= BOUND ? 0 : 1
