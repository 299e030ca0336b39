import { execFile } from 'node:child_process'
import { cp, mkdtemp, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { kerberosFolder, buildProblem } from './support/built-kerberos.ts'
import { useLab } from './support/use-lab.ts'

const lab = useLab({ kdc: true, apache: true })
const packages = fileURLToPath(new URL('../../', import.meta.url))

const program = `
import { Session } from '@entreat/core'
import { KerberosAuth } from '@entreat/auth-kerberos'
const [url, platform, options] = process.argv.slice(2)
Object.defineProperty(process, 'platform', { value: platform })
const session = new Session({ trustEnv: false, auth: new KerberosAuth({ preemptive: true, ...JSON.parse(options) }) })
try {
  console.log((await session.get(url)).text)
} catch (error) {
  console.log(error.name + ': ' + error.message)
}
await session.close()
`

describe('a project without koffi', () => {
  let project: string

  beforeEach(async () => {
    project = await mkdtemp(join(tmpdir(), 'entreat-kerberos-'))
    const own = join(project, 'node_modules', '@entreat', 'auth-kerberos')
    await mkdir(own, { recursive: true })
    await cp(join(packages, 'auth-kerberos', 'dist'), join(own, 'dist'), { recursive: true })
    await cp(join(packages, 'auth-kerberos', 'package.json'), join(own, 'package.json'))
    await symlink(join(packages, 'core'), join(project, 'node_modules', '@entreat', 'core'))
    await writeFile(join(project, 'program.mjs'), program)
  })

  afterEach(async () => {
    await rm(project, { recursive: true, force: true })
  })

  async function run(platform: string, options: object = {}): Promise<string> {
    const args = [join(project, 'program.mjs'), `${lab().apache.url}/krb/echo`, platform, JSON.stringify(options)]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: { ...process.env } })
    return stdout
  }

  test('is told what to install', async () => {
    expect(await run('linux')).toMatch(
      /^UsageError: Kerberos cannot be used: .*koffi is not installed.*kerberos is not installed.* Install the npm package koffi.*libkrb5-dev.*libgssapi-krb5-2 on Debian.*RHEL/,
    )
    expect(await run('darwin')).toContain('brew install krb5')
  })

  test('is told that Windows has no provider', async () => {
    expect(await run('win32')).toMatch(/^UsageError: .*On Windows there is no provider yet: pass one of your own/)
  })

  test('uses the package kerberos, if it is there, and is told what that cannot do', async (context) => {
    const problem = buildProblem()
    if (problem !== null) return context.skip(problem)
    await symlink(await kerberosFolder(), join(project, 'node_modules', 'kerberos'))
    expect(await run('linux')).toContain('user=alice@TEST.LOCAL')
    expect(await run('linux', { credentials: { ccache: '/nonexistent' } })).toMatch(
      /^UsageError: .*koffi is not installed.*the provider kerberos cannot honour credentials: \{ ccache \}/,
    )
  }, 120_000)
})
