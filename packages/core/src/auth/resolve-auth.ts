import { UsageError } from '../errors.ts'
import { decodePercent } from '../message/percent.ts'
import type { AuthBase } from './auth-base.ts'
import { isAuth } from './auth-base.ts'
import { BasicAuth } from './basic.ts'
import { type AuthFunction, CallableAuth } from './callable-auth.ts'

/** What options take for auth: a scheme, `[user, password]` for Basic, a function that signs, or `null` for none at all. */
export type AuthInit =
  | AuthBase
  | readonly [username: string | Uint8Array, password: string | Uint8Array]
  | AuthFunction
  | null

/**
 * Makes a scheme of what a caller gave.
 *
 * @throws UsageError for anything else.
 */
export function resolveAuth(init: AuthInit): AuthBase | null {
  if (init === null) return null
  if (isAuth(init)) return init
  if (typeof init === 'function') return new CallableAuth(init)
  if (Array.isArray(init) && init.length === 2) return new BasicAuth(init[0], init[1])
  throw new UsageError('auth must be an AuthBase, [user, password], a function of the request, or null')
}

/** Basic from a URL's userinfo; `null` unless it has both a user and a password part (rule AU4 of Requests). */
export function userinfoAuth(userinfo: string | null): BasicAuth | null {
  const colon = userinfo?.indexOf(':') ?? -1
  if (userinfo === null || colon === -1) return null
  return new BasicAuth(decodePercent(userinfo.slice(0, colon)), decodePercent(userinfo.slice(colon + 1)))
}
