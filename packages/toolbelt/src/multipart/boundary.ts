import { randomBytes } from 'node:crypto'
import { UsageError } from '@entreat/core'

/** RFC 2046 section 5.1.1: 1 to 70 characters, the last no space. */
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/

/** 32 hexadecimal digits from the system's randomness: content cannot contain it but by a miracle. */
export function randomBoundary(): string {
  return randomBytes(16).toString('hex')
}

/** @throws UsageError for what no boundary may look like. */
export function checkedBoundary(boundary: string): string {
  if (typeof boundary === 'string' && BOUNDARY.test(boundary)) return boundary
  throw new UsageError(
    `MultipartEncoder: ${JSON.stringify(boundary)} is no boundary. It has 1 to 70 letters, digits or '()+_,-./:=? and does not end in a space (RFC 2046 section 5.1.1)`,
  )
}
