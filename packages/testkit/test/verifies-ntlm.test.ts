import { execFile } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test, type TestContext } from 'vitest'
import * as fc from 'fast-check'
import {
  type NtlmOptions,
  ntlmAuthTarget,
  NtlmVerifier,
  TestProxy,
  TestServer,
  testCertificates,
} from '@entreat/testkit'
import { md4, rc4 } from '../src/ntlm/ntlm-ciphers.ts'
import { exchange, oneConnection } from './support/exchange.ts'
import { authenticateMessage, negotiateMessage, type NtlmAnswer } from './support/ntlm-client.ts'
import { useTestServer } from './support/server.ts'

const server = useTestServer()
const certificate = new X509Certificate(testCertificates().server.cert).raw

function tokenOf(challenges: readonly string[]): Buffer {
  return Buffer.from(challenges[0]?.split(' ')[1] ?? '', 'base64')
}

/** Signs one connection in, or tries to. Returns the last verdict. */
function handshake(verifier: NtlmVerifier, answer: NtlmAnswer = {}, connection: unknown = 1) {
  const negotiate = negotiateMessage()
  const challenged = verifier.verify({ connection, authorization: `NTLM ${negotiate.toString('base64')}` })
  if (challenged.isAccepted) throw new Error('accepted a NEGOTIATE message')
  const message = authenticateMessage(negotiate, tokenOf(challenged.challenges), answer)
  return verifier.verify({ connection, authorization: `NTLM ${message.toString('base64')}` })
}

function verifierOf(options: Partial<NtlmOptions> = {}): NtlmVerifier {
  return new NtlmVerifier({ username: 'user', password: 'pass', ...options })
}

describe('the ciphers', () => {
  test.each([
    ['', '31d6cfe0d16ae931b73c59d7e0c089c0'],
    ['a', 'bde52cb31de33e46245e05fbdbd6fb24'],
    ['abc', 'a448017aaf21d8525fc10ae87aa6729d'],
    ['message digest', 'd9130a8164549fe818874806e1c7014b'],
    ['abcdefghijklmnopqrstuvwxyz', 'd79e1c308aa5bbcdeea8ed63df412da9'],
    ['ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789', '043f8582f241db351ce627e153e7f0e4'],
    ['1234567890'.repeat(8), 'e33b4ddc9c38f2199c3e7b164fcc0536'],
  ])('MD4 of %j is as in RFC 1320 section A.5', (text, digest) => {
    expect(md4(Buffer.from(text)).toString('hex')).toBe(digest)
  })

  test('RC4 encrypts as in RFC 6229 section 2, and back', () => {
    const key = Buffer.from('0102030405', 'hex')
    expect(rc4(key, Buffer.alloc(16)).toString('hex')).toBe('b2396305f03dc027ccc3524a0a1118a8')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 16 }), fc.uint8Array(), (secret, text) => {
        expect(rc4(secret, rc4(secret, text))).toEqual(Buffer.from(text))
      }),
    )
  })
})

test('the NTLMv2 message of MS-NLMP section 4.2.4 is accepted', () => {
  const serverChallenge = Buffer.from('0123456789abcdef', 'hex')
  const defect = 'no-timestamp'
  const verifier = new NtlmVerifier({ username: 'User', password: 'Password', serverChallenge, defect })
  verifier.verify({ connection: 1, authorization: `NTLM ${negotiateMessage(0xe28a_8235).toString('base64')}` })
  const message = Buffer.from(
    // Signature, type, LM at 108, NT at 132, domain at 72, user at 84, workstation at 92, session key at 216, flags, version
    '4e544c4d535350000300000018001800' +
      '6c00000054005400840000000c000c00' +
      '48000000080008005400000010001000' +
      '5c00000010001000d8000000358288e2' +
      '0501280a0000000f' +
      '44006f006d00610069006e00' +
      '5500730065007200' +
      '43004f004d0050005500540045005200' +
      '86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa' +
      '68cd0ab851e51c96aabc927bebef6a1c' +
      '01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000' +
      '02000c0044006f006d00610069006e00' +
      '01000c005300650072007600650072000000000000000000' +
      'c5dad2544fc9799094ce1ce90bc9d03e',
    'hex',
  )
  const verdict = verifier.verify({ connection: 1, authorization: `NTLM ${message.toString('base64')}` })
  expect(verdict).toEqual({
    isAccepted: true,
    identity: { domain: 'Domain', username: 'User', workstation: 'COMPUTER', hasMic: false },
  })
})

