import { execFile, spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type FTPResponse, type FTPSession, ftpSession } from '@entreat/adapter-ftp'
import { HTTPError } from '@entreat/core'
import { seededBytes } from '@entreat/testkit'
import { credentials, Lab, missing } from '../support/lab.ts'

// The same operations by entreat, curl and Python's ftplib on one server. What is written goes to WHO-…, one for each.

type Argument = string | number
type Step = readonly [operation: string, ...given: Argument[]]
type Doer = (...given: never[]) => Promise<string>

const [user, password] = credentials
const python = '/usr/bin/python3'
const peer = join(import.meta.dirname, '..', '..', '..', '..', 'lab', 'ftp', 'ftplib-peer.py')
let lab: Lab | null = null
let port = 0
let session: FTPSession

const steps: readonly Step[] = [
  ['get', 'small.txt'],
  ['get', 'empty.bin'],
  ['get', 'large.bin'],
  ['get', 'naïve-日本.txt'],
  ['get', 'with space.txt'],
  ['get', 'sub/x'],
  ['get', '/small.txt'],
  ['get', '100% #1;a?.txt'],
  ['get', 'small.txt', 6, 2],
  ['get', 'small.txt', 6],
  ['get', 'large.bin', 123_456, 1000],
  ['last', 'small.txt', 4],
  ['text', 'lf.txt'],
  ['get', 'missing.txt'],
  ['get', 'missing/x'],
  ['login', user, password],
  ['login', user, 'wrong'],
  ['anonymous', 'pub/small.txt'],
  ['size', 'small.txt'],
  ['size', 'empty.bin'],
  ['size', 'large.bin'],
  ['size', 'naïve-日本.txt'],
  ['size', 'missing.txt'],
  ['mdtm', 'small.txt'],
  ['mdtm', 'sub/x'],
  ['nlst', 'listed'],
  ['nlst', 'sub'],
  ['list', 'listed'],
  ['list', 'sub'],
  ['list', 'missing'],
  ['mlsd', 'sub'],
  ['put', 'WHO-put.txt', 'written'],
  ['put', 'WHO-ü 日本.txt', 'snow ☃'],
  ['put', 'WHO-empty.txt', ''],
  ['put', 'missing/WHO.txt', 'x'],
  ['puttext', 'WHO-text.txt', 'one\ntwo\n'],
  ['append', 'WHO-appended.txt', 'begun'],
  ['append', 'WHO-put.txt', ' and more'],
  ['resume', 'WHO-put.txt', 3, 'TTEN, and so on'],
  ['mkd', 'WHO-dir'],
  ['mkd', 'WHO-dir'],
  ['put', 'WHO-dir/in it.txt', 'inside'],
  ['rmd', 'WHO-dir'],
  ['rename', 'WHO-dir/in it.txt', 'WHO-moved.txt'],
  ['rename', 'WHO-missing', 'WHO-x'],
  ['rmd', 'WHO-dir'],
  ['rmd', 'WHO-dir'],
  ['dele', 'WHO-moved.txt'],
  ['dele', 'WHO-moved.txt'],
]

beforeAll(async () => {
  if (missing !== null) return
  lab = new Lab()
  port = (await lab.vsftpd()).port
  for (const [name, content] of [
    ['large.bin', seededBytes(1_000_000, 4)],
    ['100% #1;a?.txt', 'odd'],
  ] as const) {
    writeFileSync(join(lab.home, name), content)
    chownSync(join(lab.home, name), ...(lab.owner as [number, number]))
  }
  mkdirSync(join(lab.home, 'listed'))
  for (const name of ['a.txt', 'b c.txt', 'ü.txt']) writeFileSync(join(lab.home, 'listed', name), name)
  session = ftpSession({ auth: credentials, trustEnv: false })
})
afterAll(async () => {
  await session?.close()
  await lab?.close()
})
beforeEach((context) => {
  if (missing !== null) context.skip(missing)
  if (!existsSync(python)) context.skip('python3 is not installed')
})

function urlOf(path: string): string {
  return `ftp://127.0.0.1:${port}/${path.split('/').map(encodeURIComponent).join('/').replace(/^\//, '%2F')}`
}

function latin1({ content }: { content: Buffer }): string {
  return content.toString('latin1')
}

