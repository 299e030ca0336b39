// The classes behind simple-oauth2's public ones, which take any transport. See decision 0020.

interface SimpleOAuth2Config {
  readonly client: { readonly id: string; readonly idParamName: string }
  readonly auth: {
    readonly authorizeHost: string
    readonly authorizePath: string
    readonly tokenPath: string
    readonly refreshPath: string
    readonly revokePath: string
  }
  readonly options: { readonly scopeSeparator: string }
}

interface SimpleOAuth2Transport<Options> {
  request(path: string, params: Record<string, unknown>, options: Options): Promise<Record<string, unknown>>
}

interface SimpleOAuth2Token<Options> {
  readonly token: Readonly<Record<string, unknown>>
  refresh(params: Record<string, unknown>, options: Options): Promise<SimpleOAuth2Token<Options>>
  revoke(tokenType: 'access_token' | 'refresh_token', options: Options): Promise<unknown>
}

interface SimpleOAuth2Grant<Options> {
  getToken(params: Record<string, unknown>, options: Options): Promise<SimpleOAuth2Token<Options>>
  createToken(token: Record<string, unknown>): SimpleOAuth2Token<Options>
}

declare module 'simple-oauth2/lib/authorization-code-grant-type.js' {
  export default class AuthorizationCode<Options> implements SimpleOAuth2Grant<Options> {
    constructor(config: SimpleOAuth2Config, client: SimpleOAuth2Transport<Options>)
    authorizeURL(params: Record<string, unknown>): string
    getToken(params: Record<string, unknown>, options: Options): Promise<SimpleOAuth2Token<Options>>
    createToken(token: Record<string, unknown>): SimpleOAuth2Token<Options>
  }
}

declare module 'simple-oauth2/lib/client-credentials-grant-type.js' {
  export default class ClientCredentials<Options> implements SimpleOAuth2Grant<Options> {
    constructor(config: SimpleOAuth2Config, client: SimpleOAuth2Transport<Options>)
    getToken(params: Record<string, unknown>, options: Options): Promise<SimpleOAuth2Token<Options>>
    createToken(token: Record<string, unknown>): SimpleOAuth2Token<Options>
  }
}

declare module 'simple-oauth2/lib/resource-owner-password-grant-type.js' {
  export default class ResourceOwnerPassword<Options> implements SimpleOAuth2Grant<Options> {
    constructor(config: SimpleOAuth2Config, client: SimpleOAuth2Transport<Options>)
    getToken(params: Record<string, unknown>, options: Options): Promise<SimpleOAuth2Token<Options>>
    createToken(token: Record<string, unknown>): SimpleOAuth2Token<Options>
  }
}

declare module 'simple-oauth2/lib/client/credentials-encoding.js' {
  export class CredentialsEncoding {
    constructor(mode: 'strict' | 'loose')
    getAuthorizationHeaderToken(clientId: string, clientSecret: string): string
  }
}
