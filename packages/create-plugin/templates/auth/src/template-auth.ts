import {
  AuthBase,
  type AuthContext,
  AuthenticationError,
  OriginScope,
  type PreparedRequest,
  readOptions,
  UsageError,
} from '@entreat/core'

/** What {@link TemplateAuth} takes. */
export interface TemplateAuthOptions {
  /** Proves who is asking. It is never shown. */
  readonly secret: string
  /**
   * Who may have the credentials: `https://api.example.com`, `https://*.example.com`, or `http://intranet` for plain text.
   * Default: the origin of the first request, if it is https or this machine. Proxies are always answered.
   */
  readonly origins?: readonly string[] | undefined
}

const OPTIONS: ReadonlySet<string> = new Set<keyof TemplateAuthOptions>(['secret', 'origins'])

/** The TemplateScheme scheme: `Authorization: TemplateScheme …`, and the same for proxies. */
export class TemplateAuth extends AuthBase {
  readonly #secret: string
  readonly #scope: OriginScope

  /** @throws UsageError for an unknown option, an origin that is none, and without a secret. */
  constructor(options: TemplateAuthOptions) {
    super()
    const own = readOptions(options, OPTIONS, 'TemplateAuth')
    if (typeof own.secret !== 'string' || own.secret === '')
      throw new UsageError('TemplateAuth needs the option secret')
    this.#secret = own.secret
    this.#scope = new OriginScope(own.origins === undefined ? {} : { origins: own.origins }, 'TemplateAuth')
  }

  /**
   * Signs a request that needs no answer. A scheme that waits for a challenge overrides `authFlow` instead.
   *
   * @throws AuthenticationError for an origin that may not have the credentials.
   */
  override apply(request: PreparedRequest, context: AuthContext): void {
    const refusal = this.#scope.refusal(request, context)
    if (refusal !== null) throw new AuthenticationError(refusal, { request })
    context.authorize(request, `TemplateScheme ${this.#credentials(request.method, context)}`)
  }

  /** What follows the name of the scheme. Replace this, and `accepts()` in test/template-server.ts. */
  #credentials(_method: string, _context: AuthContext): string {
    return this.#secret
  }
}
