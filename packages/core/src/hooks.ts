import { UsageError } from './errors.ts'
import type { PreparedRequest } from './message/prepared-request.ts'
import type { Response } from './message/response.ts'
import type { TransportOptions } from './transport/transport-adapter.ts'

/** Where in the exchange a hook runs. `hop` counts redirects from 0, `attempt` counts retries from 0. */
export interface HookInfo {
  readonly hop: number
  readonly attempt: number
  /** What the adapter will be told, or was. */
  readonly options: TransportOptions
}

/** What a `retry` hook is told. */
export interface RetryEvent {
  /** Attempts already made, 1 or more. */
  readonly attempt: number
  /** Milliseconds until the next one. */
  readonly delayMs: number
  readonly error?: Error
  readonly response?: Response
}

/** What a `redirect` hook is told. `next` may be edited; it is checked again afterwards. */
export interface RedirectEvent {
  readonly response: Response
  readonly next: PreparedRequest
}

/** Hooks may be async. */
export type MaybePromise<T> = T | Promise<T>

/** Before each hop, ahead of cookies and auth. A request it returns is sent instead. */
export type RequestHook = (request: PreparedRequest, info: HookInfo) => MaybePromise<PreparedRequest | void>
/** After each hop. A response it returns takes the place of this one. */
export type ResponseHook = (response: Response, info: HookInfo) => MaybePromise<Response | void>
/** Before a redirect is followed. `false` stops: the redirect itself is the result. */
export type RedirectHook = (event: RedirectEvent) => MaybePromise<boolean | void>
/** Before a retry. `false` stops: the error or response stands. */
export type RetryHook = (event: RetryEvent) => MaybePromise<boolean | void>

/** Functions, or lists of them, by event. */
export interface Hooks {
  request?: RequestHook | readonly RequestHook[] | undefined
  response?: ResponseHook | readonly ResponseHook[] | undefined
  redirect?: RedirectHook | readonly RedirectHook[] | undefined
  retry?: RetryHook | readonly RetryHook[] | undefined
}

/** The same, always lists. */
export interface HookLists {
  readonly request: readonly RequestHook[]
  readonly response: readonly ResponseHook[]
  readonly redirect: readonly RedirectHook[]
  readonly retry: readonly RetryHook[]
}

const EVENTS = ['request', 'response', 'redirect', 'retry'] as const

/** No hooks at all; shared. */
export const NO_HOOKS: HookLists = Object.freeze({ request: [], response: [], redirect: [], retry: [] })

/**
 * The session's hooks, then the request's.
 *
 * @throws UsageError for an unknown event, or a hook that is not a function.
 */
export function combineHooks(session: Hooks | null | undefined, request: Hooks | null | undefined): HookLists {
  if (!session && !request) return NO_HOOKS
  const first = listHooks(session)
  const second = listHooks(request)
  if (first === NO_HOOKS) return second
  if (second === NO_HOOKS) return first
  return {
    request: [...first.request, ...second.request],
    response: [...first.response, ...second.response],
    redirect: [...first.redirect, ...second.redirect],
    retry: [...first.retry, ...second.retry],
  }
}

function listHooks(hooks: Hooks | null | undefined): HookLists {
  if (!hooks) return NO_HOOKS
  const events = Object.keys(hooks)
  if (events.length === 0) return NO_HOOKS
  let any = false
  const lists: Record<string, unknown[]> = { request: [], response: [], redirect: [], retry: [] }
  for (const event of events) {
    const list = (EVENTS as readonly string[]).includes(event) ? lists[event] : undefined
    if (list === undefined) {
      throw new UsageError(
        `Unsupported event specified, with event name "${event}". The events are ${EVENTS.join(', ')}`,
      )
    }
    const given = (hooks as Record<string, unknown>)[event]
    if (given === undefined || given === null) continue
    for (const hook of Array.isArray(given) ? given : [given]) {
      if (typeof hook !== 'function') throw new UsageError(`A ${event} hook must be a function, not ${typeof hook}`)
      list.push(hook)
      any = true
    }
  }
  return any ? (lists as unknown as HookLists) : NO_HOOKS
}
