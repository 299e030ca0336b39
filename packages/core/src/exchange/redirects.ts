import { announceRedirect } from '../diagnostics.ts'
import { TooManyRedirects, UsageError } from '../errors.ts'
import type { HookInfo } from '../hooks.ts'
import { isPreparedRequest, type PreparedRequest } from '../message/prepared-request.ts'
import { isResponse, type Response } from '../message/response.ts'
import { untilInterrupted } from '../timeout.ts'
import type { Exchange, ExchangeContext, ExchangeOptions } from './exchange.ts'
import { followed, nextRequest } from './next-request.ts'
import { signAhead } from './sign-ahead.ts'

/**
 * The outermost layer: follows Location, runs the hooks of each hop, and reads the body unless it is to be streamed.
 * Holds the request without credentials, so that each hop is signed for its own origin.
 */
export function redirects(next: Exchange, context: ExchangeContext): Exchange {
  return async (first, options) => {
    let request = first
    const history: Response[] = []
    for (let hop = 0; ; hop++) {
      const own = hop === 0 ? options : { ...options, hop }
      if (request.hooks.request.length > 0) request = await runRequestHooks(request, own)
      let response = await next(request, own)
      if (hop > 0) response.history = [...history, ...response.history]
      let target: PreparedRequest | null
      try {
        if (options.allowRedirects && isFollowed(response)) await response.drain()
        else if (!options.stream && !response.readArrived()) await response.read()
        if (request.hooks.response.length > 0) response = await runResponseHooks(response, request, own)
        target = isFollowed(response) ? await redirectOf(request, response, own, context) : null
      } catch (error) {
        response.close()
        throw error
      }
      if (target === null) return response
      announceRedirect(options.id, request, response, target)
      await response.drain()
      history.push(...response.history.slice(history.length), response)
      request = target
    }
  }
}

function isFollowed(response: Response): boolean {
  return response.isRedirect && response.headers.get('location') !== ''
}

function hookInfo(options: ExchangeOptions): HookInfo {
  return { hop: options.hop, attempt: 0, options }
}

async function runRequestHooks(request: PreparedRequest, options: ExchangeOptions): Promise<PreparedRequest> {
  const info = hookInfo(options)
  // What the caller prepared stays as it was.
  let current = info.hop === 0 && request.hooks.request.length > 0 ? request.copy() : request
  for (const hook of request.hooks.request) {
    const given = await untilInterrupted(Promise.resolve(hook(current, info)), options)
    if (given === undefined || given === null) continue
    if (!isPreparedRequest(given)) throw new UsageError('A request hook must return a PreparedRequest, or nothing')
    current = given
  }
  return current
}

async function runResponseHooks(
  response: Response,
  request: PreparedRequest,
  options: ExchangeOptions,
): Promise<Response> {
  const info = hookInfo(options)
  let current = response
  for (const hook of request.hooks.response) {
    const given = await untilInterrupted(Promise.resolve(hook(current, info)), options)
    if (given === undefined || given === null || given === current) continue
    if (!isResponse(given)) throw new UsageError('A response hook must return a Response, or nothing')
    current.close()
    if (given.history.length === 0) given.history = current.history
    if (!options.stream) await given.read()
    current = given
  }
  return current
}

/** The request that a redirect leads to; `null` if it is not followed. */
async function redirectOf(
  request: PreparedRequest,
  response: Response,
  options: ExchangeOptions,
  context: ExchangeContext,
): Promise<PreparedRequest | null> {
  if (!options.allowRedirects) {
    response.next = await nextOrNothing(request, response, options, context)
    return null
  }
  const redirectsMade = response.history.filter((earlier) => earlier.isRedirect).length
  if (redirectsMade >= options.maxRedirects) {
    throw new TooManyRedirects(`Exceeded ${options.maxRedirects} redirects.`, { request, response })
  }
  const next = nextRequest(request, response, options)
  if (next === null) return null
  const target = next.parsedUrl
  for (const hook of request.hooks.redirect) {
    if ((await untilInterrupted(Promise.resolve(hook({ response, next })), options)) === false) {
      response.next = next
      return null
    }
  }
  return followed(next, target, options)
}

/** The next hop as it would be sent. Where the redirect is not followed, a target that could not be is no error. */
async function nextOrNothing(
  request: PreparedRequest,
  response: Response,
  options: ExchangeOptions,
  context: ExchangeContext,
): Promise<PreparedRequest | null> {
  try {
    const next = nextRequest(request, response, options)
    return next === null ? null : await signAhead(next, options, context)
  } catch {
    return null
  }
}
