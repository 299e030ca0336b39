// Memory of what @entreat/toolbelt streams: 1 GiB up as multipart, also where it has to be sent twice, 1 GiB down, and 10,000 requests through imap.
//
//   node benchmarks/toolbelt.mjs [--mib 1024] [--urls 10000]
//
// The server is a process of its own. Idle is what this process has after a warm-up of each kind; it fails if a peak is more than 64 MiB above that, or
// if the server did not get the same bytes each time.
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
import { imap } from '@entreat/toolbelt/concurrency'
import { download } from '@entreat/toolbelt/downloads'
import { MultipartEncoder } from '@entreat/toolbelt/multipart'

const { values } = parseArgs({
  options: { mib: { type: 'string', default: '1024' }, urls: { type: 'string', default: '10000' } },
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

async function main() {
  const server = fork(fileURLToPath(new URL('toolbelt-server.mjs', import.meta.url)))
  const folder = mkdtempSync(join(tmpdir(), 'entreat-bench-'))
  const session = new Session({ trustEnv: false })
  try {
    const [{ url }] = await once(server, 'message')
    return await measureAll(url, folder, session)
  } finally {
    await session.close()
    server.kill()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function measureAll(url, folder, session) {
  const [small, large] = [join(folder, 'small'), join(folder, 'large')]
  await makeFile(small, 16 * MIB)
  await makeFile(large, length)
  const retry = new Retry({ total: 1, statusForcelist: [503], allowedMethods: null, backoffMs: 0 })
  const saved = join(folder, 'saved')
  const save = async (bytes) => {
    await download(`${url}/download/${bytes}`, saved, { session, overwrite: true })
    rmSync(saved)
  }
  const cases = [
    ['multipart upload', (path) => upload(session, `${url}/once`, path, {}, 1)],
    ['… sent again after a 307', (path) => upload(session, `${url}/redirect`, path, {}, 2)],
    [
      '… after a digest 401',
      (path) => upload(session, `${url}/digest`, path, { auth: new DigestAuth('ahab', 'ivory') }, 2),
    ],
    ['… after a retried 503', (path) => upload(session, `${url}/retry`, path, { retry }, 2)],
    ['download to a file', (path) => save(path === small ? 16 * MIB : length)],
    [
      `imap over ${values.urls} URLs, 50 at once`,
      (path) => fetchAll(session, url, path === small ? 1000 : Number(values.urls)),
    ],
  ]
  for (const [, run] of cases) await run(small)
  await settle()
  let isWithin = true
  for (const [name, run] of cases) {
    await settle()
    const idle = process.memoryUsage.rss()
    const { peak, seconds } = await peakOf(() => run(large))
    const above = peak - idle
    isWithin &&= above <= ALLOWED
    console.log(
      `${name.padEnd(38)} ${seconds.toFixed(1).padStart(6)} s   peak ${(above / MIB).toFixed(1).padStart(6)} MiB above idle (${(idle / MIB).toFixed(0)} MiB)`,
    )
  }
  console.log(
    isWithin ? 'All within 64 MiB of idle; every body arrived whole, each time.' : 'FAILED: above 64 MiB of idle',
  )
  return isWithin ? 0 : 1
}

if (globalThis.gc) process.exitCode = await main()
else {
  const self = fileURLToPath(import.meta.url)
  process.exitCode =
    spawnSync(process.execPath, ['--expose-gc', self, ...process.argv.slice(2)], { stdio: 'inherit' }).status ?? 1
}
