/**
 * What the sides of an NTLM session agree on.
 *
 * @see MS-NLMP section 2.2.2.5
 */
export const Flag = {
  UNICODE: 0x1,
  REQUEST_TARGET: 0x4,
  SIGN: 0x10,
  NTLM: 0x200,
  ALWAYS_SIGN: 0x8000,
  EXTENDED_SESSION_SECURITY: 0x80000,
  TARGET_INFO: 0x800000,
  VERSION: 0x2000000,
  KEY_128: 0x20000000,
  KEY_EXCHANGE: 0x40000000,
  KEY_56: 0x80000000,
} as const

/** What this client offers: no OEM character sets, no LAN Manager key, nothing weaker than extended session security. */
export const OFFERED_FLAGS: number =
  Flag.UNICODE +
  Flag.REQUEST_TARGET +
  Flag.SIGN +
  Flag.NTLM +
  Flag.ALWAYS_SIGN +
  Flag.EXTENDED_SESSION_SECURITY +
  Flag.VERSION +
  Flag.KEY_128 +
  Flag.KEY_EXCHANGE +
  Flag.KEY_56

/** Whether all bits of `flag` are set. */
export function hasFlag(flags: number, flag: number): boolean {
  return (flags & flag) >>> 0 === flag
}
