import assert from 'node:assert/strict'
import {
  type Connection,
  type PreparedRequest,
  Request,
  type RequestOptions,
  type ResolvedLimits,
  type Response,
  Session,
  type TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import type { AdapterTarget, Place } from './adapter-target.ts'
import { within } from './checks.ts'

type Member = Exclude<
  {
    [K in keyof AdapterTarget]-?: AdapterTarget[K] extends (() => unknown) | undefined ? K : never
  }[keyof AdapterTarget],
  undefined
>
type Found<M extends Member> = Awaited<ReturnType<NonNullable<AdapterTarget[M]>>>

/** How one request differs from a plain GET of a place. */
export interface Sending extends Partial<TransportOptions> {
  readonly method?: string
  readonly data?: RequestOptions['data']
  readonly auth?: RequestOptions['auth']
}

/** One adapter in its world, for one test: what it gave is closed afterwards. */
export class AdapterBench implements AsyncDisposable {
  readonly adapter: TransportAdapter
  readonly target: AdapterTarget
  readonly #places: Place[] = []
  readonly #responses: Response[] = []
  readonly #connections: Connection[] = []

  constructor(adapter: TransportAdapter, target: AdapterTarget) {
    this.adapter = adapter
    this.target = target
  }

  get subject(): string {
    return this.adapter.constructor.name
  }

  /** The limits of a Session that says nothing of them. */
  get limits(): ResolvedLimits {
    return new Session().limits
  }

  /** A resource of the target. */
  async resource(length: number, seed: number): Promise<Place> {
    return this.#keep(await this.target.resource(length, seed))
  }

  /** A member of the target that a declared capability needs. */
  async find<M extends Member>(member: M): Promise<Found<M>> {
    const make = this.target[member] as (() => Found<M> | Promise<Found<M>>) | undefined
    assert.ok(make !== undefined, `the suite's target has no ${member}(), which a declared capability needs`)
    const found = await make.call(this.target)
    if ('url' in (found as object)) this.#keep(found as unknown as Place)
    return found
  }

  #keep(place: Place): Place {
    this.#places.push(place)
    return place
  }

  /** A request as a Session without defaults would prepare it. */
  prepare(place: Place, { method = 'GET', data, auth }: Sending = {}): Promise<PreparedRequest> {
    return new Request(method, place.url, { ...(data === undefined ? {} : { data }), auth: auth ?? null }).prepare()
  }

  /** All that core would tell an adapter, with the defaults of a Session. */
  options(place: Place, sending: Sending = {}): TransportOptions {
    const { method: _method, data: _data, auth: _auth, ...wanted } = sending
    const { limits, timeout } = new Session()
    const defaults: TransportOptions = { stream: true, timeout, limits, verify: true, cert: null, proxy: null }
    return { ...defaults, ...this.target.options, ...place.options, ...wanted }
  }

  /** Sends one request. The response is closed after the test, if not before. */
  async send(place: Place, sending: Sending = {}): Promise<Response> {
    return this.sendPrepared(await this.prepare(place, sending), this.options(place, sending))
  }

  /** Sends a request as it stands. */
  async sendPrepared(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const response = await this.adapter.send(request, options)
    assert.ok(
      typeof response?.statusCode === 'number',
      `send() resolved with ${typeof response}, which is no Response of @entreat/core`,
    )
    this.#responses.push(response)
    return response
  }

  /** Sends one request and reads its body. */
  async fetch(place: Place, sending: Sending = {}): Promise<Response> {
    const response = await within(this.send(place, sending), 'answer')
    await within(response.read(), 'end the body')
    return response
  }

  /** Reserves a connection. It is destroyed after the test, if not before. */
  async acquire(place: Place, poolKey: unknown, sending: Sending = {}): Promise<Connection> {
    const { adapter } = this
    assert.ok(adapter.acquire !== undefined, 'it declares connections and defines no acquire()')
    const acquired = adapter.acquire(await this.prepare(place, sending), this.options(place, sending), poolKey)
    const connection = await within(acquired, 'give a connection')
    this.#connections.push(connection)
    return connection
  }

  /** Sends a request on a reserved connection and reads its body. */
  async fetchOn(connection: Connection, place: Place, sending: Sending = {}): Promise<Response> {
    const sent = connection.send(await this.prepare(place, sending), { ...this.options(place, sending), connection })
    const response = await within(sent, 'answer on the reserved connection')
    this.#responses.push(response)
    await within(response.read(), 'end the body on the reserved connection')
    return response
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const response of this.#responses) response.close()
    for (const connection of this.#connections) connection.destroy()
    await within(this.adapter.close(), 'close').catch(() => {})
    for (const place of this.#places) await place.close?.()
  }
}