/** An operation that gives nothing but a failure. */
async function silent(done: Promise<unknown>): Promise<string> {
  await done
  return ''
}

const rest = (first: number, length?: number): string => `${first}-${length === undefined ? '' : first + length - 1}`

const byEntreat: Record<string, Doer> = {
  get: async (path: string, first?: number, length?: number) => {
    const headers: Record<string, string> = first === undefined ? {} : { Range: `bytes=${rest(first, length)}` }
    return latin1((await session.get(urlOf(path), { headers })).raiseForStatus())
  },
  last: async (path: string, length: number) =>
    latin1(await session.get(urlOf(path), { headers: { Range: `bytes=-${length}` } })),
  text: async (path: string) => latin1(await session.get(`${urlOf(path)};type=a`)),
  login: async (name: string, secret: string) => {
    const response = await session.get(`ftp://127.0.0.1:${port}/`, { auth: [name, secret] })
    return response.raiseForStatus().ok ? '200' : ''
  },
  anonymous: async (path: string) => latin1(await session.get(urlOf(path), { auth: null })),
  size: async (path: string) => String(await session.size(urlOf(path))),
  mdtm: async (path: string) => (await session.mdtm(urlOf(path)))?.toISOString().replace(/[-:T]|\..*/g, '') ?? '',
  nlst: async (path: string) => (await session.nlst(urlOf(path))).sort().join('\n'),
  list: async (path: string) => {
    const response = await session.request('LIST', urlOf(path), { headers: { Accept: 'text/plain' } })
    return response.raiseForStatus().text.trimEnd().replaceAll('\r', '')
  },
  mlsd: async (path: string) => (await session.mlsd(urlOf(path))).map(({ name }) => name).join('\n'),
  put: (path: string, content: string) => silent(session.stor(urlOf(path), content)),
  puttext: (path: string, content: string) => silent(session.stor(`${urlOf(path)};type=a`, content)),
  append: (path: string, content: string) => silent(session.appe(urlOf(path), content)),
  resume: (path: string, offset: number, content: string) => {
    const headers = { 'Content-Range': `bytes ${offset}-/*` }
    return silent(session.stor(urlOf(path), content, { headers }))
  },
  mkd: (path: string) => silent(session.mkd(urlOf(path))),
  rmd: (path: string) => silent(session.rmd(urlOf(path))),
  dele: (path: string) => silent(session.dele(urlOf(path))),
  rename: (path: string, target: string) => silent(session.rename(urlOf(path), urlOf(target))),
}

/** What curl prints, or the last code where it fails. */
async function curl(url: string, ...options: string[]): Promise<string> {
  const login = options.includes('-u') ? [] : ['-u', `${user}:${password}`]
  const settings = { encoding: 'latin1', maxBuffer: 1 << 26 } as const
  const run = promisify(execFile)(
    'curl',
    ['-sg', '-w', '%{stderr}%{response_code}', ...login, ...options, url],
    settings,
  )
  return run.then(
    ({ stdout }) => stdout,
    ({ stderr }: { stderr: string }) => `code:${stderr}`,
  )
}

async function curlUpload(path: string, content: string, ...options: string[]): Promise<string> {
  const file = join(lab?.home ?? '', '..', 'conf', 'to-upload')
  writeFileSync(file, content)
  // As one command: with CWD first it would be CWD that fails.
  return curl(urlOf(path), '-T', file, '--ftp-method', 'nocwd', ...options)
}

const root = (): string => `ftp://127.0.0.1:${port}/`

