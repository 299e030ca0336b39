import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type RequestOptions, Session } from '@entreat/core'
import { type CustomHandler, type RecordedRequest, TestServer } from '@entreat/testkit'
import { OAuth1, OAuth1Flow } from '../../src/index.ts'
import { type PeerCall, readPeerCalls } from './support/peer-calls.ts'
import { missingPackages, runPeer } from './support/python.ts'
import { headerParameters } from './support/signed-request.ts'

// The same calls through requests-oauthlib and through a Session: what arrives is compared, with nonce and time given.

const missing = await missingPackages()
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
const calls = readPeerCalls().map((call) =>
  call.name.startsWith('RSA') ? { ...call, oauth: { ...call.oauth, privateKey: pem } } : call,
)

const TOKENS: Readonly<Record<string, string>> = {
  '/request-token': 'oauth_token=temporary&oauth_token_secret=s1&oauth_callback_confirmed=true',
  '/access-token': 'oauth_token=access&oauth_token_secret=s2',
}

const handler: CustomHandler = async (request, response) => {
  const answer = TOKENS[request.url ?? '']
  if (answer === undefined) return false
  for await (const _ of request) continue
  response.writeHead(200, { 'Content-Type': 'application/x-www-form-urlencoded' }).end(answer)
  return true
}

let server: TestServer
let folder: string
/** What arrived from requests-oauthlib, in the order of the table; the three legs are three requests and the last ones. */
let theirs: readonly RecordedRequest[]

beforeAll(async () => {
  if (missing !== null) return
  server = await TestServer.start({ tls: false, handler })
  folder = await mkdtemp(join(tmpdir(), 'entreat-peer-'))
  const file = join(folder, 'calls.json')
  await writeFile(file, JSON.stringify(calls))
  await runPeer(file, server.url)
  theirs = [...server.requests]
  server.reset()
}, 60_000)

afterAll(async () => {
  if (missing !== null) return
  await server.close()
  await rm(folder, { recursive: true })
})

function authOptions({ oauth }: PeerCall): ConstructorParameters<typeof OAuth1>[0] {
  const { nonce, timestamp, realms: _, ...options } = oauth
  return { ...options, nonce: () => nonce, timestamp: () => Number(timestamp) }
}

async function send(session: Session, call: PeerCall): Promise<void> {
  const { params, form, text, json, headers } = call
  const options: RequestOptions = {
    auth: new OAuth1(authOptions(call)),
    ...(params === undefined ? {} : { params }),
    ...(headers === undefined ? {} : { headers }),
    ...(json === undefined ? {} : { json }),
    ...(form === undefined && text === undefined ? {} : { data: form ?? (text as string) }),
  }
  await session.request(call.method, server.url + call.path, options)
}

async function threeLegs(session: Session, call: PeerCall): Promise<void> {
  const flow = new OAuth1Flow({
    ...authOptions(call),
    requestTokenUrl: `${server.url}/request-token`,
    authorizeUrl: `${server.url}/authorize`,
    accessTokenUrl: `${server.url}/access-token`,
    session,
  })
  const temporary = await flow.requestToken({ realm: call.oauth.realms ?? [] })
  const access = await flow.accessToken(call.cameBackTo as string, temporary)
  await session.get(`${server.url}/resource`, { auth: flow.auth(access) })
}

/** What has to be equal: all but how each library calls itself, and the order of the header's parameters. */
function comparable(request: RecordedRequest | undefined): object {
  const { method, url, body } = request as RecordedRequest
  const [path, query = ''] = url.split('?')
  return {
    method,
    path,
    query: query.split('&').sort(),
    body: String(body).split('&').sort(),
    authorization: Object.fromEntries(headerParameters(request as RecordedRequest)),
    type: (request as RecordedRequest).header('content-type'),
    length: (request as RecordedRequest).header('content-length'),
  }
}

/** JSON is spelled differently; that is core's and no matter of signing. */
const withoutJson = ({ json }: PeerCall, seen: object): object =>
  json === undefined ? seen : { ...seen, body: null, length: null }

test.for(calls.map((call, index) => [call.name, call, index] as const))('%s', async ([, call, index], ctx) => {
  if (missing !== null) ctx.skip(missing)
  server.reset()
  await using session = new Session({ trustEnv: false })
  const isFlow = call.name === 'three legs'
  await (isFlow ? threeLegs(session, call) : send(session, call))
  const expected = isFlow ? theirs.slice(index) : [theirs[index]]
  expect(server.requests.map((seen) => withoutJson(call, comparable(seen)))).toEqual(
    expected.map((seen) => withoutJson(call, comparable(seen))),
  )
})

test('the whole table was compared', (ctx) => {
  if (missing !== null) ctx.skip(missing)
  expect(theirs).toHaveLength(calls.length + 2)
})
