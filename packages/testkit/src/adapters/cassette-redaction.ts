import { Redaction, type RedactionOptions } from '@entreat/core'
import type { RecordedBody, RecordedHeaders, RecordedInteraction } from './cassette.ts'

/** What is masked before an interaction is kept, beside what usually is a secret. */
export interface CassetteRedactionOptions extends RedactionOptions {
  /** Runs last, and may change anything: what it returns is kept. It sees requests at replay, too, and must not depend on the response then. */
  readonly redact?: (interaction: RecordedInteraction) => RecordedInteraction
}

/** Masks the secrets of whole interactions. */
export class CassetteRedaction {
  readonly #redaction: Redaction
  readonly #redact: (interaction: RecordedInteraction) => RecordedInteraction

  constructor({ redact = (interaction) => interaction, ...options }: CassetteRedactionOptions = {}) {
    this.#redaction = new Redaction(options)
    this.#redact = redact
  }

  apply({ request, response }: RecordedInteraction): RecordedInteraction {
    return this.#redact({
      request: {
        method: request.method,
        url: this.#redaction.url(request.url),
        headers: this.#headers(request.headers),
        body: this.#body(request.body, request.headers),
      },
      response: {
        ...response,
        headers: this.#headers(response.headers),
        body: this.#body(response.body, response.headers),
      },
    })
  }

  #headers(headers: RecordedHeaders): RecordedHeaders {
    return headers.map(([name, value]) => [name, this.#redaction.header(name, value)] as const)
  }

  #body(body: RecordedBody | null, headers: RecordedHeaders): RecordedBody | null {
    if (body === null || !('text' in body)) return body
    const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1] ?? null
    return { ...body, text: this.#redaction.body(body.text, type) }
  }
}
