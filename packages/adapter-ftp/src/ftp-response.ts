import { Headers, type PreparedRequest, RequestException, Response, type ResponseInit } from '@entreat/core'
import { DownloadBody } from './download-body.ts'
import type { Reply } from './protocol/reply.ts'
import { replyText } from './protocol/reply.ts'
import { challengeFor, statusOfRefusal } from './status.ts'

/** What a response says of FTP, beside what every response says. */
export interface FTPResponseInit extends ResponseInit {
  readonly reply: Reply | null
  readonly transcript: readonly string[]
}

/**
 * A response with what FTP said behind it. `reason` is the text of the reply that settled it.
 */
export class FTPResponse extends Response {
  /** Code of the reply that settled the response, such as 550; of a download that has begun, 150 or 125. `null` if nobody was asked. */
  readonly replyCode: number | null
  /** Commands and replies of this request, `> SIZE a.txt` and `< 213 5`; with the login, if it opened its connection. Passwords are `***`. */
  readonly transcript: readonly string[]
  readonly #download: DownloadBody | null

  constructor({ reply, transcript, ...init }: FTPResponseInit) {
    super(init)
    this.replyCode = reply?.code ?? null
    this.transcript = transcript
    this.#download = init.body instanceof DownloadBody ? init.body : null
  }

  /**
   * Reads the body piece by piece, and closes the response. A piece is lent: once the callback is done, or what it returns has resolved, its memory is received into
   * again, so copy what you keep. A large file takes half the processor time of `iterContent` so, and a few MiB of memory.
   *
   * Where there is nothing to lend (TLS, proxies, active mode, text, listings, a body that has been read), pieces are as those of `iterContent`.
   *
   * @param onPiece - called with each piece once it is done with the one before. What it throws ends the download and passes unchanged.
   * @throws what `iterContent` throws.
   */
  async lendPieces(onPiece: (piece: Buffer) => void | Promise<void>): Promise<void> {
    try {
      if (this.#download?.isBegun === false) await this.#download.lend(onPiece)
      else for await (const piece of this) await onPiece(piece)
    } catch (error) {
      if (error instanceof RequestException) error.response ??= this
      throw error
    } finally {
      this.close()
    }
  }
}

/** The response for a command that was refused. Its body is the reply's text. */
export function refusalResponse(
  request: PreparedRequest,
  verb: string,
  reply: Reply,
  transcript: readonly string[],
  redact: (text: string) => string,
): FTPResponse {
  const statusCode = statusOfRefusal(verb, reply)
  const reason = redact(replyText(reply))
  const headers = new Headers({ 'Content-Type': 'text/plain; charset=utf-8' })
  const challenge = challengeFor(statusCode)
  if (challenge !== null) headers.set('WWW-Authenticate', challenge)
  const body = request.method === 'HEAD' ? null : `${reply.code} ${reason}\n`
  return new FTPResponse({ request, statusCode, reason, headers, body, reply, transcript })
}