test('a right answer signs its connection in, and no other', () => {
  const verifier = verifierOf()
  expect(handshake(verifier)).toMatchObject({
    isAccepted: true,
    identity: { domain: 'DOM', username: 'user', hasMic: true },
  })
  expect(verifier.verify({ connection: 1, authorization: undefined }).isAccepted).toBe(true)
  expect(verifier.verify({ connection: 2, authorization: undefined })).toMatchObject({ refusal: 'no-credentials' })
  expect([verifier.accepted, verifier.refusals]).toEqual([1, ['challenged', 'no-credentials']])
})

test.each<[string, string, NtlmAnswer, Partial<NtlmOptions>]>([
  ['a wrong password', 'wrong-response', { password: 'wrong' }, {}],
  ['another user', 'unknown-user', { username: 'other' }, {}],
  ['another domain', 'unknown-user', { domain: 'OTHER' }, { userDomain: 'DOM' }],
  ['a response of 24 bytes', 'ntlmv1', { ntResponse: Buffer.alloc(24, 1) }, {}],
  ['an LM response beside a time', 'ntlmv1', { lmResponse: Buffer.alloc(24, 1) }, {}],
  ['a time of its own', 'wrong-timestamp', { timestamp: Buffer.alloc(8, 7) }, {}],
  ['no target information', 'wrong-target-info', { targetInfo: Buffer.alloc(4), timestamp: epoch() }, { now: () => 0 }],
  ['no MIC beside a time', 'no-mic', { hasMic: false }, {}],
  ['a MIC that is announced and missing', 'no-mic', { hasMic: false, announcesMic: true }, {}],
  ['flags that were not offered', 'wrong-flags', { flags: 0xe208_8231 }, {}],
  ['no extended session security', 'ntlmv1', { flags: 0xe200_8211 }, {}],
  ['no channel bindings', 'wrong-channel-bindings', {}, { certificate }],
  ["another certificate's bindings", 'wrong-channel-bindings', { certificate: Buffer.from('x') }, { certificate }],
  ['no target name', 'wrong-target-name', {}, { targetName: 'HTTP/localhost' }],
  ['another target name', 'wrong-target-name', { targetName: 'HTTP/other' }, { targetName: 'HTTP/localhost' }],
])('%s is refused as %s', (_, refusal, answer, options) => {
  const verifier = verifierOf(options)
  expect(handshake(verifier, answer)).toMatchObject({ isAccepted: false, refusal, challenges: ['NTLM'] })
  expect(verifier.refusals).toEqual(['challenged', refusal])
  expect(verifier.verify({ connection: 1, authorization: undefined }).isAccepted).toBe(false)
})

/** 1970 as a Windows time. */
function epoch(): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64LE(116_444_736_000_000_000n)
  return bytes
}

test('right channel bindings and target name are accepted', () => {
  const verifier = verifierOf({ certificate, targetName: 'HTTP/localhost' })
  expect(handshake(verifier, { certificate, targetName: 'http/LOCALHOST' }).isAccepted).toBe(true)
})

test('every changed byte of the three messages breaks the MIC or what it stands on', () => {
  const negotiate = negotiateMessage()
  const verifier = verifierOf()
  for (let at = 0; at < 120; at += 1) {
    const challenged = verifier.verify({ connection: at, authorization: `NTLM ${negotiate.toString('base64')}` })
    if (challenged.isAccepted) throw new Error('accepted a NEGOTIATE message')
    const message = authenticateMessage(negotiate, tokenOf(challenged.challenges))
    message[at] = (message[at] ?? 0) ^ 0x01
    const verdict = verifier.verify({ connection: at, authorization: `NTLM ${message.toString('base64')}` })
    expect([at, verdict.isAccepted]).toEqual([at, false])
  }
  expect(verifier.refusals).toContain('wrong-mic')
})

