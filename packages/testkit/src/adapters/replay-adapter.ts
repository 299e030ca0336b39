import assert from 'node:assert/strict'
import {
  ChunkedEncodingError,
  Headers,
  type PreparedRequest,
  readOptions,
  Response,
  TransportAdapter,
  type TransportOptions,
} from '@entreat/core'
import { bodyBytes, Cassette, type RecordedInteraction, recordBody } from './cassette.ts'
import { type InProcessExchange, InProcessExchanges } from './in-process-exchange.ts'
import { CassetteRedaction, type CassetteRedactionOptions } from './cassette-redaction.ts'
import { readBody } from './stub-adapter.ts'
import { UnmatchedRequestError } from './unmatched-request-error.ts'

/** Options of a {@link ReplayAdapter}. The redaction must be the recording's: requests are compared as they were kept. */
export interface ReplayOptions extends CassetteRedactionOptions {
  /** Headers that must be equal, beside method, URL and body. Default: `Content-Type`. */
  readonly matchHeaders?: readonly string[]
  /** Whether requests must come in the recorded order. Default `false`: the first unused interaction that fits answers. */
  readonly isOrdered?: boolean
  /** Whether an interaction may answer again when none is left unused. Default `false`. */
  readonly allowsRepeats?: boolean
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof ReplayOptions>([
  'secretNames',
  'secretValues',
  'redact',
  'matchHeaders',
  'isOrdered',
  'allowsRepeats',
])
const NO_RESPONSE = { statusCode: 200, reason: '', headers: [], body: null } as const
/** Length of the pieces that a replayed body comes in, in bytes. */
const PIECE_BYTES = 64 * 1024

/**
 * Answers from a cassette, without a network. Method, URL, body and the headers of `matchHeaders` must all be equal, and each interaction answers
 * once: a request that fits none is an {@link UnmatchedRequestError}, which says what differs from the nearest.
 *
 * It has no connections to reserve: schemes that are bound to one (NTLM, Kerberos) cannot be replayed, nor would their answers fit a second time.
 */
export class ReplayAdapter extends TransportAdapter {
  readonly #cassette: Cassette
  readonly #redaction: CassetteRedaction
  readonly #matchHeaders: readonly string[]
  readonly #isOrdered: boolean
  readonly #allowsRepeats: boolean
  readonly #used = new Set<RecordedInteraction>()
  readonly #exchanges = new InProcessExchanges()

  /** @throws UsageError for an unknown option. */
  constructor(cassette: Cassette, options?: ReplayOptions) {
    super()
    const own = readOptions(options, OPTION_KEYS, 'ReplayAdapter')
    const { matchHeaders = ['Content-Type'], isOrdered = false, allowsRepeats = false, ...redaction } = own
    this.#cassette = cassette
    this.#redaction = new CassetteRedaction(redaction)
    this.#matchHeaders = matchHeaders
    this.#isOrdered = isOrdered
    this.#allowsRepeats = allowsRepeats
  }

  /** A player of a file. @throws what {@link Cassette.load} throws. */
  static async load(path: string | URL, options?: ReplayOptions): Promise<ReplayAdapter> {
    return new ReplayAdapter(await Cassette.load(path), options)
  }

  /** Interactions that have answered nothing yet. */
  get unused(): readonly RecordedInteraction[] {
    return this.#cassette.interactions.filter((interaction) => !this.#used.has(interaction))
  }

  /** @throws AssertionError naming each interaction that answered nothing. */
  assertAllUsed(): void {
    const names = this.unused.map(({ request }) => `${request.method} ${request.url}`)
    assert.equal(names.length, 0, `ReplayAdapter: recorded, and not asked for: ${names.join('; ')}`)
  }

  async send(request: PreparedRequest, options: TransportOptions): Promise<Response> {
    const exchange = this.#exchanges.begin(request, options)
    try {
      const body = await exchange.wait(readBody(request))
      exchange.bytesSent = body.length
      const { response } = this.#find(request, body)
      const { statusCode, reason } = response
      const headers = new Headers(response.headers)
      return new Response({ request, statusCode, reason, headers, body: exchange.guard(replay(response, exchange)) })
    } catch (error) {
      exchange.end()
      throw error
    }
  }

  #find(request: PreparedRequest, body: Buffer): RecordedInteraction {
    const { method, url, headers } = request
    const asked = this.#redaction.apply({
      request: { method, url, headers: [...headers.items()], body: request.body === null ? null : recordBody(body) },
      response: NO_RESPONSE,
    })
    const unused = this.unused
    const candidates = this.#isOrdered ? unused.slice(0, 1) : unused
    const differs = (interaction: RecordedInteraction): string[] => this.#differences(asked, interaction)
    const found =
      candidates.find((interaction) => differs(interaction).length === 0) ??
      (this.#allowsRepeats ? this.#cassette.interactions.find((played) => differs(played).length === 0) : undefined)
    if (found === undefined) throw new UnmatchedRequestError(request, describeNearest(candidates, differs))
    this.#used.add(found)
    return found
  }

  #differences(asked: RecordedInteraction, recorded: RecordedInteraction): string[] {
    const differences: string[] = []
    const compare = (what: string, mine: string | null, theirs: string | null): void => {
      if (mine !== theirs) differences.push(`${what} is ${shorten(mine)}, was ${shorten(theirs)}`)
    }
    compare('the method', asked.request.method, recorded.request.method)
    compare('the URL', asked.request.url, recorded.request.url)
    for (const name of this.#matchHeaders) {
      compare(name, headerOf(asked, name), headerOf(recorded, name))
    }
    compare('the body', bodyOf(asked), bodyOf(recorded))
    return differences
  }

  close(): Promise<void> {
    this.#exchanges.endAll()
    return Promise.resolve()
  }
}

function headerOf({ request }: RecordedInteraction, name: string): string | null {
  const key = name.toLowerCase()
  const values = request.headers.filter(([each]) => each.toLowerCase() === key).map(([, value]) => value)
  return values.length === 0 ? null : values.join(', ')
}

function bodyOf({ request: { body } }: RecordedInteraction): string | null {
  if (body === null) return null
  return 'text' in body ? body.text : `(base64) ${body.base64}`
}

function shorten(text: string | null): string {
  if (text === null) return 'absent'
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text)
}

function describeNearest(
  candidates: readonly RecordedInteraction[],
  differs: (interaction: RecordedInteraction) => string[],
): string {
  if (candidates.length === 0)
    return 'the cassette has no interaction left. Record it again if the code now asks for more'
  const nearest = candidates.map(differs).sort((a, b) => a.length - b.length)[0] as string[]
  return `no interaction of the cassette fits. In the nearest, ${nearest.join('; ')}`
}

async function* replay(
  { body }: RecordedInteraction['response'],
  exchange: InProcessExchange,
): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = bodyBytes(body)
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) yield bytes.subarray(at, at + PIECE_BYTES)
  if (body?.isTruncated !== true) return
  const cause = new Error('the body was not read to its end when it was recorded')
  const { request, requestBytesSent, connectionReused } = exchange.error('', cause)
  throw new ChunkedEncodingError(`The recorded body ends early: ${cause.message}`, {
    request,
    cause,
    requestBytesSent,
    connectionReused,
    responseStarted: true,
  })
}
