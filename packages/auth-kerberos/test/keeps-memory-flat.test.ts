import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { labUsers } from '../../../lab/kerberos-ntlm/start-lab.ts'
import { useLab } from './support/use-lab.ts'

const program = fileURLToPath(new URL('leaks-nothing.mjs', import.meta.url))
const built = existsSync(fileURLToPath(new URL('../dist/index.js', import.meta.url)))

const CONTEXTS = 2_000
/** One context that is not freed is more than 2 KB in C; the noise of a process is some hundred KB. */
const MOST_BYTES_EACH = 700

describe('memory', () => {
  const lab = useLab({ kdc: true, apache: true })

  test.each(['ccache', 'keytab', 'password'] as const)(
    'does not grow with contexts and credentials: %s',
    { timeout: 120_000 },
    async (kind) => {
      expect(built, 'the packages have not been built: run `npm run build`').toBe(true)
      const credentials = {
        ccache: { ccache: lab().kdc.ccache('alice') },
        keytab: { keytab: lab().kdc.keytab('alice') },
        password: { password: labUsers.alice.password },
      }[kind]
      const args = [`${lab().apache.url}/krb/echo`, String(CONTEXTS), JSON.stringify(credentials), 'alice']
      const grown = Number(await lab().runClient(process.execPath, ['--expose-gc', program, ...args], 'alice'))
      expect(grown / CONTEXTS).toBeLessThan(MOST_BYTES_EACH)
    },
  )
})