test('an answer is good once, on the connection of its challenge', () => {
  const verifier = verifierOf()
  const negotiate = negotiateMessage()
  const challenged = verifier.verify({ connection: 1, authorization: `NTLM ${negotiate.toString('base64')}` })
  if (challenged.isAccepted) throw new Error('accepted a NEGOTIATE message')
  const authorization = `NTLM ${authenticateMessage(negotiate, tokenOf(challenged.challenges)).toString('base64')}`
  expect(verifier.verify({ connection: 2, authorization })).toMatchObject({ refusal: 'no-challenge' })
  expect(verifier.verify({ connection: 1, authorization }).isAccepted).toBe(true)
  expect(verifier.verify({ connection: 1, authorization })).toMatchObject({ refusal: 'no-challenge' })
})

test('a handshake that fails ends the identity before it', () => {
  const verifier = verifierOf()
  expect(handshake(verifier).isAccepted).toBe(true)
  expect(handshake(verifier, { password: 'wrong' }).isAccepted).toBe(false)
  expect(verifier.verify({ connection: 1, authorization: undefined }).isAccepted).toBe(false)
})

test('whatever arrives gets a verdict', () => {
  const verifier = verifierOf()
  const real = authenticateMessage(negotiateMessage(), Buffer.alloc(64))
  const damaged = fc
    .tuple(fc.nat(real.length), fc.uint8Array({ maxLength: 40 }))
    .map(([at, bytes]) => Buffer.concat([real.subarray(0, at), bytes]))
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), damaged), (bytes) => {
      const authorization = `NTLM ${Buffer.from(bytes).toString('base64')}`
      verifier.verify({ connection: 1, authorization: `NTLM ${negotiateMessage().toString('base64')}` })
      expect(verifier.verify({ connection: 1, authorization }).isAccepted).toBe(false)
    }),
  )
})

describe('over sockets', () => {
  test('/ntlm-auth wants a handshake on each connection', async () => {
    const url = `${server().url}/ntlm-auth/user/pass`
    const agent = oneConnection(url)
    const negotiate = negotiateMessage()
    const challenged = await exchange(url, {
      agent,
      headers: { Authorization: `NTLM ${negotiate.toString('base64')}` },
    })
    expect(challenged.status).toBe(401)
    const message = authenticateMessage(negotiate, tokenOf([challenged.headers['www-authenticate'] ?? '']))
    const headers = { Authorization: `NTLM ${message.toString('base64')}` }
    expect((await exchange(url, { agent, headers })).json()).toMatchObject({ authenticated: true, username: 'user' })
    expect((await exchange(url, { agent })).status).toBe(200)
    expect((await exchange(url)).headers['www-authenticate']).toBe('NTLM')
    agent.destroy()
  })

  test('/ntlm-auth says no to defects and schemes that it does not have', async () => {
    expect((await exchange(`${server().url}/ntlm-auth/user/pass/rotten`)).status).toBe(400)
    expect((await exchange(`${server().url}/ntlm-auth/user/pass?scheme=Basic`)).status).toBe(400)
    const negotiated = await exchange(`${server().url}/ntlm-auth/user/pass?scheme=Negotiate`)
    expect(negotiated.headers['www-authenticate']).toBe('Negotiate')
  })

  test("the closing defect's challenge ends its connection", async () => {
    const authorization = `NTLM ${negotiateMessage().toString('base64')}`
    const answer = await exchange(`${server().url}/ntlm-auth/user/pass/closing`, {
      headers: { Authorization: authorization },
    })
    expect(answer.headers.connection).toBe('close')
    expect(tokenOf([answer.headers['www-authenticate'] ?? '']).readUInt32LE(8)).toBe(2)
  })
})

