import type { Connection, PreparedRequest } from '@entreat/core'

/** What a recipient knows of this client on one connection. */
interface LoginState {
  /** `unasked`: it has let a login's first message pass. */
  readonly kind: 'logged-in' | 'unasked'
  /** Whether it has served a request without login since. */
  hasServed: boolean
}

/** So often in a row must a recipient forget a login at once until it is known to do so. */
const TIMES_FORGOTTEN = 2
/** Past this many, what was learned first is learned again. */
const MOST_RECIPIENTS = 1000

/** Which connections are logged in, and which recipients want a login for each request all the same. */
export class LoginStates {
  /** A connection to a proxy that forwards may be logged in to proxy and origin. */
  readonly #states = new WeakMap<Connection, Map<string, LoginState>>()
  /** How often in a row a recipient has forgotten. */
  readonly #forgetful = new Map<string, number>()

  /** Whether a request may go without asking for a challenge first. One whose body can be sent once alone waits for the login. */
  sendsAsIs(connection: Connection, recipient: string, request: PreparedRequest): boolean {
    const state = this.#states.get(connection)?.get(recipient)
    if (state === undefined) return false
    if (state.kind === 'unasked') return request.isReplayable
    return (this.#forgetful.get(recipient) ?? 0) < TIMES_FORGOTTEN
  }

  loggedIn(connection: Connection, recipient: string): void {
    this.#set(connection, recipient, { kind: 'logged-in', hasServed: false })
  }

  unasked(connection: Connection, recipient: string): void {
    this.#set(connection, recipient, { kind: 'unasked', hasServed: false })
  }

  /** A request went through without login. */
  served(connection: Connection, recipient: string): void {
    const state = this.#states.get(connection)?.get(recipient)
    if (state === undefined || state.hasServed) return
    state.hasServed = true
    this.#forgetful.delete(recipient)
  }

  /** The recipient asks again, and is going to be answered. */
  forget(connection: Connection, recipient: string): void {
    const states = this.#states.get(connection)
    const state = states?.get(recipient)
    if (states === undefined || state === undefined) return
    states.delete(recipient)
    if (state.kind === 'unasked' || state.hasServed) return
    if (this.#forgetful.size >= MOST_RECIPIENTS) this.#forgetful.clear()
    this.#forgetful.set(recipient, (this.#forgetful.get(recipient) ?? 0) + 1)
  }

  #set(connection: Connection, recipient: string, state: LoginState): void {
    const states = this.#states.get(connection) ?? new Map<string, LoginState>()
    this.#states.set(connection, states.set(recipient, state))
  }
}
