/** A call of GSSAPI that failed. */
export class GssFailure extends Error {
  /** GSS_S_…, as RFC 2744 section 3.9.1 numbers them. */
  readonly majorStatus: number
  /** The mechanism's own; behind SPNEGO a number that the library made up. */
  readonly minorStatus: number

  constructor(text: string, majorStatus: number, minorStatus: number) {
    super(text)
    this.majorStatus = majorStatus
    this.minorStatus = minorStatus
  }
}