describe('with clients that others wrote', () => {
  test('requests-ntlm, with its MIC and channel bindings, is accepted', async (context) => {
    const target = ntlmAuthTarget('ahab', 'ivory', { certificate })
    const handler = target.handler?.()
    await using own = await TestServer.start(handler === undefined ? {} : { handler })
    expect(await requestsNtlm(context, own.httpsUrl + target.path, 'DOM\\ahab', 'ivory')).toBe('200 200')
    expect(own.requests.at(-1)?.bodyLength).toBe(1000)
    expect(own.connectionCount).toBe(1)
    // Over plain http it has no certificate to speak of.
    expect(await requestsNtlm(context, own.url + target.path, 'DOM\\ahab', 'ivory')).toBe('401 401')
    expect(await requestsNtlm(context, own.httpsUrl + (target.refusingPath ?? ''), 'DOM\\ahab', 'ivory')).toBe(
      '401 401',
    )
  })

  test('curl, which knows neither time nor MIC, is accepted by servers without a time', async (context) => {
    const url = `${server().url}/ntlm-auth/ahab/ivory`
    expect(await curl(context, ['--ntlm', '-u', 'DOM\\ahab:ivory', `${url}/no-timestamp`])).toBe('200')
    expect(await curl(context, ['--ntlm', '-u', 'DOM\\ahab:ivory', url])).toBe('401')
  })

  test('curl signs in to a proxy, for a request and for a tunnel', async (context) => {
    const authenticate = ntlmAuthTarget('ahab', 'ivory', { defect: 'no-timestamp' }).authenticateProxy?.()
    await using proxy = await TestProxy.start(authenticate === undefined ? {} : { authenticate })
    const signed = ['-x', proxy.url, '--proxy-ntlm', '-U', 'DOM\\ahab:ivory']
    expect(await curl(context, [...signed, `${server().url}/get`])).toBe('200')
    expect(await curl(context, [...signed, '-p', `${server().url}/get`])).toBe('200')
    expect(proxy.requests.map(({ method }) => method)).toEqual(['GET', 'GET', 'CONNECT', 'CONNECT'])
  })
})

async function curl(context: TestContext, args: readonly string[]): Promise<string> {
  if (!existsSync('/usr/bin/curl')) context.skip('curl is not installed')
  const command = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '--noproxy', 'none', ...args]
  const { stdout } = await promisify(execFile)('/usr/bin/curl', command)
  return stdout
}

/** A GET and a POST with one Session of Debian's requests-ntlm. Resolves with their statuses. */
async function requestsNtlm(context: TestContext, url: string, user: string, password: string): Promise<string> {
  if (!existsSync('/usr/lib/python3/dist-packages/requests_ntlm'))
    context.skip('python3-requests-ntlm is not installed')
  const folder = mkdtempSync(join(tmpdir(), 'entreat-ntlm-'))
  const [ca, openssl] = [join(folder, 'ca.pem'), join(folder, 'openssl.cnf')]
  writeFileSync(ca, testCertificates().ca)
  // It takes MD4 from OpenSSL, whose provider of old hashes is off by default.
  const providers = 'providers = list\n[list]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n'
  writeFileSync(openssl, `openssl_conf = main\n[main]\n${providers}`)
  const program = `import sys, requests, requests_ntlm
session = requests.Session()
session.trust_env = False
session.auth = requests_ntlm.HttpNtlmAuth(sys.argv[2], sys.argv[3])
session.verify = sys.argv[4]
first = session.get(sys.argv[1]).status_code
print(first, session.post(sys.argv[1], data='x' * 1000).status_code, end='')`
  try {
    const args = ['-W', 'ignore', '-c', program, url, user, password, ca]
    const { stdout } = await promisify(execFile)('/usr/bin/python3', args, { env: { OPENSSL_CONF: openssl } })
    return stdout
  } finally {
    rmSync(folder, { recursive: true })
  }
}
