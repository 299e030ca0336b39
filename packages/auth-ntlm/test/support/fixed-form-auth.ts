import { AuthBase, type AuthContext, type PreparedRequest, type Response } from '@entreat/core'
import { readCredentials } from '../../src/credentials.ts'
import { Handshake, type HandshakeParts } from '../../src/handshake.ts'
import type { TokenForm } from '../../src/token-forms.ts'

/** Two legs in one form, whatever the server offers; parts of the handshake can be exchanged, and the second value changed. */
export class FixedFormAuth extends AuthBase {
  readonly #form: TokenForm
  readonly #parts: Partial<HandshakeParts>
  readonly #alter: (value: string) => string
  /** What the server sent with its last answer. */
  lastToken: string | null = null

  constructor(
    form: TokenForm,
    parts: Partial<HandshakeParts> = {},
    alter: (value: string) => string = (value) => value,
  ) {
    super()
    this.#form = form
    this.#parts = parts
    this.#alter = alter
  }

  override async *authFlow(
    request: PreparedRequest,
    context: AuthContext,
  ): AsyncGenerator<PreparedRequest, void, Response> {
    await context.bind()
    const handshake = new Handshake({
      identity: readCredentials({ username: 'LABDOM\\alice', password: 'alicepw' }),
      form: this.#form,
      targetName: 'HTTP/localhost',
      channelBindings: null,
      nowMs: context.now(),
      ...this.#parts,
    })
    context.authorize(request, handshake.open())
    const challenged = yield request
    const token = context.challenges(challenged).find(({ scheme }) => scheme === this.#form.scheme)?.token68 ?? ''
    context.authorize(request, this.#alter(handshake.answer(token) ?? ''))
    const answer = yield request
    this.lastToken = context.challenges(answer)[0]?.token68 ?? null
    handshake.finish(this.lastToken)
  }
}
