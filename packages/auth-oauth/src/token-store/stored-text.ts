import { TokenStoreError } from '../errors.ts'

/** JSON with the members of every record in order, so that equal values have equal text. */
function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member
    // Pairs, not an object: __proto__ is a name like others.
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/**
 * A copy of a token as a store holds it.
 *
 * @throws TokenStoreError for what is no plain JSON record.
 */
export function storedCopy<Stored extends object>(token: Stored): Stored {
  if (typeof token !== 'object' || token === null || Array.isArray(token)) {
    throw new TokenStoreError('A token to store must be a plain object, as toData() gives it')
  }
  return JSON.parse(JSON.stringify(token)) as Stored
}

/** Whether what is stored is what a save is to replace. */
export function isPrevious(stored: object | undefined, previous: object | null): boolean {
  if (stored === undefined || previous === null) return stored === undefined && previous === null
  return canonicalText(stored) === canonicalText(previous)
}
