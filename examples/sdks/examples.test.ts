import { mkdtemp, rm } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DigestVerifier, type RecordedRequest, TestServer } from '@entreat/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runProgram } from '../support/run-program.ts'

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => unknown

let server: TestServer | undefined
let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'entreat-sdks-'))
})

afterEach(async () => {
  await server?.close()
  await rm(folder, { recursive: true })
})

/** Starts a server, and runs a program against a path of it. */
async function runAgainst(program: string, path: string, answer?: Answer): Promise<string[]> {
  server = await TestServer.start({
    tls: false,
    ...(answer === undefined ? {} : { handler: (request, response) => handle(answer, request, response) }),
  })
  return runProgram(join(import.meta.dirname, program), [server.url + path], folder)
}

async function handle(answer: Answer, request: IncomingMessage, response: ServerResponse): Promise<boolean> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  await answer(request, response, Buffer.concat(chunks).toString())
  return true
}

function sendJson(response: ServerResponse, value: unknown, statusCode = 200): void {
  response.writeHead(statusCode, { 'Content-Type': 'application/json' }).end(JSON.stringify(value))
}

function received(): readonly RecordedRequest[] {
  return server?.requests ?? []
}

test('octokit is spared a failure that the Session retries, and gets statuses as its own errors', async () => {
  let failures = 1
  const lines = await runAgainst('octokit.mjs', '', (request, response, body) => {
    if (request.url?.includes('missing') === true) return sendJson(response, { message: 'Not Found' }, 404)
    if (request.method === 'POST') return sendJson(response, JSON.parse(body), 201)
    return failures-- > 0 ? response.writeHead(503, { 'Retry-After': '0' }).end() : sendJson(response, [1, 2])
  })
  expect(lines).toEqual(['open issues 2', 'created Whale sighted', 'HttpError 404'])
  const path = '/repos/ishmael/pequod/issues'
  expect(received().map(({ url }) => url)).toEqual([path, path, path, '/repos/ishmael/missing'])
  expect(received().map((request) => request.header('authorization'))).toEqual(Array(4).fill('token a-token'))
})

test('openai streams server-sent events through Digest, and lets go of a stream that it leaves', async () => {
  const verifier = new DigestVerifier({
    realm: 'gateway',
    username: 'ishmael',
    password: 'whale',
    algorithms: ['SHA-256'],
    qops: ['auth'],
    userhash: false,
  })
  let abandoned = 0
  const lines = await runAgainst('openai.mjs', '/v1', (request, response, body) => {
    const { method = '', url = '', headers } = request
    const verdict = verifier.verify({
      method,
      target: url,
      authorization: headers.authorization,
      body: Buffer.from(body),
    })
    if (!verdict.isAccepted) return response.writeHead(401, { 'WWW-Authenticate': [...verdict.challenges] }).end()
    if (!(JSON.parse(body) as { stream?: boolean }).stream) return sendJson(response, completion('Ishmael.'))
    return streamAnswer(response, () => abandoned++)
  })
  expect(lines).toEqual(['Ishmael.', 'chunk Thar', 'chunk  she', 'chunk  blows', 'enough Thar'])
  expect(abandoned).toBe(1)
  expect(received().every((request) => Number(request.header('content-length')) > 0)).toBe(true)
  // One challenge; afterwards the Session signs ahead.
  expect(received()).toHaveLength(4)
})

let streams = 0

/** The first stream whole; the second waits after its first event for the client to leave. */
function streamAnswer(response: ServerResponse, onAbandoned: () => void): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream' })
  const isLast = streams++ > 0
  response.once('close', () => {
    if (!response.writableFinished) onAbandoned()
  })
  for (const text of isLast ? ['Thar'] : ['Thar', ' she', ' blows']) {
    const chunk = { choices: [{ index: 0, delta: { content: text }, finish_reason: null }] }
    response.write(`data: ${JSON.stringify(chunk)}\n\n`)
  }
  if (!isLast) response.end('data: [DONE]\n\n')
}

function completion(content: string): unknown {
  return { choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }] }
}

test('openid-client discovers a provider, gets a token and uses it', async () => {
  const lines = await runAgainst('openid-client.mjs', '')
  expect(lines).toEqual(['resource 200', 'active true'])
  const paths = received().map(({ url }) => url)
  expect(paths).toEqual(['/.well-known/openid-configuration', '/oauth/token', '/oauth/api', '/oauth/introspect'])
  expect(new Set(received().map(({ connection }) => connection)).size).toBe(1)
})

test('graphql-request signs in, keeps cookies, and reaches a mounted adapter', async () => {
  const lines = await runAgainst('graphql-request.mjs', '/graphql', (request, response, body) => {
    const visits = Number(/visits=([0-9]+)/.exec(request.headers.cookie ?? '')?.[1] ?? 0) + 1
    response.setHeader('Set-Cookie', `visits=${visits}; HttpOnly`)
    const { variables } = JSON.parse(body) as { variables: { name: string } }
    sendJson(response, { data: { whale: { name: variables.name, visits } } })
  })
  expect(lines).toEqual([
    "{ whale: { name: 'Moby Dick', visits: 1 } }",
    "{ whale: { name: 'Moby Dick', visits: 2 } }",
    "{ whale: { name: 'Mocha Dick', visits: 0 } }",
  ])
  const expected = `Basic ${Buffer.from('ishmael:whale').toString('base64')}`
  expect(received().map((request) => request.header('authorization'))).toEqual([expected, expected])
})

test('an AWS client sends what it signed, with a length', async () => {
  const lines = await runAgainst('aws.mjs', '', (_request, response) => {
    const result = '<Arn>arn:aws:iam::1:user/ishmael</Arn><UserId>AIDA</UserId><Account>1</Account>'
    response.setHeader('Content-Type', 'text/xml')
    response.end(
      `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>${result}</GetCallerIdentityResult></GetCallerIdentityResponse>`,
    )
  })
  expect(lines).toEqual(['sending POST', '1 arn:aws:iam::1:user/ishmael'])
  const [request] = received()
  expect(request?.body.toString()).toBe('Action=GetCallerIdentity&Version=2011-06-15')
  expect(request?.header('content-length')).toBe(String(request?.body.length))
  expect(request?.header('transfer-encoding')).toBeNull()
  expect(request?.header('authorization')).toMatch(/^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/.*host/)
})
