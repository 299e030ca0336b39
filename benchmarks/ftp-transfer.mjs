// One transfer of benchmarks/ftp.mjs in a process of its own: node ftp-transfer.mjs CLIENT KIND PORT NAME FILE [CA] [sha256]
// Prints JSON: how long it took, its processor time, how much memory it took over what the idle process holds, and a digest if one is asked for.
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { Writable } from 'node:stream'
import { ftpSession } from '@entreat/adapter-ftp'

const [client, kind, port, name, file, ca, digest] = process.argv.slice(2)
const host = '127.0.0.1'
const credentials = ['alice', 'secret']
const hash = digest === 'sha256' ? createHash('sha256') : null
let bytes = 0

function count(piece) {
  bytes += piece.length
  hash?.update(piece)
}

/** What each way of using entreat does, given a session and the URL. */
const ways = {
  'entreat: for await': async (session, url) => {
    for await (const piece of await session.retr(url)) count(piece)
  },
  'entreat: lendPieces': async (session, url) => (await session.retr(url)).lendPieces(count),
  'entreat: download': (session, url) => session.download(url, file),
  'entreat: stream': (session, url) => session.stor(url, createReadStream(file, { highWaterMark: 512 * 1024 })),
  'entreat: upload': (session, url) => session.upload(file, url),
}

async function withEntreat() {
  const secure = ca === '' ? {} : { verify: ca, ftp: { explicitTls: true } }
  const session = ftpSession({ auth: credentials, trustEnv: false, ...secure })
  await session.get(`ftp://${host}:${port}/small.txt`)
  const measured = await measure(() => ways[client](session, `ftp://${host}:${port}/${name}`))
  await session.close()
  return measured
}

async function withBasicFtp() {
  const { Client } = createRequire(new URL('../packages/adapter-ftp/package.json', import.meta.url))('basic-ftp')
  const ftp = new Client()
  const secure = ca === '' ? {} : { secure: true, secureOptions: { ca: readFileSync(ca) } }
  await ftp.access({ host, port: Number(port), user: credentials[0], password: credentials[1], ...secure })
  const sink = () => new Writable({ write: (piece, _encoding, done) => done(count(piece)) })
  await ftp.downloadTo(sink(), 'small.txt')
  const transfer = {
    down: () => ftp.downloadTo(sink(), name),
    'to a file': () => ftp.downloadTo(file, name),
    up: () => ftp.uploadFrom(createReadStream(file, { highWaterMark: 512 * 1024 }), name),
  }
  const measured = await measure(transfer[kind])
  ftp.close()
  return measured
}

async function measure(transfer) {
  const idle = process.memoryUsage.rss()
  const before = process.cpuUsage()
  const started = performance.now()
  await transfer()
  const ms = performance.now() - started
  const { user, system } = process.cpuUsage(before)
  return { idle, ms, cpuMs: (user + system) / 1000 }
}

const { idle, ...times } = await (client === 'basic-ftp' ? withBasicFtp() : withEntreat())
const overIdle = (process.resourceUsage().maxRSS * 1024 - idle) / 1048576
console.log(JSON.stringify({ ...times, overIdle, bytes, sha256: hash?.digest('hex') }))
