import assert from 'node:assert/strict'
import { DigestAuth, RequestException, type Response, type Session } from '@entreat/core'
import type { SecurityBench } from '../security-bench.ts'
import { within } from '../checks.ts'
import { wireReply } from '../wire-server.ts'
import type { Case } from '../suite-runner.ts'

const MEGABYTE = 1_000_000
/** A tenth of it takes a quadratic parser of URLs long enough. */
const URL_CHARACTERS = 100_000
/** Of this process, so that a busy machine breaks no rule: far more than linear work takes, far less than quadratic work does. */
const MOST_CPU_MS = 3000
const LINE_CHARACTERS = 200_000

/** What makes careless parsers slow, one megabyte each. */
const UNITS = ['"', ',', ' ', ';', '\\', '=', 'a', '"\\', ', a', ';a="', '</>; rel=a,', 'a="b" ', '%', '/', 'é']

/** Which headers of a response are read, and what reads them. */
const HEADERS: Readonly<Record<string, { readonly status?: string; readonly read: (response: Response) => unknown }>> =
  {
    Link: { read: (response) => response.links },
    'Set-Cookie': { read: (response) => response.cookies },
    'Content-Type': { read: (response) => [response.encoding, response.text] },
    'Content-Encoding': { read: (response) => response.content },
    'Content-Disposition': { read: (response) => response.headers.get('content-disposition') },
    'WWW-Authenticate': { status: '401 Unauthorized', read: (response) => response.statusCode },
    'Proxy-Authenticate': { status: '407 Proxy Authentication Required', read: (response) => response.statusCode },
    'Authentication-Info': { read: (response) => response.statusCode },
    'Retry-After': { status: '503 Service Unavailable', read: (response) => response.statusCode },
    Location: { status: '302 Found', read: (response) => response.next },
    'Keep-Alive': { read: (response) => response.statusCode },
    Connection: { read: (response) => response.statusCode },
    'X-Any': { read: (response) => [response.headers.get('x-any'), JSON.stringify([...response.headers])] },
  }

/** Family T11: what a server sends is read in time that grows with its length, and no faster. */
export function linearTimeCases(): readonly Case<SecurityBench>[] {
  const rule = 'T11'
  const names = Object.keys(HEADERS)
  return [
    ...names.map((name) => ({
      rule,
      sentence: `a megabyte of ${name} is read in linear time`,
      needs: ['wire'],
      check: (bench: SecurityBench) => readsHeader(bench, name),
    })),
    { rule, sentence: 'ten thousand header lines are read in linear time', needs: ['wire'], check: manyLines },
    {
      rule,
      sentence: '100,000 characters of URL, parameter or userinfo is read in linear time',
      needs: [],
      check: longUrls,
    },
    {
      rule,
      sentence: '200,000 characters of one line, and of many, are split in linear time',
      needs: [],
      check: lines,
    },
  ]
}

/** The best of three counts. */
async function assertFast(what: string, run: () => Promise<unknown>): Promise<void> {
  let best = Infinity
  for (let attempt = 0; attempt < 3 && best > MOST_CPU_MS; attempt++) {
    const started = process.cpuUsage()
    await within(
      run().catch((error: unknown) => {
        assert.ok(error instanceof RequestException, `${what} raised ${String(error)}, which is no RequestException`)
      }),
      'come to an end',
      20 * MOST_CPU_MS,
    )
    const { user, system } = process.cpuUsage(started)
    best = Math.min(best, (user + system) / 1000)
  }
  assert.ok(best <= MOST_CPU_MS, `${what} took ${Math.round(best)} ms of CPU`)
}

async function readsHeader(bench: SecurityBench, name: string): Promise<void> {
  const { status, read } = HEADERS[name] as (typeof HEADERS)[string]
  let value = ''
  const wire = await bench.wire(() => wireReply('x', `${name}: ${value}\r\nConnection: close\r\n`, status))
  const session: Session = bench.session({
    auth: new DigestAuth('user', 'password'),
    limits: { headerBytes: 3 * MEGABYTE },
    retry: 1,
  })
  for (const unit of UNITS) {
    value = Buffer.from(unit.repeat(MEGABYTE / unit.length)).toString('latin1')
    await assertFast(`a megabyte of ${JSON.stringify(unit)} as ${name}`, async () =>
      read(await session.get(`${wire.url}/`, { allowRedirects: false })),
    )
  }
}

async function manyLines(bench: SecurityBench): Promise<void> {
  const lines = Array.from(
    { length: 10_000 },
    (_, index) => `X-${index}: ${index}\r\nSet-Cookie: c${index}=1\r\n`,
  ).join('')
  const wire = await bench.wire(() => wireReply('x', lines))
  const session = bench.session({ limits: { headerBytes: 3 * MEGABYTE } })
  await assertFast('20,000 header lines', async () => {
    const response = await session.get(`${wire.url}/`)
    for (const [name] of response.headers) assert.notEqual(name, '')
  })
}

async function longUrls(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  for (const unit of ['%', '/', '../', '@', ':', '?', '&', '=', '[', '.', 'a', '%2', '\\', ' ', 'é', '#']) {
    const text = unit.repeat(URL_CHARACTERS / unit.length)
    const what = `${URL_CHARACTERS} characters of ${JSON.stringify(unit)} as`
    // Most of them are refused, or answered by the server's own limit; none may take long to judge.
    await assertFast(`${what} path`, async () => session.getAdapter(`${bench.origin}/${text}`))
    await assertFast(`${what} host`, async () => session.getAdapter(`http://${text}/`))
    await assertFast(`${what} userinfo`, async () => session.getAdapter(`http://${text}@127.0.0.1/`))
    await assertFast(`${what} parameter`, () => session.get('http://127.0.0.1:1/', { params: { [text]: text } }))
    await assertFast(`${what} proxy`, () => session.get(`${bench.origin}/get`, { proxies: { all: `http://${text}` } }))
  }
}

async function lines(bench: SecurityBench): Promise<void> {
  const session = bench.session()
  for (const unit of ['a', '\n', '\r', '\r\n', '\u2028', 'é']) {
    const path = bench.serve({ 'Content-Type': 'text/plain; charset=utf-8' }, Buffer.from(unit.repeat(LINE_CHARACTERS)))
    await assertFast(`${LINE_CHARACTERS} characters of ${JSON.stringify(unit)} as lines`, async () => {
      const response = await session.get(bench.origin + path, { stream: true })
      for await (const _line of response.iterLines({ chunkSize: 512, decodeUnicode: true })) continue
    })
  }
}
