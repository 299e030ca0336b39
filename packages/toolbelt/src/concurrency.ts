import {
  type ConcurrencyOptions,
  type IterationOptions,
  resolveConcurrency,
} from './concurrency/concurrency-options.ts'
import type { RequestInput } from './concurrency/planned-request.ts'
import { RequestPool } from './concurrency/request-pool.ts'
import type { Response } from '@entreat/core'

export type { ConcurrencyOptions, IterationOptions, RequestInput }

/**
 * Sends requests, `size` at once, and gives their responses in the order of the requests.
 *
 * All of them are in memory at the end: for many, let `onResponse` keep what you need of each, or use {@link imap}.
 *
 * @param requests - URLs, Requests, or `{ url, method, … }`.
 * @throws the first failure, unless there is `onError`; the signal's reason; UsageError for `stream` without `onResponse`.
 */
export async function map<T = Response, E = never>(
  requests: Iterable<RequestInput> | AsyncIterable<RequestInput>,
  options: ConcurrencyOptions<T, E> = {},
): Promise<(T | E)[]> {
  const own = resolveConcurrency(options, 'map')
  const values: (T | E)[] = []
  for await (const [index, value] of new RequestPool(requests, own, false).results()) values[index] = value
  return values
}

/**
 * Sends requests, `size` at once, and gives responses as they finish, or in the order of the requests with `ordered`. Reads no more of the requests, and
 * holds no more responses, than `size`: a slow loop slows the requests down. Leaving the loop ends what still runs.
 *
 * With `stream` a response holds its slot until its body has been read or closed.
 *
 * @throws as {@link map}.
 */
export async function* imap<T = Response, E = never>(
  requests: Iterable<RequestInput> | AsyncIterable<RequestInput>,
  options: IterationOptions<T, E> = {},
): AsyncGenerator<T | E, void, undefined> {
  for await (const [, value] of new RequestPool(requests, resolveConcurrency(options, 'imap'), true).results())
    yield value
}

/** As {@link imap}, with the place of each among the requests: `[index, response]`. */
export async function* imapEnumerated<T = Response, E = never>(
  requests: Iterable<RequestInput> | AsyncIterable<RequestInput>,
  options: IterationOptions<T, E> = {},
): AsyncGenerator<[index: number, value: T | E], void, undefined> {
  yield* new RequestPool(requests, resolveConcurrency(options, 'imapEnumerated'), true).results()
}
