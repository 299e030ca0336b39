/** Headers that usually hold secrets, beside Authorization and Cookie: they do not leave the credential scope, and are not shown. */
export const SENSITIVE_HEADERS: readonly string[] = [
  'X-Api-Key',
  'Api-Key',
  'X-Auth-Token',
  'X-Access-Token',
  'X-Amz-Security-Token',
]
