import { readOptions, UsageError } from '@entreat/core'

/** A value of nested parameters: scalars, and lists and records of any depth. `null` and `undefined` are left out. */
export type NestedValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | null
  | undefined
  | readonly NestedValue[]
  | { readonly [name: string]: NestedValue }

/** Options of {@link nestedParams}. */
export interface NestedParamsOptions {
  /**
   * How lists are written. Default `indices`.
   *
   * - `indices`: `a[0]=x&a[1]=y`; `brackets`: `a[]=x&a[]=y`; `repeat`: `a=x&a=y`; `comma`: `a=x,y`, of scalars only.
   */
  readonly lists?: 'indices' | 'brackets' | 'repeat' | 'comma'
  /** How members are written: `a[b]=x` (default) or `a.b=x`. */
  readonly members?: 'brackets' | 'dots'
}

const OPTION_KEYS: ReadonlySet<string> = new Set<keyof NestedParamsOptions>(['lists', 'members'])
const DEEPEST = 32

/**
 * Nested data as the flat pairs that `params` and `data` take: `nestedParams({ filter: { age: [1, 2] } })` is
 * `[['filter[age][0]', '1'], ['filter[age][1]', '2']]`.
 *
 * @throws UsageError for a value that cannot be a parameter, for data deeper than 32 levels, and for an unknown option.
 */
export function nestedParams(
  data: { readonly [name: string]: NestedValue },
  options?: NestedParamsOptions,
): [name: string, value: string][] {
  const { lists = 'indices', members = 'brackets' } = readOptions(options, OPTION_KEYS, 'nestedParams()')
  const pairs: [string, string][] = []
  const write = (name: string, value: NestedValue, depth: number): void => {
    if (value === null || value === undefined) return
    if (depth > DEEPEST) throw new UsageError(`Parameter ${name}: the data are deeper than ${DEEPEST} levels`)
    if (Array.isArray(value)) {
      const items = value as readonly NestedValue[]
      if (lists === 'comma') pairs.push([name, items.map((item) => scalar(name, item)).join(',')])
      else items.forEach((item, index) => write(listName(name, lists, index), item, depth + 1))
    } else if (typeof value === 'object' && !(value instanceof Date)) {
      for (const [key, member] of Object.entries(value)) {
        write(members === 'dots' ? `${name}.${key}` : `${name}[${key}]`, member, depth + 1)
      }
    } else {
      pairs.push([name, scalar(name, value)])
    }
  }
  for (const [name, value] of Object.entries(data)) write(name, value, 1)
  return pairs
}

function listName(name: string, lists: 'indices' | 'brackets' | 'repeat', index: number): string {
  if (lists === 'repeat') return name
  return lists === 'brackets' ? `${name}[]` : `${name}[${index}]`
}

function scalar(name: string, value: NestedValue): string {
  if (value instanceof Date) return value.toISOString()
  if (value === null || value === undefined) return ''
  if (typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol') {
    throw new UsageError(`Parameter ${name}: ${typeof value} cannot be written here`)
  }
  return String(value)
}
