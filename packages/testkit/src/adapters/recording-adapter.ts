import {
  type ByteSource,
  collectPieces,
  type Connection,
  type PreparedRequest,
  readOptions,
  Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { Cassette, type RecordedBody, type RecordedInteraction, recordBody } from './cassette.ts'
import { CassetteRedaction, type CassetteRedactionOptions } from './cassette-redaction.ts'

/** Options of a {@link RecordingAdapter}. */
export interface RecordingOptions extends CassetteRedactionOptions {
  /** Bytes kept of one body, request or response; the rest travels, and is not recorded. Default 10 MiB. */
  readonly maxBodyBytes?: number
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof RecordingOptions>([
  'secretNames',
  'secretValues',
  'redact',
  'maxBodyBytes',
])
const DEFAULT_MAX_BODY_BYTES = 10 * 1024 * 1024

/** Collects what passes, up to a limit. */
class Tape {
  readonly #pieces: Uint8Array[] = []
  readonly #maxBytes: number
  #length = 0
  isWhole = false

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  keep(piece: Uint8Array): void {
    this.#length += piece.byteLength
    if (this.#length <= this.#maxBytes) this.#pieces.push(Buffer.from(piece))
  }

  get body(): RecordedBody {
    return recordBody(Buffer.concat(this.#pieces), !this.isWhole || this.#length > this.#maxBytes)
  }
}

/** A place in the cassette for a request that is under way. */
interface Place {
  interaction: RecordedInteraction | null
  isOver: boolean
  /** Records what has come of the response. */
  finish: () => void
}

/**
 * Sends through another adapter, and keeps what was sent and received in {@link RecordingAdapter.cassette}.
 *
 * Redirects, refused legs of authentication and retries are interactions of their own: they are recorded as they travel. An
 * interaction is recorded when its response's body has been read, has failed, or was given up. Requests that got no response are not recorded.
 */
export class RecordingAdapter extends TransportAdapter {
  /** What has been recorded so far. Secrets are masked already. */
  readonly cassette: Cassette
  /** Defined where the adapter underneath has connections to reserve. */
  declare acquire?: TransportAdapter['acquire'] & {}
  readonly #adapter: TransportAdapter
  readonly #redaction: CassetteRedaction
  readonly #maxBodyBytes: number
  readonly #connections = new WeakMap<Connection, Connection>()
  readonly #waiting: Place[] = []

  /**
   * @param adapter - carries the requests; closed with this one.
   * @param cassette - to add to. Default: a new one.
   * @throws UsageError for an unknown option.
   */
  constructor(adapter: TransportAdapter, options?: RecordingOptions, cassette: Cassette = new Cassette()) {
    super()
    const { maxBodyBytes = DEFAULT_MAX_BODY_BYTES, ...redaction } = readOptions(
      options,
      OPTION_KEYS,
      'RecordingAdapter',
    )
    this.cassette = cassette
    this.#adapter = adapter
    this.#redaction = new CassetteRedaction(redaction)
    this.#maxBodyBytes = maxBodyBytes
    if (adapter.acquire !== undefined) {
      this.acquire = async (request, options, poolKey) =>
        this.#wrap(await (adapter.acquire as NonNullable<typeof adapter.acquire>)(request, options, poolKey))
    }
  }

  send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    return this.#record(request, options, (sent) => this.#adapter.send(sent, options))
  }

  async #record(
    request: PreparedRequest,
    options: TransportOptions,
    send: (request: PreparedRequest) => Promise<Response>,
  ): Promise<Response> {
    options.signal?.throwIfAborted()
    const sentTape = new Tape(this.#maxBodyBytes)
    const place: Place = { interaction: null, isOver: false, finish: () => {} }
    this.#waiting.push(place)
    try {
      const { method, url } = request
      const headers = [...request.headers.items()]
      const response = await send(listenTo(request, sentTape))
      const { statusCode, reason } = response
      const body = new RecordedSource(response, new Tape(this.#maxBodyBytes), (tape) => {
        place.interaction = this.#redaction.apply({
          request: { method, url, headers, body: request.body === null ? null : sentTape.body },
          response: { statusCode, reason, headers: [...response.headers.items()], body: tape.body },
        })
        this.#settle(place)
      })
      place.finish = () => body.finish()
      return new Response({ request, statusCode, reason, headers: response.headers, url: response.url, body })
    } catch (error) {
      this.#settle(place)
      throw error
    }
  }

  /** Adds what is over to the cassette, in the order in which the requests were sent. */
  #settle(place: Place): void {
    place.isOver = true
    while (this.#waiting[0]?.isOver === true) {
      const { interaction } = this.#waiting.shift() as Place
      if (interaction !== null) this.cassette.add(interaction)
    }
  }

  #wrap(connection: Connection): Connection {
    const known = this.#connections.get(connection)
    if (known !== undefined) return known
    const { protocol, peerCertificate } = connection
    const wrapped: Connection = {
      protocol,
      ...(peerCertificate === undefined ? {} : { peerCertificate }),
      get closed() {
        return connection.closed
      },
      send: (request, options) =>
        this.#record(request, options, (sent) => connection.send(sent, { ...options, connection })),
      release: () => connection.release(),
      destroy: (cause) => connection.destroy(cause),
    }
    this.#connections.set(connection, wrapped)
    return wrapped
  }

  /** Closes the adapter underneath. Of bodies that nobody has read to the end, what was read is recorded. */
  async close(): Promise<void> {
    await this.#adapter.close()
    for (const place of this.#waiting.slice()) place.finish()
  }
}

/** A copy of the request whose body is heard as it is read. The last opening counts: a stale connection may make for two. */
function listenTo(request: PreparedRequest, tape: Tape): PreparedRequest {
  const { body } = request
  const copy = request.copy()
  if (body === null) return copy
  copy.body = {
    length: body.length,
    get isReplayable() {
      return body.isReplayable
    },
    get isSpent() {
      return body.isSpent
    },
    bytes: (maxBytes) => body.bytes(maxBytes),
    open() {
      const opened = body.open()
      if (!(opened instanceof Uint8Array)) return heard(opened, tape)
      tape.keep(opened)
      tape.isWhole = true
      return opened
    },
  }
  // Setting a body frames it anew: the headers travel as they were.
  copy.headers = request.headers.copy()
  return copy
}

async function* heard(pieces: AsyncIterable<Uint8Array>, tape: Tape): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const piece of pieces) {
    tape.keep(piece)
    yield piece
  }
  tape.isWhole = true
}

/** A response's undecoded body, heard as it is read. */
class RecordedSource implements ByteSource {
  readonly #response: Response
  readonly #tape: Tape
  readonly #onEnd: (tape: Tape) => void
  #pieces: AsyncIterator<Buffer> | null = null
  #hasEnded = false

  constructor(response: Response, tape: Tape, onEnd: (tape: Tape) => void) {
    this.#response = response
    this.#tape = tape
    this.#onEnd = onEnd
  }

  async read(): Promise<Uint8Array | null> {
    this.#pieces ??= this.#response.raw[Symbol.asyncIterator]() as AsyncIterator<Buffer>
    try {
      const step = await this.#pieces.next()
      if (step.done !== true) {
        this.#tape.keep(step.value)
        return step.value
      }
    } catch (error) {
      this.finish()
      throw error
    }
    this.#tape.isWhole = true
    this.finish()
    return null
  }

  collect(maxBytes: number): Promise<Buffer> {
    return collectPieces(this, maxBytes)
  }

  destroy(): void {
    if (this.#pieces === null) this.#response.close()
    else this.#response.raw.destroy()
    this.finish()
  }

  finish(): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#onEnd(this.#tape)
  }
}
