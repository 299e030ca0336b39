import type { AnswerBody } from './simple-oauth2.ts'
import type { ProviderProfile } from './provider-profile.ts'

/** Answers without token_type, or with one of their own invention, are for Bearer tokens. */
function asBearer(body: AnswerBody): AnswerBody {
  return 'access_token' in body ? { ...body, token_type: 'Bearer' } : body
}

/** `accessToken` to `access_token`. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Profiles of providers whose answers or requests are known to differ; give one as `profile`. */
export const providerProfiles: {
  /** No `token_type`; the token travels in the query. */
  readonly douban: ProviderProfile
  /** `token_type` is `User Access Token` or the like. */
  readonly ebay: ProviderProfile
  /** A form as `text/plain`, with `expires` for `expires_in`. */
  readonly facebook: ProviderProfile
  /** A list of `errors` where `error` should be. */
  readonly fitbit: ProviderProfile
  /** The token travels in the query. */
  readonly instagram: ProviderProfile
  /** `scope: null`, and `expires_in: 0` for tokens that do not end. */
  readonly mailchimp: ProviderProfile
  /** Names in camel case. */
  readonly plentymarkets: ProviderProfile
  /** The token travels as `token`, in the form or the query. */
  readonly slack: ProviderProfile
  /** No `token_type`; the token travels in the query. */
  readonly weibo: ProviderProfile
} = {
  douban: { placement: { in: 'query' }, tokenResponse: asBearer },
  ebay: { tokenResponse: asBearer },
  facebook: {
    tokenResponse: ({ expires, ...body }) =>
      asBearer(body['expires_in'] === undefined && expires !== undefined ? { ...body, expires_in: expires } : body),
  },
  fitbit: {
    tokenResponse(body) {
      const { errors } = body
      const [first] = Array.isArray(errors) ? (errors as { errorType?: unknown; message?: unknown }[]) : []
      if (first === undefined || first === null) return body
      return { ...body, error: first.errorType, error_description: first.message }
    },
  },
  instagram: { placement: { in: 'query' } },
  mailchimp: {
    tokenResponse({ scope, expires_in: lifetime, ...body }) {
      return {
        ...body,
        ...(scope === null ? {} : { scope }),
        ...(lifetime === 0 ? {} : { expires_in: lifetime }),
      }
    },
  },
  plentymarkets: {
    tokenResponse: (body) => Object.fromEntries(Object.entries(body).map(([name, value]) => [snakeCase(name), value])),
  },
  slack: { placement: { in: 'form', name: 'token' } },
  weibo: { placement: { in: 'query' }, tokenResponse: asBearer },
}
