import { RequestException } from '@entreat/core'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { negotiateSocks } from '../../src/transport/socks.ts'
import { cutAt, FakeSocket } from './fake-socket.ts'

const target = { host: 'somewhere.test', port: 443 }

/** @returns what the target said first, if the other side does not end. */
async function negotiate(scheme: string, bytes: Uint8Array, cuts: readonly number[], ends = false): Promise<string> {
  const socket = new FakeSocket(cutAt(bytes, cuts), ends)
  await negotiateSocks(socket.asSocket, { url: `${scheme}://proxy:1`, scheme, host: 'proxy', port: 1 }, target)
  return ends ? '' : socket.rest()
}

const places = fc.array(fc.nat(), { maxLength: 12 })
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => [1, ...bytes]),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => [4, ...bytes]),
  fc.uint8Array({ maxLength: 255 }).map((bytes) => [3, bytes.length, ...bytes]),
)

describe('a SOCKS proxy', () => {
  it('is understood wherever its replies are cut, and what the target says first is left (RFC 1928 section 6)', async () => {
    await fc.assert(
      fc.asyncProperty(address, places, async (bound, cuts) => {
        const bytes = Buffer.from([5, 0, 5, 0, 0, ...bound, 1, 2, ...Buffer.from('hello')])
        expect(await negotiate('socks5h', bytes, cuts)).toBe('hello')
      }),
      { numRuns: 60 },
    )
  })

  it('of version 4 is understood wherever its reply is cut', async () => {
    const bytes = Buffer.from([0, 90, 1, 2, 3, 4, 5, 6, ...Buffer.from('hello')])
    for (let cut = 0; cut <= bytes.length; cut++) expect(await negotiate('socks4a', bytes, [cut])).toBe('hello')
  })

  it.each(['socks5h', 'socks4a'])(
    'causes nothing but errors of the library, whatever it says, by %s',
    async (scheme) => {
      const byte = fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 90, 91, 255), fc.nat(255))
      await fc.assert(
        fc.asyncProperty(fc.array(byte, { maxLength: 30 }), places, async (bytes, cuts) => {
          const outcome = await negotiate(scheme, Buffer.from(bytes), cuts, true).catch((error: unknown) => error)
          if (typeof outcome !== 'string') expect(outcome).toBeInstanceOf(RequestException)
        }),
        { numRuns: 200 },
      )
    },
  )

  it('that ends at any byte is an error of the library', async () => {
    const whole = [5, 0, 5, 0, 0, 1, 127, 0, 0, 1, 1, 2]
    for (let length = 0; length < whole.length; length++) {
      const outcome = await negotiate('socks5h', Buffer.from(whole.slice(0, length)), [], true).catch(
        (error: unknown) => error,
      )
      expect(outcome).toBeInstanceOf(RequestException)
    }
  })
})
