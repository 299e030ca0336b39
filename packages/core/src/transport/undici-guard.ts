import type { Socket } from 'node:net'
import { RequestException } from '../errors.ts'

/** The part of undici 7's HTTP/1 parser that is relied on here. A contract test fails if an upgrade changes it. */
interface UndiciParser {
  readonly paused: boolean
  contentLength: string
  headersMaxSize: number
  /** 0 until the head of the response is complete. */
  readonly statusCode: number
  statusText: string
  readonly ptr: number
  readonly llhttp: { llhttp_get_http_major(parser: number): number }
  onStatus(piece: Buffer): number
  trackHeader(bytes: number): void
  onHeadersComplete(statusCode: number, upgrade: boolean, shouldKeepAlive: boolean): number
  finish(): Error | null
  createError(code: number, rest: Buffer): Error
}

/** What the dispatcher needs of a guarded connection. */
export interface ParserGuard {
  /** To be called after every resume: lets a held-back end of the connection through once the parser has caught up. */
  resumed(): void
  /** Lets a response without a body pass although it has a Content-Length (304, 204). */
  expectNoBody(): void
  /** Caps the head of the next response, in bytes. */
  limitHead(maxBytes: number): void
  /** Says that the response answers a request with a body, of which the server may have left something unread. */
  answersBody(): void
}

/**
 * Mends defects of undici 7 on one connected socket.
 *
 * A connection that ends, fails or closes while its parser is paused by back-pressure makes undici throw from a socket event, which ends the process
 * (nodejs/undici#5360): the end is held back until the reader has caught up, and finishing a paused parser is an error like any other.
 * An unasked 100 is taken for a bad response: it is passed on as another 1xx, which is skipped. A status line of HTTP/2.0 or HTTP/0.9 is taken for
 * one of HTTP/1.1. A reason that is no UTF-8 is lost: like header values it is Latin-1 (RFC 9112 section 4 leaves its bytes open).
 *
 * A body that lasts until the connection closes counts as whole even if the connection was reset: it broke off (RFC 9112 section 8).
 * The length of the status line is not limited, and of a reason phrase that comes in pieces only the last is kept.
 * Any fault of a head that has a Content-Length is reported as a wrong length: it is reported as what it is.
 *
 * @throws RequestException if undici is not built as expected: better loud than unguarded.
 */
export function guardParser(socket: Socket): ParserGuard {
  const parser = parserOf(socket)
  const onHeadersComplete = parser.onHeadersComplete.bind(parser)
  const finish = parser.finish.bind(parser)
  let tellsResets = true
  parser.onHeadersComplete = (statusCode, upgrade, shouldKeepAlive) => {
    const major = parser.llhttp.llhttp_get_http_major(parser.ptr)
    // Thrown from the parser's callback, undici destroys the socket with it.
    if (major !== 1) throw new Error(`the status line says HTTP/${major}, not HTTP/1`)
    tellsResets = true
    return onHeadersComplete(statusCode === 100 ? 102 : statusCode, upgrade, shouldKeepAlive)
  }
  parser.finish = () => {
    if (parser.paused) return new Error('the connection closed before the body was read')
    return socket.errored ?? (tellsResets && wasReset(socket) ? connectionReset() : finish())
  }
  guardStatusLine(parser)
  guardErrors(parser)

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
    resumed() {
      // Long after its end, a connection may be reset because it is read: the other side has forgotten it.
      tellsResets = false
      passOn()
    },
    expectNoBody() {
      parser.contentLength = ''
    },
    limitHead(maxBytes) {
      parser.headersMaxSize = maxBytes
    },
    answersBody() {
      // Who ends a connection properly, but has not read all that was sent, resets it after its end.
      tellsResets = false
    },
  }
}

/**
 * Whether a connection that has ended was reset and not finished.
 *
 * libuv reports the end of the stream, and no error, where data and the reset are there at once (it reads less than it has room for and sees POLLHUP).
 * The system knows: a connection that was reset has no other side any more, one that is half closed has. Where the handle cannot say, it was not reset.
 * Only to be asked right at the end of a connection that had no reason to be reset after it.
 */
function wasReset(socket: Socket): boolean {
  const { _handle: handle } = socket as { _handle?: { getpeername?(out: object): number | undefined } | null }
  return (handle?.getpeername?.({}) ?? 0) < 0
}

function connectionReset(): NodeJS.ErrnoException {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' })
}

function guardStatusLine(parser: UndiciParser): void {
  parser.onStatus = (piece) => {
    parser.statusText += piece.toString('latin1')
    parser.trackHeader(piece.length)
    return 0
  }
}

function guardErrors(parser: UndiciParser): void {
  const createError = parser.createError.bind(parser)
  parser.createError = (code, rest) => {
    if (parser.statusCode !== 0) return createError(code, rest)
    const { contentLength } = parser
    parser.contentLength = ''
    const error = createError(code, rest)
    parser.contentLength = contentLength
    return error
  }
}

function parserOf(socket: Socket): UndiciParser {
  const symbol = Object.getOwnPropertySymbols(socket).find(({ description }) => description === 'parser')
  const parser = symbol === undefined ? undefined : (socket as unknown as Record<symbol, UndiciParser | null>)[symbol]
  if (
    typeof parser?.finish !== 'function' ||
    typeof parser.onHeadersComplete !== 'function' ||
    typeof parser.onStatus !== 'function' ||
    typeof parser.trackHeader !== 'function' ||
    typeof parser.createError !== 'function' ||
    typeof parser.statusCode !== 'number' ||
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
