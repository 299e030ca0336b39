import { execFile } from 'node:child_process'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ntlmAuthTarget, seededBytes, TestProxy, TestServer } from '@entreat/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Lab, labDomain, labProblem, labUsers, startLab } from '../../lab/kerberos-ntlm/start-lab.ts'

const tried = new Set<string>()
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'entreat-corporate-'))
})
afterAll(() => rm(folder, { recursive: true }))

/** Runs an example as a user would, with nothing of this environment but the PATH. */
async function runExample(name: string, args: readonly string[], env: Record<string, string>): Promise<string[]> {
  tried.add(name)
  const { stdout } = await promisify(execFile)(process.execPath, [join(import.meta.dirname, name), ...args], {
    env: { PATH: process.env['PATH'], HOME: folder, ...env },
    timeout: 15_000,
  })
  return stdout.trimEnd().split('\n')
}

test('uploads once through a proxy that asks for NTLM, or is refused', async () => {
  const authenticate = ntlmAuthTarget('ahab', 'ivory').authenticateProxy?.()
  await using proxy = await TestProxy.start(authenticate === undefined ? {} : { authenticate })
  await using server = await TestServer.start()
  const [ca, file] = [join(folder, 'ca.pem'), join(folder, 'upload.bin')]
  await writeFile(ca, server.ca)
  await writeFile(file, seededBytes(1_000_000, 5))
  const args = [`${server.httpsUrl}/anything`, proxy.url, ca, file]
  const env = { PROXY_USER: 'PEQUOD\\ahab', PROXY_PASSWORD: 'ivory' }
  expect(await runExample('ntlm-proxy.mjs', args, env)).toEqual(['uploaded: 200', 'read: 200'])
  expect(server.requests.map(({ bodyLength }) => bodyLength)).toEqual([1_000_000, 0])
  expect(proxy.requests.map(({ method }) => method)).toEqual(['CONNECT', 'CONNECT'])
  expect(await runExample('ntlm-proxy.mjs', args, { ...env, PROXY_PASSWORD: 'wooden' })).toEqual([
    'the proxy refused: 407',
  ])
})

describe('in a realm', () => {
  const needs = { kdc: true, apache: true }
  const problem = labProblem(needs)
  let lab: Lab

  beforeAll(async () => {
    if (problem === null) lab = await startLab(needs)
  })
  beforeEach((context) => {
    if (problem !== null) context.skip(problem)
  })
  afterAll(() => lab?.stop())

  test('signs in with a ticket, and with NTLM without one', async () => {
    const urls = [`${lab.apache.url}/nego/echo`, `${lab.apache.url}/ntlm/echo`]
    const ntlm = { NTLM_USER: `${labDomain}\\bob`, NTLM_PASSWORD: labUsers.bob.password }
    const [withTicket] = await runExample('intranet.mjs', urls.slice(0, 1), { ...lab.clientEnv('alice'), ...ntlm })
    expect(withTicket).toMatch(/^200 user=alice@TEST\.LOCAL mech=.*krb5/)
    const without = await runExample('intranet.mjs', urls, { ...lab.clientEnv(), ...ntlm })
    expect(without).toEqual([
      expect.stringMatching(/^200 user=LABDOM\\bob/),
      expect.stringMatching(/^200 user=LABDOM\\bob/),
    ])
  })

  test('signs in with a keytab, and says why it cannot', async () => {
    const keytab = lab.kdc.keytab('alice')
    const url = `${lab.apache.url}/krb/echo`
    const [answer] = await runExample('service-account.mjs', [url, 'alice', keytab], lab.clientEnv())
    expect(answer).toMatch(/^200 user=alice@TEST\.LOCAL/)
    const wrong = url.replace('localhost', '127.0.0.1')
    const [reason] = await runExample('service-account.mjs', [wrong, 'alice', keytab], lab.clientEnv())
    expect(reason).toBe('no token: unknown-service for HTTP@127.0.0.1')
  })
})

test('every example is tried here', async (context) => {
  const problem = labProblem({ kdc: true, apache: true })
  if (problem !== null) context.skip(problem)
  const examples = (await readdir(import.meta.dirname)).filter((name) => name.endsWith('.mjs'))
  expect([...tried].toSorted()).toEqual(examples.toSorted())
})
