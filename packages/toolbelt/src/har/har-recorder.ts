import {
  type PreparedRequest,
  readOptions,
  Redaction,
  type Response,
  type Session,
  type TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { type SendOn, WrappingAdapter } from '../adapters/wrapping-adapter.ts'
import { VERSION } from '../version.ts'
import type { Har, HarEntry } from './har.ts'
import { type EntryOutcome, type EntryPlace, type EntrySettings, harEntry } from './har-entry.ts'

/** Options of a {@link HarRecorder}. */
export interface HarRecorderOptions {
  /** What to mask; `null` keeps everything, credentials too. Default: what usually is a secret. */
  readonly redaction?: Redaction | null
  /** Bytes kept of one body, 0 for none. Default 1 MiB. */
  readonly maxBodyBytes?: number
  /** Exchanges kept; the oldest are dropped. Default 10,000. */
  readonly maxEntries?: number
  /** Bytes of bodies kept in all; the bodies of the oldest exchanges are dropped. Default 64 MiB. */
  readonly maxBytes?: number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof HarRecorderOptions>([
  'redaction',
  'maxBodyBytes',
  'maxEntries',
  'maxBytes',
])

/** Where an exchange stands in the recording. Its request and response are let go of once it is written. */
interface Place {
  entry: HarEntry | null
  /** Writes the entry; `null` until the exchange is over. */
  write: (() => HarEntry) | null
}

/**
 * Records what travels: every exchange on the wire, refused legs of authentication, redirects and attempts that were repeated included, with the time of each phase.
 *
 * An exchange is in the HAR once its response's body has been read, has failed or was given up. A body that was streamed is not kept.
 */
export class HarRecorder {
  readonly #settings: EntrySettings
  readonly #maxEntries: number
  readonly #maxBytes: number
  #bytes = 0
  #places: Place[] = []
  readonly #unwritten = new Set<Place>()
  /** Exchanges so far, by call, hop and attempt. */
  readonly #legs = new Map<string, number>()

  /** @throws UsageError for an unknown option. */
  constructor(options?: HarRecorderOptions) {
    const own = readOptions(options, OPTION_KEYS, 'HarRecorder')
    const { maxBodyBytes = 1024 * 1024, maxEntries = 10_000, maxBytes = 64 * 1024 * 1024 } = own
    this.#settings = { redaction: own.redaction === undefined ? new Redaction() : own.redaction, maxBodyBytes }
    this.#maxEntries = maxEntries
    this.#maxBytes = maxBytes
  }

  /**
   * Records what a Session sends over http and https from now on. Adapters mounted on narrower prefixes, and those that are not the
   * Session's to close (`owned: false`), are to be wrapped by hand: `session.mount(prefix, recorder.wrap(adapter))`.
   *
   * @returns stops recording, by mounting the adapters as they were.
   */
  attach(session: Session): () => void {
    const adapters = ['https://', 'http://'].map(
      (prefix) => [prefix, session.getAdapter(prefix + 'any.host/')] as const,
    )
    const wrapped = new Map(adapters.map(([, adapter]) => [adapter, this.wrap(adapter)]))
    for (const [prefix, adapter] of adapters) session.mount(prefix, wrapped.get(adapter) ?? adapter)
    return () => {
      for (const [prefix, adapter] of adapters) session.mount(prefix, adapter)
    }
  }

  /** An adapter that sends through another one, and is recorded. Closing it closes that one. */
  wrap(adapter: TransportAdapter): TransportAdapter {
    return new RecordedAdapter(adapter, (request, options, send) => this.#record(request, options, send))
  }

  /** What has been recorded so far, in the order of sending. */
  toHar(): Har {
    this.#write()
    const entries = this.#places.slice(-this.#maxEntries).flatMap(({ entry }) => (entry === null ? [] : [entry]))
    return { log: { version: '1.2', creator: { name: '@entreat/toolbelt', version: VERSION }, entries } }
  }

  /** The same: `JSON.stringify(recorder)` is a HAR file. */
  toJSON(): Har {
    return this.toHar()
  }

  /** Forgets what was recorded. */
  clear(): void {
    this.#places = []
    this.#bytes = 0
    this.#unwritten.clear()
    this.#legs.clear()
  }

  async #record(request: PreparedRequest, options: TransportOptions, send: () => Promise<Response>): Promise<Response> {
    this.#write()
    const where = this.#locate(options)
    const place: Place = { entry: null, write: null }
    this.#keep(place)
    const begun = performance.now()
    const over = (outcome: EntryOutcome): void => {
      place.write = () => harEntry(request, outcome, where, this.#settings)
    }
    try {
      const response = await send()
      response.whenDone(() => over({ response }))
      return response
    } catch (error) {
      over({ error, startedAt: performance.timeOrigin + begun, failedAfterMs: performance.now() - begun })
      throw error
    }
  }

  #locate({ id: call, hop, attempt }: TransportOptions): EntryPlace {
    if (call === undefined) return { call, hop, attempt, leg: 0 }
    const key = `${call} ${hop} ${attempt}`
    const leg = this.#legs.get(key) ?? 0
    this.#legs.set(key, leg + 1)
    // Calls are numbered upwards: the oldest key is the one least likely to come again.
    if (this.#legs.size > this.#maxEntries) this.#legs.delete(this.#legs.keys().next().value as string)
    return { call, hop, attempt, leg }
  }

  #keep(place: Place): void {
    this.#unwritten.add(place)
    this.#places.push(place)
    // Dropped in bulk, so that a full recording costs no more than one that is not.
    if (this.#places.length < this.#maxEntries * 1.1 + 1) return
    for (const old of this.#places.slice(0, -this.#maxEntries)) {
      this.#unwritten.delete(old)
      this.#bytes -= bodyBytes(old.entry)
    }
    this.#places = this.#places.slice(-this.#maxEntries)
  }

  /** Writes what is over. Not when it is over: the layers above complete the response after that. */
  #write(): void {
    for (const place of this.#unwritten) {
      if (place.write === null) continue
      place.entry = place.write()
      place.write = null
      this.#unwritten.delete(place)
      this.#bytes += bodyBytes(place.entry)
    }
    if (this.#bytes > this.#maxBytes) this.#dropBodies()
  }

  /** Down to nine tenths, so that a full recording does not go through all of it each time. */
  #dropBodies(): void {
    for (const place of this.#places) {
      if (this.#bytes <= this.#maxBytes * 0.9) return
      if (place.entry === null) continue
      this.#bytes -= bodyBytes(place.entry)
      place.entry = withoutBodies(place.entry)
    }
  }
}

/** About how many bytes the bodies of an entry take. */
function bodyBytes(entry: HarEntry | null): number {
  return (entry?.request.postData?.text.length ?? 0) + (entry?.response.content.text?.length ?? 0)
}

const DROPPED = 'Dropped: the recording holds as much as it may'

function withoutBodies(entry: HarEntry): HarEntry {
  const { request, response } = entry
  const { text: _dropped, encoding: _none, ...content } = response.content
  return {
    ...entry,
    request:
      request.postData === undefined
        ? request
        : { ...request, postData: { ...request.postData, text: '', comment: DROPPED } },
    response: { ...response, content: { ...content, comment: DROPPED } },
  }
}

type Record = (request: PreparedRequest, options: TransportOptions, send: () => Promise<Response>) => Promise<Response>

/** Hands everything on, and tells of it. */
class RecordedAdapter extends WrappingAdapter {
  readonly #record: Record

  constructor(adapter: TransportAdapter, record: Record) {
    super(adapter)
    this.#record = record
  }

  protected override around(request: PreparedRequest, options: TransportOptions, send: SendOn): Promise<Response> {
    return this.#record(request, options, () => send(request, options))
  }
}
