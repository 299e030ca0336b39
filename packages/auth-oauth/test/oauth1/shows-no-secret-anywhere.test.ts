import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type RequestException, Session } from '@entreat/core'
import { type CustomHandler, TestServer } from '@entreat/testkit'
import {
  FileTokenStore,
  OAuth1,
  OAuth1Flow,
  type OAuth1Options,
  OAuth1Token,
  type OAuth1TokenData,
  type ParameterPlacement,
  type SignatureMethodName,
} from '../../src/index.ts'

// Trap 28 for OAuth 1 and the stores: every secret is a marker, everything that is shown is searched for it.

/** As it is, percent-encoded, and within base64 in any of its three alignments. */
const MARKER = /m4rker|m4%72ker|bTRya2Vy|00cmtlc|NHJrZX/i
const secret = (name: string): string => `m4rker-${name}`

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
/** Some of the key: text that stands nowhere else. */
const pemPart = pem.split('\n')[5] as string

const credentials = {
  clientKey: 'client',
  clientSecret: secret('client'),
  token: secret('token'),
  tokenSecret: secret('token-secret'),
  allowPlaintextOverHttp: true,
}

const CHANNELS = ['start', 'leg', 'redirect', 'retry', 'end', 'error'].map((name) => `entreat:${name}`)

let server: TestServer
let session: Session
let shown: string[]
let messages: number

function show(value: unknown): void {
  shown.push(inspect(value, { depth: 10, showHidden: true }), JSON.stringify(value) ?? '', String(value))
  if (!(value instanceof Error)) return
  const { stack = '', cause, request, response } = value as RequestException
  shown.push(stack)
  for (const part of [cause, request, response])
    if (part !== undefined) shown.push(inspect(part, { depth: 10 }), JSON.stringify(part))
}

const onMessage = (message: unknown): void => {
  messages++
  show(message)
}

/** Every answer repeats the request, which is what a server does that wants to know what was signed. */
const handler: CustomHandler = async (request, response) => {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { pathname } = new URL(request.url ?? '/', server.url)
  const repeated = encodeURIComponent(`${request.url} ${request.headers.authorization} ${body}`)
  const tokens = `oauth_token=${secret('t')}&oauth_token_secret=${secret('s')}&oauth_callback_confirmed=true&name=${secret('n')}`
  if (pathname === '/token') response.writeHead(200).end(tokens)
  else if (pathname === '/refused')
    response.writeHead(401, { 'WWW-Authenticate': 'OAuth realm="x"' }).end(`oauth_problem=${repeated}`)
  else if (pathname === '/redirect')
    response.writeHead(307, { Location: `/end${request.url?.slice('/redirect'.length)}` }).end()
  else if (pathname === '/broken') response.destroy()
  else response.writeHead(500).end(repeated)
  return true
}

beforeAll(async () => {
  server = await TestServer.start({ tls: false, handler })
  session = new Session({ trustEnv: false, retry: 1 })
  for (const name of CHANNELS) subscribe(name, onMessage)
})

afterAll(async () => {
  for (const name of CHANNELS) unsubscribe(name, onMessage)
  await session.close()
  await server.close()
})

beforeEach(() => {
  shown = []
  messages = 0
  return () => {
    const found = shown.filter((text) => MARKER.test(text) || text.includes(pemPart))
    expect(found.map((text) => text.slice(0, 2000))).toEqual([])
    expect(shown.length).toBeGreaterThan(5)
  }
})

async function showOutcome(outcome: Promise<unknown>): Promise<void> {
  show(await outcome.catch((error: unknown) => error))
}

const METHODS: readonly SignatureMethodName[] = ['HMAC-SHA1', 'HMAC-SHA512', 'RSA-SHA256', 'PLAINTEXT']
const PLACEMENTS: readonly ParameterPlacement[] = ['header', 'query', 'body']

