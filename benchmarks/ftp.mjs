// FTP of a large file, down and up, against curl and basic-ftp on the same vsftpd in one run.
//
//   pnpm bench ftp [--mebibytes 1024] [--rounds 5] [--tls]
//
// Needs root, vsftpd and curl (lab/debian-packages.txt). Every transfer has a process of its own, and is its second request: nobody's time has the sign-in
// in it, everybody's has the commands of the transfer. Rounds are interleaved, nothing that was written is there when the next begins, and each
// round begins with another client: the first after a pause finds the disk idle. The ratio is the median of each round's ratio to curl; processor time
// is user and system time together. `--tls` secures commands and data (AUTH TLS).
import { execFile, execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chownSync, createReadStream, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import { testCertificates } from '@entreat/testkit'
import { createFolder, missingServers, password, startVsftpd, user, writeCertificate } from '../lab/ftp/ftp-servers.mjs'

const { values } = parseArgs({
  options: {
    mebibytes: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '5' },
    tls: { type: 'boolean', default: false },
  },
})
const mebibytes = Number(values.mebibytes)
const rounds = Number(values.rounds)
const execute = promisify(execFile)
const script = fileURLToPath(new URL('ftp-transfer.mjs', import.meta.url))

async function withNode(client, kind, place, digest = '') {
  const { port, file, target, ca } = place
  const args = [script, client, kind, String(port), nameFor(kind), kind === 'to a file' ? target : file, ca, digest]
  return JSON.parse((await execute(process.execPath, args)).stdout)
}

/** curl with two transfers, of which the second counts. Bash tells the processor time of both. */
async function withCurl(kind, { port, file, target, ca }) {
  const url = `ftp://127.0.0.1:${port}`
  const common = ['-sS', '-u', `${user}:${password}`, ...(ca === '' ? [] : ['--ssl-reqd', '--cacert', ca])]
  const what = { down: ['-o', '/dev/null'], 'to a file': ['-o', target], up: ['-T', file] }[kind]
  const first = [...common, '-o', '/dev/null', `${url}/small.txt`, '--next']
  const args = [...first, ...common, '-w', '%{time_total}', ...what, `${url}/${nameFor(kind)}`]
  const timed = ['-c', 'TIMEFORMAT="%U %S"; time curl "$@"', 'bash', ...args]
  const { stdout, stderr } = await execute('bash', timed)
  const [userSeconds, systemSeconds] = stderr.trim().split('\n').at(-1).split(' ').map(Number)
  return { ms: Number(stdout) * 1000, cpuMs: (userSeconds + systemSeconds) * 1000, overIdle: Number.NaN }
}

function nameFor(kind) {
  return kind === 'up' ? 'uploaded.bin' : 'large.bin'
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
  const { server: certificate, ca } = testCertificates()
  const tls = values.tls ? writeCertificate(folder, { ...certificate, ca }) : null
  const server = await startVsftpd({ folder, tls, requireTls: true })
  const place = {
    port: server.port,
    file,
    uploaded: join(home, 'uploaded.bin'),
    target: join(folder, 'downloaded.bin'),
    ca: tls === null ? '' : join(folder, 'conf', 'ca.pem'),
  }
  console.log(
    `${mebibytes} MiB${values.tls ? ' over TLS' : ''}, ${rounds} rounds, Node ${process.version}, ${curlVersion()}`,
  )
  try {
    for (const kind of ['down', 'to a file', 'up']) await compare(kind, place)
    await check(place)
  } finally {
    await server.stop()
    remove()
  }
}

const clientsOf = {
  down: ['basic-ftp', 'entreat: for await', 'entreat: lendPieces'],
  'to a file': ['basic-ftp', 'entreat: download'],
  up: ['basic-ftp', 'entreat: stream', 'entreat: upload'],
}

async function compare(kind, place) {
  const names = ['curl', ...clientsOf[kind]]
  const runs = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    const first = round % names.length
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      for (const path of [place.uploaded, place.target]) rmSync(path, { force: true })
      runs[name].push(await (name === 'curl' ? withCurl(kind, place) : withNode(name, kind, place)))
    }
  }
  const base = runs.curl
  console.log(`${kind}, of curl:`)
  for (const [name, all] of Object.entries(runs)) {
    const speed = ((mebibytes / median(all.map(({ ms }) => ms))) * 1000).toFixed(0).padStart(5)
    const ratio = median(all.map(({ ms }, round) => base[round].ms / ms)).toFixed(2)
    const cpu = median(all.map(({ cpuMs }, round) => cpuMs / base[round].cpuMs)).toFixed(2)
    const memory = name === 'curl' ? '' : `, ${Math.max(...all.map((run) => run.overIdle)).toFixed(0)} MiB over idle`
    console.log(`  ${name.padEnd(20)} ${speed} MiB/s  ${ratio}x throughput, ${cpu}x processor time${memory}`)
  }
}

/** Once more, with digests. */
async function check(place) {
  const { file, uploaded, target } = place
  const whole = await sha256(file)
  const say = (what, digest) => console.log(`sha256 of ${what}: ${digest === whole ? 'equal' : 'DIFFERENT'}`)
  for (const name of ['entreat: for await', 'entreat: lendPieces'])
    say(name, (await withNode(name, 'down', place, 'sha256')).sha256)
  await withNode('entreat: download', 'to a file', place)
  say('entreat: download', await sha256(target))
  for (const name of ['entreat: stream', 'entreat: upload']) {
    rmSync(uploaded, { force: true })
    await withNode(name, 'up', place)
    say(name, await sha256(uploaded))
  }
}

function curlVersion() {
  return execFileSync('curl', ['--version'], { encoding: 'utf8' }).split(' ', 2).join(' ')
}

await main()
