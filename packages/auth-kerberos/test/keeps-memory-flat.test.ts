import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { labUsers } from '../../../lab/kerberos-ntlm/start-lab.ts'
import { useLab } from './support/use-lab.ts'

const program = fileURLToPath(new URL('leaks-nothing.mjs', import.meta.url))
const built = existsSync(fileURLToPath(new URL('../dist/index.js', import.meta.url)))

const CONTEXTS = 2_000
/** A hundred a context, and what V8 takes once. One that is not freed is 2,000, its name 200, and credentials are 20,000 for every 25. */
const MOST_BYTES = 250_000

describe('memory', () => {
  const lab = useLab({ kdc: true, apache: true })

  test.each(['ccache', 'keytab', 'password'] as const)(
    'does not grow with contexts and credentials: %s',
    { timeout: 60_000 },
    async (kind) => {
      expect(built, 'the packages have not been built: run `npm run build`').toBe(true)
      const credentials = {
        ccache: { ccache: lab().kdc.ccache('alice') },
        keytab: { keytab: lab().kdc.keytab('alice') },
        password: { password: labUsers.alice.password },
      }[kind]
      const args = ['--expose-gc', program, String(CONTEXTS), JSON.stringify(credentials)]
      const grown = Number(await lab().runClient(process.execPath, args, 'alice'))
      expect(grown).toBeLessThan(MOST_BYTES)
    },
  )
})
