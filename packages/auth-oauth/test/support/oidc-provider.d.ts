// As much of oidc-provider as the tests use.
declare module 'oidc-provider' {
  import type { EventEmitter } from 'node:events'
  import type { IncomingMessage, ServerResponse } from 'node:http'

  export interface Stored {
    error?: string
    errorDescription?: string
    destroy(): Promise<void>
    save(): Promise<void>
  }

  export interface Model {
    find(id: string): Promise<Stored | undefined>
    findByUserCode(code: string): Promise<Stored | undefined>
  }

  export interface GrantContext {
    body: unknown
    oidc: {
      params: Readonly<Record<string, string | undefined>>
      client: { clientId: string }
      entity(name: string, value: unknown): void
    }
  }

  export const errors: {
    readonly InvalidGrant: new (description?: string) => Error
    readonly InvalidTarget: new (description?: string) => Error
  }

  export class Provider extends EventEmitter {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>)
    readonly AccessToken: Model
    readonly DeviceCode: Model
    readonly ClientCredentials: new (values: Readonly<Record<string, unknown>>) => { save(): Promise<string> }
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>
    registerGrantType(
      name: string,
      handler: (context: GrantContext) => Promise<void>,
      parameters: readonly string[],
    ): void
  }
}
