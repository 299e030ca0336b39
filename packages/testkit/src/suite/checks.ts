import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { RequestException, type Response } from '@entreat/core'
import { seededBlocks } from '../seeded-bytes.ts'

/** How long something that must happen may take, in milliseconds. Only a broken subject takes it. */
export const PATIENCE_MS = 8000
/** The patience of the test that runs. */
export const patience: AsyncLocalStorage<number> = new AsyncLocalStorage<number>()

function patienceMs(): number {
  return patience.getStore() ?? PATIENCE_MS
}

/**
 * Waits for something that must happen.
 *
 * @param what - goes on from "it did not": "resolve at the head".
 * @param mostMs - how long it may take. Default: the suite's `patienceMs`.
 */
export async function within<T>(promise: Promise<T>, what: string, mostMs: number = patienceMs()): Promise<T> {
  const over = new AbortController()
  const tooLate = sleep(mostMs, undefined, { signal: over.signal }).then(
    () => assert.fail(`it did not ${what} within ${mostMs} ms`),
    () => new Promise<never>(() => {}),
  )
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    over.abort()
  }
}

/**
 * The reason of a promise that must reject.
 *
 * @param what - goes on from "it did not": "fail where nobody listens".
 */
export async function rejectionOf(promise: Promise<unknown>, what: string): Promise<unknown> {
  const outcome = promise.then(
    () => ({ rejected: false, reason: undefined }),
    (reason: unknown) => ({ rejected: true, reason }),
  )
  const { rejected, reason } = await within(outcome, what)
  assert.ok(rejected, `it did not ${what}: it resolved`)
  return reason
}

/** Checks that an error is one of the library's, and gives it as such. */
export function asRequestException(error: unknown): RequestException {
  assert.ok(error instanceof RequestException, `it raised ${describeError(error)}, which is no RequestException`)
  return error
}

/** Waits until a number is what it must become. */
export async function becomes(read: () => number | Promise<number>, expected: number, what: string): Promise<void> {
  const until = Date.now() + patienceMs()
  let seen = await read()
  while (seen !== expected && Date.now() < until) {
    await sleep(10)
    seen = await read()
  }
  assert.equal(seen, expected, `${what}: ${seen}, not ${expected}`)
}

/** The content of a target's resource. */
export function contentOf(length: number, seed: number): Buffer {
  return Buffer.concat([...seededBlocks(length, seed)])
}

/** Reads the undecoded bytes of a response. */
export async function rawBytes(response: Response): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of response.raw) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

/** Compares bytes without printing them. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, what: string): void {
  const same = Buffer.compare(actual, expected) === 0
  assert.ok(same, `${what}: ${actual.byteLength} bytes came, not the ${expected.byteLength} that were expected`)
}

/** An error as a failure's message shows it. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return `${typeof error} ${String(error)}`
  return `${error.name}: ${error.message}`
}
