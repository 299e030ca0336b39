import type { Socket } from 'node:net'
import { RequestException } from '../errors.ts'

/** The part of undici 7's HTTP/1 parser that is relied on here. A contract test fails if an upgrade changes it. */
interface UndiciParser {
  readonly paused: boolean
  contentLength: string
  headersMaxSize: number
  statusText: string
  readonly ptr: number
  readonly llhttp: { llhttp_get_http_major(parser: number): number }
  onStatus(reason: Buffer): number
  onHeadersComplete(statusCode: number, upgrade: boolean, shouldKeepAlive: boolean): number
  finish(): Error | null
}

/** What the dispatcher needs of a guarded connection. */
export interface ParserGuard {
  /** To be called after every resume: lets a held-back end of the connection through once the parser has caught up. */
  resumed(): void
  /** Lets a response without a body pass although it has a Content-Length (304, 204). */
  expectNoBody(): void
  /** Caps the head of the next response, in bytes. */
  limitHead(maxBytes: number): void
}

/**
 * Mends five defects of undici 7 on one connected socket.
 *
 * A connection that ends, fails or closes while its parser is paused by back-pressure makes undici throw from a socket event, which ends the process
 * (nodejs/undici#5360): the end is held back until the reader has caught up, and finishing a paused parser is an error like any other.
 * An unasked 100 is taken for a bad response: it is passed on as another 1xx, which is skipped. A status line of HTTP/2.0 or HTTP/0.9 is taken for
 * one of HTTP/1.1. A reason that is no UTF-8 is lost: like header values it is Latin-1 (RFC 9112 section 4 leaves its bytes open).
 *
 * @throws RequestException if undici is not built as expected: better loud than unguarded.
 */
export function guardParser(socket: Socket): ParserGuard {
  const parser = parserOf(socket)
  const onHeadersComplete = parser.onHeadersComplete.bind(parser)
  const finish = parser.finish.bind(parser)
  parser.onStatus = (reason) => {
    parser.statusText = reason.toString('latin1')
    return 0
  }
  parser.onHeadersComplete = (statusCode, upgrade, shouldKeepAlive) => {
    const major = parser.llhttp.llhttp_get_http_major(parser.ptr)
    // Thrown from the parser's callback, undici destroys the socket with it.
    if (major !== 1) throw new Error(`the status line says HTTP/${major}, not HTTP/1`)
    return onHeadersComplete(statusCode === 100 ? 102 : statusCode, upgrade, shouldKeepAlive)
  }
  parser.finish = () => (parser.paused ? new Error('the connection closed before the body was read') : finish())

  const undiciEnd = socket.listeners('end').find((listener) => listener.name === 'onHttpSocketEnd') as
    | (() => void)
    | undefined
  if (undiciEnd === undefined) throw unknownUndici("its 'end' listener")
  let ended = false
  const passOn = (): void => {
    if (!ended || parser.paused || socket.destroyed) return
    ended = false
    undiciEnd.call(socket)
  }
  socket.off('end', undiciEnd)
  socket.on('end', () => {
    ended = true
    passOn()
  })
  return {
    resumed: passOn,
    expectNoBody() {
      parser.contentLength = ''
    },
    limitHead(maxBytes) {
      parser.headersMaxSize = maxBytes
    },
  }
}

function parserOf(socket: Socket): UndiciParser {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  const parser = symbol === undefined ? undefined : (socket as unknown as Record<symbol, UndiciParser | null>)[symbol]
  if (
    typeof parser?.finish !== 'function' ||
    typeof parser.onHeadersComplete !== 'function' ||
    typeof parser.onStatus !== 'function' ||
    typeof parser.llhttp?.llhttp_get_http_major !== 'function' ||
    typeof parser.paused !== 'boolean' ||
    typeof parser.headersMaxSize !== 'number'
  ) {
    throw unknownUndici('its parser')
  }
  return parser
}

function unknownUndici(what: string): RequestException {
  return new RequestException(
    `This version of undici is not built as @entreat/core expects (${what}): install undici ^7.30`,
  )
}

/**
 * Edits the head of the next request that undici writes to a socket: for lines that it refuses to write itself.
 *
 * @param edit - gets the text that undici was about to write, which begins with the request line.
 */
export function editNextHead(socket: Socket, edit: (head: string) => string): void {
  const write = (head: string, ...rest: unknown[]): boolean => {
    Reflect.deleteProperty(socket, 'write')
    return (socket.write as (...args: unknown[]) => boolean)(edit(head), ...rest)
  }
  Object.defineProperty(socket, 'write', { value: write, configurable: true, writable: true })
}
