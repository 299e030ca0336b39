import { RequestException } from '@entreat/core'

/** What a promise rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    return error
  }
  throw new Error(`expected a failure, got ${String(value)}`)
}

/** The library's error that a promise rejects with. */
export async function failure(promise: Promise<unknown>): Promise<RequestException> {
  const error = await rejection(promise)
  if (error instanceof RequestException) return error
  throw new Error('expected an error of the library', { cause: error })
}

/** Rejects unless the promise settles within `ms`: for what used to hang. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing happened within ${ms} ms`)), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A promise and the function that resolves it. */
export function signalOf<T = void>(): { readonly promise: Promise<T>; readonly fire: (value: T) => void } {
  let fire!: (value: T) => void
  const promise = new Promise<T>((resolve) => {
    fire = resolve
  })
  return { promise, fire }
}
