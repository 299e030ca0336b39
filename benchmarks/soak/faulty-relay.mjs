// A TCP relay that does to connections what networks do: delays, resets, cuts, garbage, silence, one byte at a time.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** What may happen to a connection, and how often of 100. What is left goes through untouched. */
const FATES = [
  ['delay', 12],
  ['dribble', 6],
  ['reset', 6],
  ['cut', 6],
  ['garbage', 5],
  ['silence', 3],
  ['refuse', 2],
  ['resetUpload', 3],
  ['unasked', 2],
]

function chooseFate(random) {
  let ticket = random() * 100
  for (const [fate, share] of FATES) {
    ticket -= share
    if (ticket < 0) return fate
  }
  return 'pass'
}

/**
 * Starts a relay to one port of this machine.
 *
 * @param random - gives numbers from 0 to 1.
 * @returns its port, how many connections had which fate, and how many are open.
 */
export async function startFaultyRelay(targetPort, random) {
  const counts = {}
  const open = new Set()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const fate = chooseFate(random)
    counts[fate] = (counts[fate] ?? 0) + 1
    open.add(client)
    client.once('close', () => open.delete(client))
    relay({ client, fate, targetPort, random })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: server.address().port, counts, openCount: () => countOpen(open) }
}

/**
 * Connections that their client has not ended; asked once all calls are over. What is left of a request that its server never took is read past, or the end
 * behind it would not be seen; a server that never answers keeps its half open, which is no matter of the client's.
 */
function countOpen(open) {
  for (const socket of open) {
    socket.unpipe()
    socket.resume()
  }
  return [...open].filter(({ readableEnded }) => !readableEnded).length
}

function relay({ client, fate, targetPort, random }) {
  client.on('error', () => {})
  if (fate === 'refuse') return client.resetAndDestroy()
  const target = connect({ port: targetPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  target.on('error', () => client.destroy())
  client.once('close', () => target.destroy())
  target.once('close', () => client.destroySoon())
  if (fate === 'resetUpload') resetAfter(client, client, Math.floor(random() * 20_000))
  client.pipe(target)
  respond({ client, target, fate, random }).catch(() => client.destroy())
}

/** Resets a connection once so many bytes of the request came. */
function resetAfter(from, client, most) {
  let seen = 0
  from.on('data', (piece) => {
    seen += piece.length
    if (seen > most) client.resetAndDestroy()
  })
}

/** Bytes of the response after which the fate is met: often inside the head, sometimes far into a body. */
function fatefulByte(random) {
  return Math.floor(random() < 0.5 ? random() * 400 : random() * 200_000)
}

async function respond({ client, target, fate, random }) {
  const at = fatefulByte(random)
  let seen = 0
  for await (const piece of target) {
    const rest = at - seen
    seen += piece.length
    if (fate === 'silence' && rest < piece.length) continue
    if (fate === 'delay') await pause(random() * 30)
    if (fate === 'dribble' && seen < 3000) await dribble(client, piece, random)
    else if (rest >= piece.length || !Object.hasOwn(breaks, fate)) await write(client, piece)
    else return breaks[fate](client, piece.subarray(0, Math.max(0, rest)), random)
  }
  client.end()
}

const breaks = {
  async reset(client, piece) {
    await write(client, piece)
    await pause(5)
    client.resetAndDestroy()
  },
  async cut(client, piece) {
    client.end(piece)
  },
  // Nothing follows it: from an answer that nobody asked for on, no client can tell whose the next one is.
  async unasked(client, piece, random) {
    await write(client, piece)
    await pause(random() * 5)
    client.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  },
  async garbage(client, piece, random) {
    await write(client, piece)
    await write(client, randomBytes(1 + Math.floor(random() * 500)))
    await pause(5)
    if (random() < 0.5) client.end()
  },
}

async function write(client, piece) {
  if (client.destroyed) throw new Error('gone')
  if (client.write(piece)) return
  await Promise.race([once(client, 'drain'), once(client, 'close')])
}

async function dribble(client, piece, random) {
  for (let at = 0; at < piece.length;) {
    const length = 1 + Math.floor(random() * 200)
    await write(client, piece.subarray(at, at + length))
    at += length
    await pause(1)
  }
}

/** The same numbers for the same seed (mulberry32). */
export function seededRandom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
