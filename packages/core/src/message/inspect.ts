import { inspect } from 'node:util'

/** Says how `util.inspect`, and so `console.log`, shows a class: those that hold secrets show little. */
export function inspectAs<T extends object>(prototype: T, show: (value: T) => string): void {
  const value = function (this: T): string {
    return show(this)
  }
  Object.defineProperty(prototype, inspect.custom, { value })
}
