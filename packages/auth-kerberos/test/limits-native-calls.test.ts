import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { fileURLToPath } from 'node:url'
import { AuthBase, type AuthContext, type PreparedRequest, TotalTimeout } from '@entreat/core'
import { KerberosAuth, type KerberosError, NegotiateAuth } from '../src/index.ts'
import { mostNativeCalls, NativeCalls, sharedNativeCalls } from '../src/native-calls.ts'
import { OutOfPatience } from '../src/patience.ts'
import { failureOf } from './support/failures.ts'
import { useLab } from './support/use-lab.ts'
import { useSessions } from './support/sessions.ts'

const WITHOUT_END = { until: Infinity }
const self = fileURLToPath(import.meta.url)

/** A call that ends when it is told to. */
class Call {
  started = false
  end: () => void = () => {}
  fail: (error: Error) => void = () => {}

  readonly make = (): Promise<void> =>
    new Promise((resolve, reject) => {
      this.started = true
      this.end = resolve
      this.fail = reject
    })
}

const settle = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve))

describe('native calls', () => {
  test('run up to the limit, the others in their order', async () => {
    const calls = new NativeCalls(2)
    const made = Array.from({ length: 4 }, () => new Call())
    const ended = made.map(({ make }) => calls.run(make, WITHOUT_END))
    expect(made.map(({ started }) => started)).toEqual([true, true, false, false])
    made[1]?.fail(new Error('one that fails makes room as well'))
    await expect(ended[1]).rejects.toThrow('one that fails')
    expect(made.map(({ started }) => started)).toEqual([true, true, true, false])
    made[0]?.end()
    await ended[0]
    expect([made[3]?.started, calls.running]).toEqual([true, 2])
    made[2]?.end()
    made[3]?.end()
    await Promise.all([ended[2], ended[3]])
    await settle()
    expect(calls.running).toBe(0)
  })

  test('reject at once when their caller gives up, and keep their place until they return', async () => {
    const calls = new NativeCalls(1)
    const [running, waiting, next] = [new Call(), new Call(), new Call()]
    const controller = new AbortController()
    const patience = { signal: controller.signal, until: Infinity }
    const outcomes = Promise.allSettled([calls.run(running.make, patience), calls.run(waiting.make, patience)])
    const after = calls.run(next.make, WITHOUT_END)
    const reason = new Error('enough')
    controller.abort(reason)
    expect((await outcomes).map((outcome) => (outcome as PromiseRejectedResult).reason)).toEqual([reason, reason])
    expect([calls.running, next.started]).toEqual([1, false])
    running.end()
    await settle()
    expect([waiting.started, next.started]).toEqual([false, true])
    next.end()
    await after
  })

  test('reject when patience ends, and for a signal that was aborted before', async () => {
    const calls = new NativeCalls(1)
    const call = new Call()
    await expect(calls.run(call.make, { until: performance.now() })).rejects.toBeInstanceOf(OutOfPatience)
    const aborted = AbortSignal.abort(new Error('before'))
    await expect(calls.run(call.make, { signal: aborted, until: Infinity })).rejects.toThrow('before')
    call.end()
  })

  test('share one limit in a process: all threads of the pool but two', () => {
    const key = Symbol.for('@entreat/auth-kerberos/native-calls/1')
    const shared = sharedNativeCalls()
    expect((globalThis as Record<symbol, unknown>)[key]).toBe(shared)
    const sizes = [undefined, '1', '2', '3', '4', '16', '0', '-3', 'many', '5000']
    expect(sizes.map((size) => mostNativeCalls(size))).toEqual([2, 1, 1, 1, 2, 14, 1, 1, 1, 32])
  })
})

class FakeNtlm extends AuthBase {
  override apply(request: PreparedRequest, context: AuthContext): void {
    context.authorize(request, 'NTLM fallback')
  }
}

describe('a KDC that does not answer', () => {
  const lab = useLab({ kdc: true, apache: true })
  const newSession = useSessions()

  /** Runs with a KDC that is mute, and ends the calls that still wait for it. */
  async function withMuteKdc(use: (url: string) => Promise<void>): Promise<void> {
    const mute = await lab().startMuteKdc()
    process.env['KRB5_CONFIG'] = mute.config
    try {
      await use(`${lab().apache.url}/krb/echo`)
    } finally {
      await mute.stop()
      for (let turn = 0; turn < 1_000 && sharedNativeCalls().running > 0; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    expect(sharedNativeCalls().running).toBe(0)
  }

  test('leaves the file system to others, and an abort rejects at once', async () => {
    await withMuteKdc(async (url) => {
      const controller = new AbortController()
      const { signal } = controller
      let settled = 0
      const asked = Array.from({ length: 8 }, async () => {
        const auth = new KerberosAuth({ preemptive: true, hostname: 'web.test.local', timeout: null })
        const error = await failureOf(newSession(auth).get(url, { signal }))
        settled++
        return error
      })
      while (sharedNativeCalls().running < 2) await settle()
      for (let turn = 0; turn < 20; turn++) await readFile(self)
      // Had the calls taken all threads, the files would have come after them.
      expect([settled, sharedNativeCalls().running]).toEqual([0, 2])
      const reason = new Error('enough')
      controller.abort(reason)
      expect(await Promise.all(asked)).toEqual(Array.from({ length: 8 }, () => reason))
      expect(sharedNativeCalls().running).toBe(2)
    })
  })

  test('is asked once for many requests of one scheme, which all end with its timeout', async () => {
    await withMuteKdc(async (url) => {
      const session = newSession(new KerberosAuth({ preemptive: true, hostname: 'web.test.local', timeout: 100 }))
      const errors = await Promise.all(Array.from({ length: 30 }, () => failureOf(session.get(url))))
      for (const error of errors) expect((error as KerberosError).reason).toBe('timeout')
      expect((errors[0] as Error).message).toContain('no answer within 100 ms')
      expect(sharedNativeCalls().running).toBe(1)
    })
  })

  test("ends with the request's own deadline", async () => {
    await withMuteKdc(async (url) => {
      const auth = new KerberosAuth({ preemptive: true, hostname: 'web.test.local' })
      const error = await failureOf(newSession(auth).get(url, { timeout: { total: 100 } }))
      expect(error).toBeInstanceOf(TotalTimeout)
    })
  })

  test('has NegotiateAuth fall back', async () => {
    await withMuteKdc(async (url) => {
      const ntlm = new FakeNtlm()
      const session = newSession(new NegotiateAuth({ ntlm, hostname: 'web.test.local', timeout: 100 }))
      const response = await session.get(url)
      expect(response.request.headers.get('Authorization')).toBe('NTLM fallback')
      // Remembered: no other call is made.
      expect((await session.get(url)).request.headers.get('Authorization')).toBe('NTLM fallback')
      expect(sharedNativeCalls().running).toBe(1)
    })
  })
})
