import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const node = [process.execPath, fileURLToPath(new URL('node-client.mjs', import.meta.url))]
const python = ['/usr/bin/python3', '-W', 'ignore', fileURLToPath(new URL('python-client.py', import.meta.url))]

/** Who is compared. `client` is the name in node-client.mjs or python-client.py. */
export const contenders = [
  { scheme: 'NTLM', name: 'entreat NTLMAuth', client: 'entreat-ntlm', program: node, needs: '@entreat/auth-ntlm' },
  { scheme: 'NTLM', name: 'requests-ntlm, one Session', client: 'requests_ntlm', program: python },
  {
    scheme: 'NTLM',
    name: 'requests-ntlm, a Session a thread',
    client: 'requests_ntlm',
    program: [...python, 'each'],
  },
  { scheme: 'NTLM', name: 'httpntlm', client: 'httpntlm', program: node, needs: 'httpntlm' },
  { scheme: 'NTLM', name: 'httpntlm, one agent', client: 'httpntlm-agent', program: node, needs: 'httpntlm' },
  {
    scheme: 'Kerberos',
    name: 'entreat KerberosAuth',
    client: 'entreat-kerberos',
    program: node,
    needs: '@entreat/auth-kerberos',
  },
  {
    scheme: 'Kerberos',
    name: 'entreat KerberosAuth, preemptive',
    client: 'entreat-kerberos-preemptive',
    program: node,
    needs: '@entreat/auth-kerberos',
  },
  { scheme: 'Kerberos', name: 'requests-kerberos, one Session', client: 'requests_kerberos', program: python },
  {
    scheme: 'Kerberos',
    name: 'requests-kerberos, a Session a thread',
    client: 'requests_kerberos',
    program: [...python, 'each'],
  },
]

/** Says why a client cannot be measured here, or null. */
export async function findProblem({ client, program: [command], needs }) {
  if (needs !== undefined) {
    return import(needs).then(
      () => null,
      (error) => `${needs} cannot be loaded: ${error.message}`,
    )
  }
  const debian = `python3-${client.replace('_', '-')}`
  if (!existsSync(command)) return `${command} is missing: install ${debian}`
  return promisify(execFile)(command, ['-W', 'ignore', '-c', `import ${client}`]).then(
    () => null,
    () => `install Debian's ${debian}`,
  )
}
