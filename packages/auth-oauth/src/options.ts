import { UsageError } from '@entreat/core'

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
  if (options === undefined || options === null) return Object.create(null) as T
  if (typeof options !== 'object') throw new UsageError(`${where}: options must be an object, not ${typeof options}`)
  const own = Object.create(null) as Record<string, unknown>
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(known, key)) throw unknownOption(key, Object.keys(known), where)
    own[key] = (options as Record<string, unknown>)[key]
  }
  return own as T
}

function unknownOption(key: string, known: readonly string[], where: string): UsageError {
  let [nearest = ''] = known
  for (const name of known) if (distance(name, key) < distance(nearest, key)) nearest = name
  return new UsageError(`${where} has no option ${JSON.stringify(key)}. Did you mean ${JSON.stringify(nearest)}?`)
}

/** Levenshtein distance without regard to case, of short names. */
function distance(a: string, b: string): number {
  const from = a.toLowerCase()
  const to = b.toLowerCase().slice(0, 40)
  let row = Array.from({ length: to.length + 1 }, (_, index) => index)
  for (let i = 1; i <= from.length; i++) {
    const next = [i]
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] as number) + (from[i - 1] === to[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row[to.length] as number
}
