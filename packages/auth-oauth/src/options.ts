import { readOptions as readOwnOptions } from '@entreat/core'

/**
 * Reads options once: own keys only, so that a polluted `Object.prototype` says nothing.
 *
 * @param known - the names there are; a record, so that the compiler finds one that is missing.
 * @param where - who is asked, for errors.
 * @throws UsageError for an unknown key, naming the nearest known one.
 */
export function readOptions<T extends object>(
  options: T | undefined,
  known: Readonly<Record<keyof Required<T>, true>>,
  where: string,
): T {
  return readOwnOptions(options, new Set(Object.keys(known)), where)
}
