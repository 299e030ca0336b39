const SECRET_PARAMETERS =
  /([?&#](?:access_token|refresh_token|id_token|token|api_?key|secret|client_secret|password|passwd|pwd|signature|sig|oauth_signature|oauth_token|oauth_verifier|x-amz-signature|x-amz-security-token)=)[^&#]*/gi

/**
 * A URL as it may be shown: without userinfo, and with the values of parameters that usually hold secrets masked.
 *
 * @param url - any text that is meant as a URL; need not be valid.
 */
export function redactUrl(url: string): string {
  const scheme = url.indexOf('://')
  let shown = url
  if (scheme !== -1) {
    const start = scheme + 3
    const length = url.slice(start).search(/[/?#\\]/)
    const end = length === -1 ? url.length : start + length
    const at = url.lastIndexOf('@', end - 1)
    if (at >= start) shown = url.slice(0, start) + url.slice(at + 1)
  }
  return shown.replace(SECRET_PARAMETERS, '$1***')
}

/** Schemes in which the text before an @ is an address, not a credential. */
const ADDRESS_SCHEMES = /^(?:mailto|sips?|xmpp|acct):/i

/**
 * Text that is no URL, but was meant as one, as it may be shown: whatever stands before its last @ could be a password.
 */
export function redactInvalidUrl(text: string): string {
  const at = text.lastIndexOf('@')
  if (at === -1 || ADDRESS_SCHEMES.test(text)) return redactUrl(text)
  const [start = ''] = /^\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]*/i.exec(text) ?? []
  return `${start}***@${redactUrl(text.slice(at + 1))}`
}
