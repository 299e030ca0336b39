import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type RecordedRequest, TestServer } from '@entreat/testkit'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Fence, isPeer, readFences, redirectHosts } from './blocks.ts'
import { type Outcome, type Program, runPrograms } from './run-programs.ts'

// docs/migrate shows programs of other clients, each followed by ours that does the same. Both are run, each against a server of its
// own, and have to print the same lines and send the same requests.

interface Pair {
  readonly page: string
  readonly peer: Fence
  readonly ours: Fence
}

const root = join(import.meta.dirname, '..', '..', '..', '..')
// Inside the package that has the other clients among its dependencies.
const workFolder = join(root, 'benchmarks', '.cache', 'pairs')
const pages = readdirSync(join(root, 'docs', 'migrate')).filter((name) => name.endsWith('.md'))
const pairs = pages.flatMap((page) => readPairs(page))
/** Deprecated and not installed: its page says so. */
const notRun = new Set(['request.md'])
const toRun = pairs.filter(({ page }) => !notRun.has(page))
const hasRequests = spawnSync('python3', ['-c', 'import requests']).status === 0

const servers: TestServer[] = []
const outcomes = new Map<Fence, Outcome & { readonly requests: readonly string[] }>()

beforeAll(async () => {
  await rm(workFolder, { recursive: true, force: true })
  await mkdir(workFolder, { recursive: true })
  const fences = toRun
    .flatMap(({ peer, ours }) => [peer, ours])
    .filter((fence) => fence.language !== 'python' || hasRequests)
  const programs = await Promise.all(fences.map(writeProgram))
  const found = await runPrograms(programs, workFolder)
  for (const [index, fence] of fences.entries()) {
    const server = servers[index]
    const { output = '', error = 'not run' } = found[index] ?? {}
    outcomes.set(fence, {
      output: output.replaceAll(server?.url ?? '', 'https://httpbin.org'),
      error,
      requests: (server?.requests ?? []).map(describeRequest),
    })
  }
}, 180_000)

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()))
})

for (const page of pages) {
  describe(`docs/migrate/${page}`, () => {
    test('shows a program of ours after each of theirs', () => {
      const shown = pairs.filter((pair) => pair.page === page)
      expect(shown.length).toBeGreaterThan(2)
      expect(shown.map(({ ours }) => ours.language)).toEqual(shown.map(() => 'ts'))
    })

    for (const { peer, ours } of toRun.filter((pair) => pair.page === page)) {
      test(`does and prints the same in both programs at line ${peer.line}`, (ctx) => {
        if (peer.language === 'python' && !hasRequests) ctx.skip('python3-requests is not installed')
        expect(outcomes.get(peer)).toMatchObject({ output: expect.stringMatching(/./), error: null })
        expect(outcomes.get(ours)).toEqual(outcomes.get(peer))
      })
    }
  })
}

function readPairs(page: string): Pair[] {
  const fences = readFences(root, join('docs', 'migrate', page))
  return fences.flatMap((peer, index) => {
    const ours = fences[index + 1]
    return isPeer(peer.words) && ours ? [{ page, peer, ours }] : []
  })
}

async function writeProgram(fence: Fence, index: number): Promise<Program> {
  const server = await TestServer.start({ tls: false })
  servers[index] = server
  const code = redirectHosts(fence.code, server.url)
  const isPython = fence.language === 'python'
  const file = join(workFolder, `${index}.${isPython ? 'py' : 'mjs'}`)
  const compilerOptions = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 }
  await writeFile(file, fence.language === 'ts' ? ts.transpileModule(code, { compilerOptions }).outputText : code)
  return { file, language: isPython ? 'python' : 'node' }
}

/** What two clients must agree on: headers that a client adds of its own accord are left out. */
function describeRequest(request: RecordedRequest): string {
  const type = (request.header('content-type') ?? '').split(';')[0]?.trim()
  const named = request.headers
    .filter(([name]) => /^(cookie|x-.*)$/i.test(name))
    .map(([name, value]) => `${name.toLowerCase()}: ${value}`)
  // Digest's response is made of random numbers.
  const credentials = (request.header('authorization') ?? '').replace(/^Digest .*/, 'Digest')
  return [
    `${request.method} ${request.url}`,
    `authorization: ${credentials}`,
    ...named.toSorted(),
    ...describeBody(request, type ?? ''),
  ].join('\n')
}

function describeBody(request: RecordedRequest, type: string): string[] {
  const body = request.body.toString()
  if (body === '') return []
  if (type === 'application/json') return [type, JSON.stringify(JSON.parse(body))]
  // What the server understood of multipart is in what the programs print; the boundary is random. Some clients send no type with a plain body.
  return type === 'multipart/form-data' ? [type] : [body]
}
