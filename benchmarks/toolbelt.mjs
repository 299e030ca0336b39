// Memory of what @entreat/toolbelt streams: 1 GiB up as multipart, also where it has to be sent twice, 1 GiB down, and 10,000 requests through imap.
//
//   pnpm bench toolbelt [--mib 1024] [--urls 10000]
//
// The server is a process of its own, and so is each case. Idle is what that has after a small warm-up; it fails if the peak is more than 64 MiB above, or if
// the server did not get the same bytes each time.
import { fork, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { DigestAuth, Retry, Session } from '@entreat/core'
import { fileBody } from '@entreat/toolbelt/body'
import { imap, map } from '@entreat/toolbelt/concurrency'
import { download } from '@entreat/toolbelt/downloads'
import { MultipartEncoder } from '@entreat/toolbelt/multipart'

const { values } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    urls: { type: 'string', default: '10000' },
    job: { type: 'string' },
  },
})
const MIB = 1024 * 1024
const length = Number(values.mib) * MIB
const ALLOWED = 64 * MIB
const settle = async () => {
  globalThis.gc()
  await sleep(100)
  globalThis.gc()
}

/** Runs and tells the highest resident memory meanwhile. */
async function peakOf(run) {
  let peak = process.memoryUsage.rss()
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 10)
  const started = performance.now()
  try {
    await run()
  } finally {
    clearInterval(timer)
  }
  return { peak: Math.max(peak, process.memoryUsage.rss()), seconds: (performance.now() - started) / 1000 }
}

async function makeFile(path, bytes) {
  const stream = createWriteStream(path)
  const block = Buffer.alloc(MIB, 'call me Ishmael ')
  for (let written = 0; written < bytes; written += MIB) {
    block.writeUInt32LE(written / MIB)
    if (!stream.write(block)) await once(stream, 'drain')
  }
  stream.end()
  await finished(stream)
}

async function hashOf(body) {
  const hash = createHash('sha256')
  for await (const piece of body.open()) hash.update(piece)
  return hash.digest('hex')
}

async function upload(session, url, path, options, times) {
  const encoder = new MultipartEncoder({ name: 'whale', file: await fileBody(path) })
  const response = await session.post(url, { data: encoder, timeout: null, ...options })
  const seen = response.raiseForStatus().json()
  const expected = await hashOf(encoder)
  if (seen.length !== times || seen.some((one) => one.bytes !== encoder.length || one.sha256 !== expected)) {
    throw new Error(
      `${url}: the server got ${JSON.stringify(seen)}, not ${times} times ${encoder.length} bytes with ${expected}`,
    )
  }
}

async function fetchAll(session, url, count) {
  const urls = function* () {
    for (let index = 0; index < count; index++) yield `${url}/small/${index}`
  }
  let index = 0
  for await (const response of imap(urls(), { session, size: 50, ordered: true })) {
    if (response.text !== `/small/${index++}`) throw new Error(`out of order at ${index}`)
  }
}

async function mapAll(session, url, count) {
  const urls = Array.from({ length: count }, (_, index) => `${url}/small/${index}`)
  const texts = await map(urls, { session, size: 50, onResponse: ({ text }) => text.length })
  if (texts.length !== count || texts[10] !== '/small/10'.length) throw new Error('map lost something')
}

const retry = new Retry({ total: 1, statusForcelist: [503], allowedMethods: null, backoffMs: 0 })
const digest = new DigestAuth('ahab', 'ivory')

/** What is measured, each in a process of its own: a name, and a function that is told whether this is the warm-up. */
function casesOf({ url, folder, session }) {
  const path = (isWarmUp) => join(folder, isWarmUp ? 'small' : 'large')
  const count = (isWarmUp) => (isWarmUp ? 100 : Number(values.urls))
  const saved = join(folder, 'saved')
  const save = async (bytes) => {
    await download(`${url}/download/${bytes}`, saved, { session, overwrite: true })
    rmSync(saved)
  }
  return [
    ['multipart upload', (isWarmUp) => upload(session, `${url}/once`, path(isWarmUp), {}, 1)],
    ['… sent again after a 307', (isWarmUp) => upload(session, `${url}/redirect`, path(isWarmUp), {}, 2)],
    ['… after a digest 401', (isWarmUp) => upload(session, `${url}/digest`, path(isWarmUp), { auth: digest }, 2)],
    ['… after a retried 503', (isWarmUp) => upload(session, `${url}/retry`, path(isWarmUp), { retry }, 2)],
    ['download to a file', (isWarmUp) => save(isWarmUp ? MIB : length)],
    [`map over ${values.urls} URLs, 50 at once`, (isWarmUp) => mapAll(session, url, count(isWarmUp))],
    [`imap over ${values.urls} URLs, 50 at once`, (isWarmUp) => fetchAll(session, url, count(isWarmUp))],
  ]
}

/** Measures one case in this process. @returns whether it stayed within what is allowed. */
async function measure({ url, folder, index }) {
  const session = new Session({ trustEnv: false })
  const [name, run] = casesOf({ url, folder, session })[index]
  await run(true)
  await settle()
  const idle = process.memoryUsage.rss()
  const { peak, seconds } = await peakOf(() => run(false))
  await session.close()
  const above = peak - idle
  const shown = `${(above / MIB).toFixed(1).padStart(6)} MiB above idle (${(idle / MIB).toFixed(0)} MiB)`
  console.log(`${name.padEnd(38)} ${seconds.toFixed(1).padStart(6)} s   peak ${shown}`)
  return above <= ALLOWED
}

async function measureAll() {
  const server = fork(fileURLToPath(new URL('toolbelt-server.mjs', import.meta.url)))
  const folder = mkdtempSync(join(tmpdir(), 'entreat-bench-'))
  try {
    const [{ url }] = await once(server, 'message')
    await makeFile(join(folder, 'small'), MIB)
    await makeFile(join(folder, 'large'), length)
    const codes = casesOf({ url, folder, session: null }).map((_, index) => {
      const job = JSON.stringify({ url, folder, index })
      const args = ['--expose-gc', fileURLToPath(import.meta.url), ...process.argv.slice(2), '--job', job]
      return spawnSync(process.execPath, args, { stdio: 'inherit' }).status
    })
    const isWithin = codes.every((code) => code === 0)
    console.log(isWithin ? 'All within 64 MiB of idle; every body arrived whole, each time.' : 'FAILED: see above')
    return isWithin ? 0 : 1
  } finally {
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

process.exitCode = values.job === undefined ? await measureAll() : (await measure(JSON.parse(values.job))) ? 0 : 1
