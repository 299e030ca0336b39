// `pnpm lab`: starts the Kerberos and NTLM servers, prints where they are, and stops them on Ctrl-C or at the end of input.
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadLab } from './load-lab.mjs'

async function main() {
  const { startLab, labProblem, labUsers, labDomain, squidDomain } = await loadLab()
  const all = { kdc: true, apache: true, epa: true, squid: true }
  // Without root: all but NTLM on Squid.
  const needs = labProblem(all) === null ? all : { ...all, squid: 'kerberos' }
  const started = performance.now()
  const lab = await startLab(needs)
  const environment = join(lab.folder, 'env.sh')
  const exports = Object.entries(lab.clientEnv('alice')).map(([name, value]) => `export ${name}='${value}'`)
  writeFileSync(environment, `${exports.join('\n')}\n`)

  const { alice, bob, joerg } = labUsers
  console.log(`Started in ${Math.round(performance.now() - started)} ms.

Apache          ${lab.apache.url}   ${lab.apache.tlsUrl}   ${lab.apache.shortLivedUrl} (idle connections end after 1 s)
                /open /krb /krbconn /krbbasic /deleg /session /ntlm /nego /ntlmclosed, each with /echo and /sum
EPA acceptor    ${lab.epa.url} (SHA-256)   ${lab.epa384.url} (SHA-384)
                /off /allow /require /seal
Squid           ${lab.squid.proxyUrl}   ${lab.squid.tlsProxyUrl} (proxies)   ${lab.squid.reverseUrl} (reverse proxy)
                ${needs.squid === true ? 'Negotiate and NTLM' : 'Negotiate; NTLM takes root'}
KDC             127.0.0.1:${lab.kdc.port}

Kerberos        ${alice.principal} ${alice.password}, ${bob.principal} ${bob.password}
NTLM            ${[alice, bob, joerg].map(({ name, password }) => `${labDomain}\\${name} ${password}`).join(', ')}
NTLM on Squid   ${[alice, bob].map(({ name, password }) => `${squidDomain}\\${name} ${password}`).join(', ')}
Authority       ${lab.authority}
Logs            ${join(lab.folder, 'log')}

As alice:       . ${environment}
                curl --negotiate -u : ${lab.apache.url}/krb/echo

Ctrl-C stops the servers and removes their files.`)
  process.stdin.resume()
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM'), once(process.stdin, 'end')])
  process.stdin.destroy()
  await lab.stop()
}

await main()
