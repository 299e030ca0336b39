import { type Reply, replyText } from './reply.ts'

/** A command that the server refused: not an error for the caller, but a response with a status. */
export class Refusal extends Error {
  /** What was asked, such as `RETR`. */
  readonly verb: string
  readonly reply: Reply

  constructor(verb: string, reply: Reply) {
    super(`${verb}: ${reply.code} ${replyText(reply)}`)
    this.name = 'Refusal'
    this.verb = verb
    this.reply = reply
  }
}
