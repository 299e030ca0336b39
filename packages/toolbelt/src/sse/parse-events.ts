import { LimitExceededError, readOptions, type Response } from '@entreat/core'
import { EventLines } from './event-lines.ts'

/** One event of a stream. */
export interface ServerSentEvent {
  /** Its type; `message` if the server names none. */
  readonly event: string
  readonly data: string
  /** The last id that the server gave, with this event or before; empty if none. */
  readonly id: string
}

/** Options of {@link parseEvents}. */
export interface ParseEventsOptions {
  /** Bytes of one event that are held, at most. Default 1 MiB. */
  readonly maxEventBytes?: number
  /** The id that holds until the server gives one. */
  readonly lastEventId?: string
  /** Called with the id when the server gives one, with an event or without. */
  readonly onId?: (id: string) => void
  /** Called with the milliseconds that the server asks to wait before reconnecting. */
  readonly onRetry?: (ms: number) => void
  /** Called with comments, which servers send to keep a connection alive. */
  readonly onComment?: (comment: string) => void
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof ParseEventsOptions>([
  'maxEventBytes',
  'lastEventId',
  'onId',
  'onRetry',
  'onComment',
])
/** What an event may be long, unless the caller says otherwise. */
const DEFAULT_MAX_EVENT_BYTES = 1024 * 1024

/**
 * The events of one response, as they arrive. Leaving the loop closes the response. An event that the stream breaks off is not given.
 *
 * @param response - streamed, or read: then its events come at once.
 * @throws LimitExceededError for an event longer than `maxEventBytes`; what reading the body throws.
 * @see HTML Living Standard, section 9.2.6
 */
export async function* parseEvents(
  response: Response,
  options?: ParseEventsOptions,
): AsyncGenerator<ServerSentEvent, void, undefined> {
  const own = readOptions(options, OPTION_KEYS, 'parseEvents()')
  const { maxEventBytes = DEFAULT_MAX_EVENT_BYTES } = own
  const lines = new EventLines(maxEventBytes)
  const block = new EventBlock(own)
  let isFirst = true
  try {
    for await (const piece of response.iterContent()) {
      for (const line of lines.push(piece)) {
        const event = block.take(isFirst ? line.replace(/^\ufeff/, '') : line)
        isFirst = false
        if (block.length > maxEventBytes) throw tooLong(maxEventBytes, response)
        if (event !== null) yield event
      }
      if (lines.isTooLong) throw tooLong(maxEventBytes, response)
    }
  } finally {
    response.close()
  }
}

function tooLong(maxBytes: number, response: Response): LimitExceededError {
  return new LimitExceededError(`An event is longer than the ${maxBytes} bytes that are held`, { response })
}

/** The fields of the event that is coming, and the id, which outlives it. */
class EventBlock {
  readonly #options: ParseEventsOptions
  #event = ''
  #data: string[] = []
  #id: string
  /** Characters held. */
  length = 0

  constructor(options: ParseEventsOptions) {
    this.#options = options
    this.#id = options.lastEventId ?? ''
  }

  /** Takes a line. @returns the event that an empty line completes; `null` where there is none. */
  take(line: string): ServerSentEvent | null {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) {
      this.#options.onComment?.(line.slice(1))
      return null
    }
    const name = colon === -1 ? line : line.slice(0, colon)
    this.#field(name, colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1))
    return null
  }

  #field(name: string, value: string): void {
    if (name === 'data') {
      this.#data.push(value)
      this.length += value.length + 1
    } else if (name === 'event') {
      this.#event = value
    } else if (name === 'id' && !value.includes('\0')) {
      this.#id = value
      this.#options.onId?.(value)
    } else if (name === 'retry' && /^[0-9]{1,15}$/.test(value)) {
      this.#options.onRetry?.(Number(value))
    }
  }

  #dispatch(): ServerSentEvent | null {
    const [event, data] = [this.#event, this.#data]
    this.#event = ''
    this.#data = []
    this.length = 0
    if (data.length === 0) return null
    return { event: event === '' ? 'message' : event, data: data.join('\n'), id: this.#id }
  }
}
