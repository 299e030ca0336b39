// FTP of a large file, down and up, against curl and basic-ftp on the same vsftpd in one run.
//
//   pnpm bench ftp [--mebibytes 1024] [--rounds 3]
//
// Needs root, vsftpd and curl (lab/debian-packages.txt). Every transfer has a process of its own; rounds are interleaved and the median is taken.
import { execFile, execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chownSync, createReadStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { createFolder, missingServers, password, startVsftpd, user } from '../lab/ftp/ftp-servers.mjs'

const { values } = parseArgs({
  options: { mebibytes: { type: 'string', default: '1024' }, rounds: { type: 'string', default: '3' } },
})
const mebibytes = Number(values.mebibytes)
const rounds = Number(values.rounds)
const execute = promisify(execFile)
const script = fileURLToPath(new URL('ftp-transfer.mjs', import.meta.url))

async function withNode(client, direction, { port, file }, digest = '') {
  const args = [script, client, direction, '127.0.0.1', String(port), nameFor(direction), file, digest]
  return JSON.parse((await execute(process.execPath, args)).stdout)
}

async function withCurl(direction, { port, file }) {
  const url = `ftp://127.0.0.1:${port}/${nameFor(direction)}`
  const what = direction === 'down' ? ['-o', '/dev/null'] : ['-T', file]
  const args = ['-sS', '-u', `${user}:${password}`, '-w', '%{time_total} %{time_pretransfer}', ...what, url]
  const [total, before] = (await execute('curl', args)).stdout.split(' ').map(Number)
  return { ms: (total - before) * 1000, overIdle: Number.NaN }
}

function nameFor(direction) {
  return direction === 'down' ? 'large.bin' : 'uploaded.bin'
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]
}

async function sha256(path) {
  const hash = createHash('sha256')
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece)
  return hash.digest('hex')
}

async function main() {
  const missing = missingServers()
  if (missing !== null) throw new Error(missing)
  const { folder, home, uid, gid, remove } = createFolder()
  const file = join(home, 'large.bin')
  for (let count = 0; count < mebibytes; count++) writeFileSync(file, randomBytes(1 << 20), { flag: 'a' })
  chownSync(file, uid, gid)
  const server = await startVsftpd({ folder })
  const place = { port: server.port, file }
  try {
    for (const direction of ['down', 'up']) await compare(direction, place)
    const [whole, down] = [await sha256(file), await withNode('entreat', 'down', place, 'sha256')]
    console.log(`sha256 of the download ${down.sha256 === whole ? 'equal' : 'DIFFERENT'}`)
    console.log(`sha256 of the upload ${(await sha256(join(home, 'uploaded.bin'))) === whole ? 'equal' : 'DIFFERENT'}`)
  } finally {
    await server.stop()
    remove()
  }
}

async function compare(direction, place) {
  const clients = {
    curl: () => withCurl(direction, place),
    'basic-ftp': () => withNode('basic-ftp', direction, place),
    entreat: () => withNode('entreat', direction, place),
  }
  const runs = Object.fromEntries(Object.keys(clients).map((name) => [name, []]))
  for (let round = 0; round < rounds; round++)
    for (const [name, transfer] of Object.entries(clients)) runs[name].push(await transfer())
  const base = median(runs.curl.map(({ ms }) => ms))
  console.log(`${mebibytes} MiB ${direction}, median of ${rounds}, Node ${process.version}, ${curlVersion()}`)
  for (const [name, all] of Object.entries(runs)) {
    const ms = median(all.map((run) => run.ms))
    const memory = name === 'curl' ? '' : `, ${Math.max(...all.map((run) => run.overIdle)).toFixed(0)} MiB over idle`
    console.log(
      `  ${name.padEnd(10)} ${((mebibytes / ms) * 1000).toFixed(0).padStart(5)} MiB/s  ${(base / ms).toFixed(2)}x curl${memory}`,
    )
  }
}

function curlVersion() {
  return execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ', 2).join(' ')
}

await main()
