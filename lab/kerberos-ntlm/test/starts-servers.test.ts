import { execFile } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, labDomain, labProblem, labUsers, squidDomain, startLab } from '../start-lab.ts'

const needs = { kdc: true, apache: true, epa: true, squid: true }
const problem = labProblem(needs)

describe('the lab', () => {
  let lab: Lab

  beforeAll(async () => {
    if (problem === null) lab = await startLab(needs)
  })

  beforeEach((context) => {
    if (problem !== null) context.skip(problem)
  })

  afterAll(async () => {
    if (problem !== null) return
    await lab.stop()
    expect(existsSync(lab.folder)).toBe(false)
  })

  const curl = (args: readonly string[], user?: 'alice' | 'bob'): Promise<string> =>
    lab.runClient('curl', ['-sS', '--cacert', lab.authority, '-w', ' %{http_code}', ...args], user)
  const negotiate = ['--negotiate', '-u', ':']

  test('Apache lets a holder of a Kerberos ticket in, and nobody else', async () => {
    await lab.apache.log.clear()
    const url = `${lab.apache.url}/krb/echo`
    expect(await curl([...negotiate, url], 'alice')).toBe('user=alice@TEST.LOCAL mech=Negotiate/krb5 method=GET\n 200')
    expect(await curl([url])).toMatch(/ 401$/)
    const rows = await lab.apache.log.requests({ atLeast: 2 })
    expect(rows.map(({ status, user, connection }) => [status, user, connection])).toEqual([
      [200, 'alice@TEST.LOCAL', 1],
      [401, null, 2],
    ])
  })

  test('Apache speaks HTTP/2 and hashes what arrives', async () => {
    await lab.apache.log.clear()
    const body = 'x'.repeat(100_000)
    writeFileSync(join(lab.folder, 'body'), body)
    const text = await curl(
      [...negotiate, '--data-binary', `@${lab.folder}/body`, `${lab.apache.tlsUrl}/krb/sum`],
      'bob',
    )
    expect(text).toMatch(/^user=bob@TEST.LOCAL .* length=100000 sha256=[0-9a-f]{64}\n 200$/)
    const [row] = await lab.apache.log.requests({ atLeast: 1 })
    expect(row).toMatchObject({ method: 'POST', path: '/krb/sum', protocol: 'HTTP/2.0' })
    expect(row?.bytesIn).toBeGreaterThan(100_000)
  })

  test('a connection is one connection, also when its last request closes it', async () => {
    await lab.apache.log.clear()
    const url = `${lab.apache.url}/open/echo`
    for (let run = 0; run < 2; run += 1) await curl([url, url, '--next', '-sS', '-H', 'Connection: close', url])
    const rows = await lab.apache.log.requests({ atLeast: 6 })
    const [first = 0] = rows.map(({ connection }) => connection)
    expect(rows.map(({ connection }) => connection - first)).toEqual([0, 0, 0, 1, 1, 1])
  })

  test('Apache keeps the credentials that a client delegates', async () => {
    expect(lab.apache.delegatedCcache('alice')).toBeNull()
    await curl([...negotiate, '--delegation', 'always', `${lab.apache.url}/deleg/echo`], 'alice')
    const ccache = lab.apache.delegatedCcache('alice')
    expect(await lab.runClient('klist', ['-c', ccache ?? ''])).toContain('Default principal: alice@TEST.LOCAL')
    await lab.apache.forgetDelegated()
    expect(lab.apache.delegatedCcache('alice')).toBeNull()
  })

  test('Apache counts the requests of a connection, and NTLM signs one in', async () => {
    await lab.apache.log.clear()
    const url = `${lab.apache.url}/ntlm/echo`
    const text = await requestsNtlm(url, `${labDomain}\\alice`, labUsers.alice.password, 2)
    expect(text).toBe('200 200')
    const rows = await lab.apache.log.requests()
    expect(new Set(rows.map(({ connection }) => connection))).toHaveLength(1)
    expect(rows.at(-1)).toMatchObject({ status: 200, user: `${labDomain}\\alice` })
    expect(await requestsNtlm(url, `${labDomain}\\alice`, 'wrong', 1)).toBe('401')
  })

  test('Apache closes connections soon at one address, and after the challenge at one location', async () => {
    const head = ['-D', '-', '-o', '/dev/null', '-H', 'Connection: keep-alive']
    expect(await curl([...head, `${lab.apache.shortLivedUrl}/open/echo`])).toContain('Keep-Alive: timeout=1')
    expect(await curl([...head, `${lab.apache.url}/open/echo`])).toContain('Keep-Alive: timeout=60')
    const negotiate = Buffer.from(`4e544c4d5353500001000000058208a2${'0'.repeat(48)}`, 'hex').toString('base64')
    const challenge = await curl([
      ...head,
      '-H',
      `Authorization: NTLM ${negotiate}`,
      `${lab.apache.url}/ntlmclosed/echo`,
    ])
    expect(challenge).toContain('Connection: close')
    expect(challenge).toContain('WWW-Authenticate: NTLM TlRMTVNTUAAC')
  })

  test.each(['epa', 'epa384'] as const)('The acceptor %s refuses clients without channel bindings', async (name) => {
    await lab[name].log.clear()
    expect(await curl([...negotiate, `${lab[name].url}/allow/x`], 'alice')).toContain('user=alice@TEST.LOCAL')
    expect(await curl([...negotiate, `${lab[name].url}/require/x`], 'alice')).toMatch(
      /channel bindings are required.* 401$/,
    )
    const [first, last] = await lab[name].log.requests()
    expect(first).toMatchObject({ status: 200, user: 'alice@TEST.LOCAL', path: '/allow/x' })
    expect(last).toMatchObject({ status: 401, user: null, path: '/require/x' })
  })

  test('The acceptor answers damaged tokens with 401', async () => {
    const program = `import base64, gssapi, requests, sys
url, authority = sys.argv[1:]
session = requests.Session()
session.verify = authority
name = gssapi.Name('HTTP@localhost', gssapi.NameType.hostbased_service)
context = gssapi.SecurityContext(name=name, mech=gssapi.OID.from_int_seq('1.3.6.1.5.5.2'))
token = bytearray(context.step())
token[len(token) // 2] ^= 1
header = 'Negotiate ' + base64.b64encode(token).decode()
print(session.get(url, headers={'Authorization': header}).status_code, end='')`
    const args = ['-W', 'ignore', '-c', program, `${lab.epa.url}/allow/x`, lab.authority]
    expect(await lab.runClient('/usr/bin/python3', args, 'alice')).toBe('401')
  })

  test('The acceptor takes the channel bindings of an independent NTLM client', async () => {
    await lab.epa.log.clear()
    const url = `${lab.epa.url}/require/x`
    expect(await requestsNtlm(url, `${labDomain}\\bob`, labUsers.bob.password, 1)).toBe('200')
    expect((await lab.epa.log.requests()).at(-1)).toMatchObject({ status: 200, user: `${labDomain}\\bob` })
  })

  test('The acceptor knows who has a name beyond ASCII', async () => {
    await lab.epa.log.clear()
    const { name, password } = labUsers.joerg
    const users = join(lab.folder, 'joerg.users')
    writeFileSync(users, `${labDomain}:${name}:${password}\n`)
    // With this file gss-ntlmssp is an NTLM client too, within SPNEGO.
    const env = { ...lab.clientEnv(), NTLM_USER_FILE: users, LC_ALL: 'C.UTF-8', PATH: '/usr/bin' }
    const args = ['-sS', '--cacert', lab.authority, ...negotiate, `${lab.epa.url}/allow/x`]
    const { stdout } = await promisify(execFile)('curl', args, { env })
    expect(stdout).toContain(`user=${labDomain}\\${name}`)
    expect((await lab.epa.log.requests()).at(-1)).toMatchObject({ status: 200, user: `${labDomain}\\${name}` })
  })

  test('Squid asks for NTLM as an origin server and as a proxy', async () => {
    await lab.squid.log.clear()
    const alice = `${squidDomain}\\alice:alicepw`
    const origin = `${lab.apache.url}/open/echo`
    expect(await curl(['--ntlm', '-u', alice, `${lab.squid.reverseUrl}/open/echo`])).toMatch(/ 200$/)
    expect(await curl(['-x', lab.squid.proxyUrl, '--proxy-ntlm', '-U', alice, origin])).toMatch(/ 200$/)
    expect(await curl(['-x', lab.squid.proxyUrl, '--proxy-ntlm', '-U', alice, '-p', origin])).toMatch(/ 200$/)
    expect(await curl(['--ntlm', '-u', `${squidDomain}\\alice:wrong`, `${lab.squid.reverseUrl}/open/echo`])).toMatch(
      / 401$/,
    )
    const rows = await lab.squid.log.requests({ atLeast: 8 })
    expect(rows.map(({ status, method }) => `${method} ${status}`)).toEqual([
      'GET 401',
      'GET 200',
      'GET 407',
      'GET 200',
      'CONNECT 407',
      'CONNECT 200',
      'GET 401',
      'GET 401',
    ])
  })

  test('Squid takes Kerberos, also over TLS', async () => {
    await lab.squid.log.clear()
    const proxied = ['--proxy-cacert', lab.authority, '--proxy-negotiate', '-U', ':', `${lab.apache.url}/open/echo`]
    expect(await curl(['-x', lab.squid.proxyUrl, ...proxied], 'bob')).toMatch(/ 200$/)
    expect(await curl(['-x', lab.squid.tlsProxyUrl, ...proxied], 'bob')).toMatch(/ 200$/)
    expect(await curl(['-x', lab.squid.tlsProxyUrl, ...proxied])).toMatch(/ 407$/)
    expect(await lab.squid.log.requests()).toContainEqual(
      expect.objectContaining({ status: 200, user: 'bob@TEST.LOCAL' }),
    )
  })

  test('A mute KDC takes connections and answers nobody', async () => {
    const kdc = await lab.startMuteKdc()
    const env = { ...lab.clientEnv(), KRB5_CONFIG: kdc.config, PATH: '/usr/bin' }
    const kinit = promisify(execFile)('kinit', ['-k', '-t', lab.kdc.keytab('alice'), 'alice'], { env })
    kinit.catch(() => {})
    while (kdc.connections === 0) await new Promise((resolve) => setTimeout(resolve, 10))
    await kdc.stop()
    await expect(kinit).rejects.toThrow(/Cannot contact any KDC/)
  })

  /** Debian's requests-ntlm needs MD4 from OpenSSL's legacy provider. Resolves with the statuses of `count` requests. */
  async function requestsNtlm(url: string, user: string, password: string, count: number): Promise<string> {
    const openssl = join(lab.folder, 'openssl.cnf')
    writeFileSync(
      openssl,
      'openssl_conf = main\n[main]\nproviders = list\n[list]\ndefault = on\nlegacy = on\n[on]\nactivate = 1\n',
    )
    const program = `import sys, requests, requests_ntlm
session = requests.Session()
session.auth = requests_ntlm.HttpNtlmAuth(sys.argv[2], sys.argv[3])
session.verify = sys.argv[4]
print(*[session.get(sys.argv[1]).status_code for _ in range(${count})], end='')`
    const args = ['-W', 'ignore', '-c', program, url, user, password, lab.authority]
    const env = { OPENSSL_CONF: openssl, LC_ALL: 'C.UTF-8' }
    const { stdout } = await promisify(execFile)('/usr/bin/python3', args, { env })
    return stdout
  }
})
