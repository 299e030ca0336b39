import type { Challenge } from '@entreat/core'

/** How NTLM messages are dressed for the header. */
export interface TokenForm {
  /** The name in `WWW-Authenticate` and `Authorization`. */
  readonly scheme: 'NTLM' | 'Negotiate'
  /** Whether messages travel inside of SPNEGO tokens (RFC 4178), or as they are. */
  readonly isWrapped: boolean
}

/** From the one most often understood to the one least often. */
const FORMS: readonly TokenForm[] = [
  { scheme: 'NTLM', isWrapped: false },
  { scheme: 'Negotiate', isWrapped: false },
  { scheme: 'Negotiate', isWrapped: true },
]

/** Past this many the recipient that was learned of first is forgotten: it costs a round trip to learn again. */
const MOST_RECIPIENTS = 1000

/** Which form each origin and proxy is known to understand. */
export class TokenForms {
  readonly #known = new Map<string, TokenForm>()

  /** The forms to try, the best guess first. */
  candidates(recipient: string): TokenForm[] {
    const known = this.#known.get(recipient)
    return known === undefined ? [...FORMS] : [known, ...FORMS.filter((form) => form !== known)]
  }

  /** Makes a form the first candidate from now on. */
  prefer(recipient: string, form: TokenForm): void {
    this.#known.delete(recipient)
    if (this.#known.size >= MOST_RECIPIENTS) this.#known.delete(this.#known.keys().next().value as string)
    this.#known.set(recipient, form)
  }
}

/** The challenge of a scheme, or `undefined`. */
export function challengeOf(challenges: readonly Challenge[], scheme: TokenForm['scheme']): Challenge | undefined {
  const name = scheme.toLowerCase()
  const named = challenges.filter((challenge) => challenge.scheme.toLowerCase() === name)
  return named.find(({ token68 }) => token68 !== null) ?? named[0]
}

/** Whether a refusal names a scheme that NTLM can travel under. */
export function offersNtlm(challenges: readonly Challenge[]): boolean {
  return FORMS.some(({ scheme }) => challengeOf(challenges, scheme) !== undefined)
}