test.each(METHODS.flatMap((method) => PLACEMENTS.map((placement) => [method, placement] as const)))(
  'requests signed with %s in the %s, whatever becomes of them',
  async (signatureMethod, placement) => {
    const key: Partial<OAuth1Options> = signatureMethod.startsWith('RSA') ? { privateKey: pem } : {}
    const auth = new OAuth1({ ...credentials, ...key, signatureMethod, placement })
    show(auth)
    for (const path of ['/refused', '/redirect', '/broken', '/ok']) {
      await showOutcome(session.post(server.url + path, { auth, data: { field: 'value' } }))
    }
    await showOutcome(session.post(`${server.url}/ok`, { auth }).then((response) => response.raiseForStatus()))
    await showOutcome(session.get(`${server.url}/ok?oauth_token=${secret('twice')}`, { auth }))
    await showOutcome(session.post(`${server.url}/ok`, { auth, data: { oauth_nonce: secret('nonce') } }))
    show(session)
    expect(messages).toBeGreaterThan(5)
  },
)

test('options that are refused', () => {
  const wrong: object[] = [
    { signatureMethod: 'RSA-SHA1', privateKey: secret('key') },
    {
      signatureMethod: 'RSA-SHA1',
      privateKey: `-----BEGIN PRIVATE KEY-----\n${secret('key')}\n-----END PRIVATE KEY-----`,
    },
    { clientSecret: { value: secret('object') } },
    { origins: [`https://user:${secret('password')}@example.com`] },
    { realm: `${secret('realm')}\n` },
    { signatureMethod: secret('method') },
  ]
  for (const options of wrong) {
    try {
      new OAuth1({ ...credentials, ...options })
    } catch (error) {
      show(error)
    }
  }
})

test('the three legs, whatever becomes of them', async () => {
  const endpoints = (request: string, access: string): OAuth1Flow =>
    new OAuth1Flow({
      clientKey: 'client',
      clientSecret: secret('client'),
      requestTokenUrl: `${server.url}${request}`,
      authorizeUrl: `${server.url}/authorize`,
      accessTokenUrl: `${server.url}${access}`,
      session,
    })
  const flow = endpoints('/token', '/token')
  const temporary = await flow.requestToken({ data: { extra: secret('extra') } })
  show([flow, temporary])
  show(await flow.accessToken({ verifier: secret('verifier') }, temporary))
  for (const path of ['/refused', '/redirect', '/broken', '/ok']) {
    await showOutcome(endpoints(path, path).requestToken())
    await showOutcome(endpoints(path, path).accessToken({ verifier: secret('verifier') }, temporary))
  }
  for (const query of [`oauth_token=${secret('other')}`, `oauth_token=${secret('t')}&x=${secret('x')}`, 'denied=1']) {
    await showOutcome(flow.accessToken(`https://app.test/?${query}`, temporary))
  }
  show(flow.auth(temporary))
  expect(messages).toBeGreaterThan(5)
})

test('tokens in files, damaged and locked ones too', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'entreat-marked-'))
  const data: OAuth1TokenData = new OAuth1Token({ token: secret('t'), tokenSecret: secret('s') }).toData()
  const plain = new FileTokenStore<OAuth1TokenData>({ directory })
  const sealed = new FileTokenStore<OAuth1TokenData>({ directory, encryptionKey: secret('passphrase') })
  const other = new FileTokenStore<OAuth1TokenData>({ directory, encryptionKey: secret('another') })
  show([plain, sealed])
  await plain.save('user', data)
  await showOutcome(sealed.load('user'))
  await sealed.save('user', data)
  await showOutcome(plain.load('user'))
  await showOutcome(other.load('user'))
  const file = join(directory, (await readdir(directory))[0] as string)
  await plain.save('user', data)
  await truncate(file, 60)
  await showOutcome(plain.load('user'))
  await writeFile(file, JSON.stringify({ fence: 1, key: 'another', token: data }))
  await showOutcome(plain.load('user'))
  const lock = await plain.lock('user')
  show(lock)
  await lock.release()
  await showOutcome(plain.save('user', data, { lock }))
  await showOutcome(plain.save('user', secret('text') as never))
  await rm(directory, { recursive: true })
})
