import assert from 'node:assert/strict'
import { loadLab } from '../../../lab/kerberos-ntlm/load-lab.mjs'
// >>>
import { KerberosAuth } from '@entreat/auth-kerberos'
import { Session } from '@entreat/core'
// <<<

export const title = 'Kerberos: to a server and to the proxy before it, with the ticket that is there'
export const claim =
  "Four requests took four round trips in Apache's log, all as alice; each answer proved that the server is who it says."
export const source = import.meta.url

const needs = { kdc: true, apache: true, squid: 'kerberos' }

/** Real servers are needed: Debian's, on Linux. */
export async function problem() {
  const { labProblem } = await loadLab()
  return labProblem(needs)
}

export async function run({ console }) {
  const { startLab } = await loadLab()
  const lab = await startLab(needs)
  try {
    Object.assign(process.env, lab.clientEnv('alice')) // as kinit would have left it
    return await signIn(lab, console)
  } finally {
    await lab.stop()
  }
}

async function signIn({ apache, squid }, console) {
  const { url } = apache
  await apache.log.clear()
  // >>>
  const direct = new Session({ auth: new KerberosAuth({ preemptive: true }) })
  const first = await direct.get(`${url}/krb/echo`) // http://localhost:PORT, Apache with mod_auth_gssapi
  const second = await direct.post(`${url}/krb/sum`, { data: 'call me Ishmael' })
  await direct.close()

  const proxied = new Session({
    proxies: { all: squid.proxyUrl }, // Squid, which asks with 407
    proxyAuth: new KerberosAuth(),
    auth: new KerberosAuth({ preemptive: true }),
  })
  const third = await proxied.get(`${url}/krb/echo`)
  const fourth = await proxied.get(`${url}/krb/echo`)
  await proxied.close()

  for (const response of [first, second, third, fourth]) console.log(response.statusCode, response.text.trim())
  // <<<
  const rows = await apache.log.requests({ atLeast: 4 })
  const proxyRows = await squid.log.requests({ atLeast: 3 })
  return { responses: [first, second, third, fourth], rows, proxyRows }
}

export function verify({ responses, rows, proxyRows }) {
  assert.deepEqual(
    rows.map(({ status, user }) => `${status} ${user}`),
    Array(4).fill('200 alice@TEST.LOCAL'),
  )
  for (const response of responses) {
    assert.equal(response.statusCode, 200)
    assert.match(response.headers.get('www-authenticate') ?? '', /^Negotiate \S/)
  }
  assert.ok(responses[1].text.includes('length=15'))
  assert.deepEqual(
    proxyRows.map(({ status }) => status),
    [407, 200, 200],
  )
}
