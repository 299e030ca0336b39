/** The error that a promise rejects with. */
export async function failure<E extends Error = Error & { code?: string }>(promise: Promise<unknown>): Promise<E> {
  try {
    await promise
  } catch (error) {
    return error as E
  }
  throw new Error('It did not fail')
}
