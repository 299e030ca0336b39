import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type GssContext, KerberosAuth, koffiProvider } from '../src/index.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const lab = useLab({ kdc: true, apache: true })
const newSession = useSessions()

describe('the library of the system', () => {
  /** A context that waits for the server's token. */
  async function waitingContext(): Promise<GssContext> {
    const provider = await koffiProvider()
    const context = provider.createContext({ service: 'HTTP@localhost', mutual: true, delegate: false })
    const { token, complete } = await context.step(null)
    expect([token === null, complete]).toEqual([false, false])
    return context
  }

  /** Whether a context is established by a token, which none of these may do. */
  async function isTaken(token: Uint8Array): Promise<boolean> {
    const context = await waitingContext()
    try {
      return (await context.step(token)).complete
    } catch (error) {
      expect(error).toHaveProperty('majorStatus')
      return false
    } finally {
      context.dispose()
    }
  }

  /** What Apache answered to another request. */
  async function foreignToken(): Promise<Buffer> {
    const response = await newSession(new KerberosAuth()).get(`${lab().apache.url}/krb/echo`)
    return Buffer.from(response.headers.get('WWW-Authenticate')?.replace('Negotiate ', '') ?? '', 'base64')
  }

  test('refuses any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await isTaken(bytes)).toBe(false)
      }),
      { numRuns: 200 },
    )
  })

  test('refuses the token of another request, whole, cut anywhere, and changed anywhere', async () => {
    const token = await foreignToken()
    expect(token.length).toBeGreaterThan(100)
    expect(await isTaken(token)).toBe(false)
    for (let length = 0; length < token.length; length++) expect(await isTaken(token.subarray(0, length))).toBe(false)
    for (let at = 0; at < token.length; at++) {
      const changed = Buffer.from(token)
      changed[at] = (changed[at] ?? 0) ^ 0x81
      expect(await isTaken(changed)).toBe(false)
    }
  })

  test('refuses a megabyte', async () => {
    expect(await isTaken(Buffer.alloc(1_000_000, 0x60))).toBe(false)
  })

  test('says what failed, with its codes', async () => {
    const context = await waitingContext()
    const error = await failureOf(context.step(Buffer.from('garbage')))
    expect(error).toMatchObject({ message: expect.stringMatching(/token/i), majorStatus: 0x90000 })
    context.dispose()
  })
})
