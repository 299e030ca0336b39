// One transfer of benchmarks/ftp.mjs in a process of its own: node ftp-transfer.mjs entreat|basic-ftp down|up HOST PORT NAME FILE [sha256]
// Prints JSON: how long it took, how much memory it took over what the idle process holds, and a digest if one is asked for.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { createRequire } from 'node:module'
import { Writable } from 'node:stream'
import { FTPAdapter } from '@entreat/adapter-ftp'
import { Session } from '@entreat/core'

const [client, direction, host, port, name, file, digest] = process.argv.slice(2)
const credentials = ['alice', 'secret']

async function withEntreat(hash) {
  const session = new Session({ auth: credentials, trustEnv: false })
  session.mount('ftp://', new FTPAdapter())
  const url = `ftp://${host}:${port}/${name}`
  await session.get(`ftp://${host}:${port}/small.txt`)
  const idle = process.memoryUsage.rss()
  const started = performance.now()
  if (direction === 'down') {
    const response = await session.get(url, { stream: true })
    for await (const piece of response) hash?.update(piece)
  } else {
    const response = await session.put(url, { data: createReadStream(file, { highWaterMark: 512 * 1024 }) })
    response.raiseForStatus()
  }
  const ms = performance.now() - started
  await session.close()
  return { idle, ms }
}

async function withBasicFtp(hash) {
  const { Client } = createRequire(new URL('../packages/adapter-ftp/package.json', import.meta.url))('basic-ftp')
  const ftp = new Client()
  await ftp.access({ host, port: Number(port), user: credentials[0], password: credentials[1] })
  const idle = process.memoryUsage.rss()
  const started = performance.now()
  if (direction === 'down') {
    const write = (piece, _encoding, done) => {
      hash?.update(piece)
      done()
    }
    await ftp.downloadTo(new Writable({ write }), name)
  } else {
    await ftp.uploadFrom(createReadStream(file, { highWaterMark: 512 * 1024 }), name)
  }
  const ms = performance.now() - started
  ftp.close()
  return { idle, ms }
}

const hash = digest === 'sha256' ? createHash('sha256') : null
const { idle, ms } = await (client === 'entreat' ? withEntreat(hash) : withBasicFtp(hash))
const overIdle = (process.resourceUsage().maxRSS * 1024 - idle) / 1048576
console.log(JSON.stringify({ ms, overIdle, sha256: hash?.digest('hex') }))
