import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer, type Server, type TlsOptions, type TLSSocket } from 'node:tls'
import { type FTPSession, ftpSession, type FTPSessionOptions } from '@entreat/adapter-ftp'
import { SSLError } from '@entreat/core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { KeyPair, ServerCertificate } from '../../../../lab/network/certificates.ts'
import { NetworkLab, networkLabProblem } from '../../../../lab/network/network-lab.ts'

const problem = networkLabProblem()
let network: NetworkLab
const closing: (() => Promise<unknown>)[] = []

beforeAll(async () => {
  if (problem === null) network = await NetworkLab.open()
})
afterAll(() => network?.stop())
beforeEach((context) => {
  if (problem !== null) context.skip(problem)
})
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function open(options: FTPSessionOptions = {}): FTPSession {
  const session = ftpSession({ trustEnv: false, verify: network.certificates.ca, timeout: 5000, ...options })
  closing.push(() => session.close())
  return session
}

/** A server with implicit TLS, and nothing behind it but what `greet` does. */
async function listen(pair: KeyPair, greet: (socket: TLSSocket) => void, options: TlsOptions = {}): Promise<number> {
  const server: Server = createServer({ cert: readFileSync(pair.cert), key: readFileSync(pair.key), ...options })
  server.on('secureConnection', (socket) => greet(socket.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closing.push(() => new Promise((resolve) => void server.close(resolve)))
  return (server.address() as AddressInfo).port
}

function busy(socket: TLSSocket): void {
  socket.end('421 Come again\r\n')
}

test.each<[ServerCertificate, string]>([
  ['commonName', 'localhost'],
  ['addressOnly', 'localhost'],
  ['nameOnly', '127.0.0.1'],
])('a certificate of %s is none for %s', async (kind, host) => {
  const port = await listen(network.certificates.servers[kind], busy)
  const error = await open()
    .get(`ftps://${host}:${port}/a`)
    .catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(SSLError)
  expect(((error as SSLError).cause as NodeJS.ErrnoException).code).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
})

test.each<[ServerCertificate, string]>([
  ['valid', 'localhost'],
  ['addressOnly', '127.0.0.1'],
  ['nameOnly', 'localhost'],
])('a certificate of %s is one for %s', async (kind, host) => {
  const port = await listen(network.certificates.servers[kind], busy)
  expect((await open().get(`ftps://${host}:${port}/a`)).reason).toContain('Come again')
})

test('whoever checks names by a function of their own is asked', async () => {
  const port = await listen(network.certificates.servers.commonName, busy)
  const names: string[] = []
  const checkServerIdentity = (name: string): undefined => void names.push(name)
  await open({ ftp: { tls: { checkServerIdentity } } }).get(`ftps://localhost:${port}/a`)
  expect(names).toEqual(['localhost'])
})

test.each([
  ['gets none', {}, 'ERR_SSL_NO_RENEGOTIATION'],
  ['gets it where secureOptions say so', { secureOptions: 0 }, 'done'],
] as const)('a server that asks for another handshake %s', async (_what, tls, expected) => {
  let tell: (outcome: string | undefined) => void = () => {}
  const outcome = new Promise<string | undefined>((resolve) => (tell = resolve))
  const renegotiate = (socket: TLSSocket): void => {
    socket.once('error', ({ code }: NodeJS.ErrnoException) => tell(code))
    socket.renegotiate({ rejectUnauthorized: false }, () => {
      tell('done')
      busy(socket)
    })
  }
  const port = await listen(network.certificates.servers.valid, renegotiate, { maxVersion: 'TLSv1.2' })
  const call = open({ ftp: { tls } })
    .get(`ftps://localhost:${port}/a`)
    .catch((reason: unknown) => reason)
  expect(await outcome).toBe(expected)
  await call
})

test('a key with another passphrase is an SSLError before anything is dialled', async () => {
  let dialled = 0
  const port = await listen(network.certificates.servers.valid, () => dialled++)
  const { cert, encryptedKey } = network.certificates.client
  const session = open({ cert: { cert, key: encryptedKey, passphrase: 'wrong' } })
  await expect(session.get(`ftps://localhost:${port}/a`)).rejects.toThrow(/does not open with this passphrase/)
  expect(dialled).toBe(0)
})
