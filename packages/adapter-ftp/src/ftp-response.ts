import { Headers, type PreparedRequest, Response, type ResponseInit } from '@entreat/core'
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

  constructor({ reply, transcript, ...init }: FTPResponseInit) {
    super(init)
    this.replyCode = reply?.code ?? null
    this.transcript = transcript
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