const byCurl: Record<string, Doer> = {
  get: (path: string, first?: number, length?: number) =>
    curl(urlOf(path), ...(first === undefined ? [] : ['-r', rest(first, length)])),
  last: (path: string, length: number) => curl(urlOf(path), '-r', `-${length}`),
  text: (path: string) => curl(`${urlOf(path)};type=a`),
  login: async (name: string, secret: string) => {
    const outcome = await curl(root(), '-u', `${name}:${secret}`, '-l')
    return outcome.startsWith('code:') ? outcome : '200'
  },
  anonymous: (path: string) => curl(urlOf(path), '-u', 'anonymous:anonymous@'),
  size: async (path: string) => headOf(await curl(urlOf(path), '-I'), 'Content-Length'),
  mdtm: async (path: string) => {
    const date = headOf(await curl(urlOf(path), '-I'), 'Last-Modified')
    return new Date(date).toISOString().replace(/[-:T]|\..*/g, '')
  },
  nlst: async (path: string) =>
    utf8(await curl(`${urlOf(path)}/`, '-l'))
      .split('\n')
      .sort()
      .join('\n'),
  list: async (path: string) => utf8(await curl(`${urlOf(path)}/`)),
  mlsd: async (path: string) => curl(`${urlOf(path)}/`, '-X', 'MLSD'),
  put: (path: string, content: string) => curlUpload(path, content),
  puttext: (path: string, content: string) => curlUpload(path, content, '--use-ascii', '--crlf'),
  append: (path: string, content: string) => curlUpload(path, content, '-a'),
  // curl has no way to write over the end of a file: the first bytes are fetched and sent again.
  resume: async (path: string, offset: number, content: string) =>
    curlUpload(path, (await curl(urlOf(path), '-r', `0-${offset - 1}`)) + content),
  mkd: (path: string) => curl(root(), '-Q', `MKD ${path}`, '-o', '/dev/null'),
  rmd: (path: string) => curl(root(), '-Q', `RMD ${path}`, '-o', '/dev/null'),
  dele: (path: string) => curl(root(), '-Q', `DELE ${path}`, '-o', '/dev/null'),
  rename: (path: string, target: string) =>
    curl(root(), '-Q', `RNFR ${path}`, '-Q', `RNTO ${target}`, '-o', '/dev/null'),
}

function utf8(text: string): string {
  return Buffer.from(text, 'latin1').toString().trimEnd().replaceAll('\r', '')
}

function headOf(text: string, name: string): string {
  return new RegExp(`^${name}: (.*?)\\r?$`, 'm').exec(text)?.[1] ?? text
}

async function run(doers: Record<string, Doer>, who: string, [operation, ...given]: Step): Promise<string> {
  const named = given.map((argument) => (typeof argument === 'string' ? argument.replaceAll('WHO', who) : argument))
  try {
    return await (doers[operation] as Doer)(...(named as never[]))
  } catch (error) {
    if (error instanceof HTTPError) return `code:${(error.response as FTPResponse).replyCode}`
    throw error
  }
}

/** Operations after which the file on the server's disk is compared as well. */
const WRITES = new Set(['put', 'puttext', 'append', 'resume'])

function onDisk(who: string, [operation, path]: Step): string | null {
  const file = join(lab?.home ?? '', String(path).replaceAll('WHO', who))
  return WRITES.has(operation) && existsSync(file) ? readFileSync(file, 'utf8') : null
}

test(`${steps.length} operations come to the same as with curl and ftplib`, async () => {
  const differences: unknown[] = []
  const byFtplib = runFtplib()
  for (const [index, step] of steps.entries()) {
    const us = [await run(byEntreat, 'entreat', step), onDisk('entreat', step)]
    const curl = [await run(byCurl, 'curl', step), onDisk('curl', step)]
    const ftplib = byFtplib[index] ?? []
    for (const them of [curl, ftplib])
      if (comparable(us) !== comparable(them)) differences.push({ step, us: shown(us), them: shown(them) })
  }
  expect(differences).toEqual([])
}, 60_000)

function runFtplib(): (string | null)[][] {
  const named = steps.map((step) =>
    step.map((part) => (typeof part === 'string' ? part.replaceAll('WHO', 'ftplib') : part)),
  )
  const input = JSON.stringify({ port, user, password, home: lab?.home, steps: named })
  const { stdout, stderr } = spawnSync(python, [peer], { input, encoding: 'utf8', timeout: 60_000, maxBuffer: 1 << 26 })
  expect(stderr).toBe('')
  return JSON.parse(stdout) as (string | null)[][]
}

/** Names that a client gave its own files do not count as a difference. */
function comparable(outcome: readonly unknown[]): string {
  return JSON.stringify(outcome).replaceAll(/entreat|curl|ftplib/g, 'WHO')
}

function shown(outcome: readonly unknown[]): string {
  return JSON.stringify(outcome).slice(0, 300)
}
