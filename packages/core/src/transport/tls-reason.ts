/** What Node, OpenSSL and the verification of certificates call their errors. */
const TLS_CODE =
  /^(?:ERR_TLS_|ERR_SSL_|ERR_OSSL_|CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_|HOSTNAME_MISMATCH|EPROTO$|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH)/

const UNKNOWN_ISSUER =
  'no authority that is trusted has signed it, or the server leaves out an intermediate certificate'
const NO_COMMON_VERSION = 'no TLS version is allowed on both sides (tls.minVersion and tls.maxVersion of HTTPAdapter)'
const CLIENT_CERTIFICATE = 'perhaps it wants a client certificate, or another one (cert)'
const CLOCK = "or this machine's clock is wrong"

/** What to do, by error code. */
const HINTS: readonly (readonly [code: RegExp, hint: string])[] = [
  [/^UNABLE_TO_(?:VERIFY_LEAF|GET_ISSUER)/, `${UNKNOWN_ISSUER}. verify can name its authority`],
  [/^SELF_SIGNED_CERT_IN_CHAIN/, 'its authority is not among those that are trusted. verify can name it'],
  [/^DEPTH_ZERO_SELF_SIGNED/, 'nobody else vouches for it. verify can name the certificate itself'],
  [/^CERT_(?:HAS_EXPIRED|NOT_YET_VALID)/, CLOCK],
  [/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST/, 'what answers on this port is not TLS'],
  [/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|NO_PROTOCOLS_AVAILABLE/, NO_COMMON_VERSION],
  [/ALERT_(?:HANDSHAKE_FAILURE|UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE)/, CLIENT_CERTIFICATE],
]

/** Whether Node or OpenSSL says that TLS failed. */
export function isTlsError(error: unknown): boolean {
  const { code, message } = error as NodeJS.ErrnoException
  return TLS_CODE.test(code ?? '') || message === 'mac verify failure'
}

/** Why TLS failed, and what may help: one line, for messages. */
export function tlsReason(error: unknown): string {
  const reason = opensslReason(error)
  const alert = alertCode(error)
  const hint = HINTS.find(([code]) => code.test(alert))?.[1]
  return hint === undefined ? reason : `${reason}: ${hint}`
}

/** OpenSSL's own words without addresses and source lines: `4047:error:0A00010B:SSL routines:get_record:wrong version number:record.c:331:`. */
export function opensslReason(error: unknown): string {
  const { message, code } = error as NodeJS.ErrnoException
  const reason = OPENSSL_MESSAGE.exec(message)?.[1] ?? message
  return reason.replace(/\s+$/, '') || code || String(error)
}

const OPENSSL_MESSAGE = /error:[0-9A-F]{8}:[^:]*:[^:]*:([^:\n]+)/

/** The code, or for EPROTO, which stands for them all, the words that the code would be made of. */
function alertCode(error: unknown): string {
  const { code = '' } = error as NodeJS.ErrnoException
  return code === 'EPROTO' ? opensslReason(error).toUpperCase().replaceAll(' ', '_') : code
}
