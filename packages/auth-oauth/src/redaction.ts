import { inspect } from 'node:util'

/** Says how `util.inspect`, and so `console.log`, shows a class: those that hold secrets show little. */
export function inspectAs<T extends object>(prototype: T, show: (value: T) => string): void {
  const value = function (this: T): string {
    return show(this)
  }
  Object.defineProperty(prototype, inspect.custom, { value })
}

/** Texts shorter than this are not looked for: masking every `a` says more than it hides. */
const SHORTEST_SECRET = 4
const LONGEST_SHOWN = 300

/**
 * Text of a server as it may be shown: without control characters, cut, and with the secrets that were sent masked, for some servers repeat them.
 *
 * @param text - anything that a server said.
 * @param secrets - what must not be shown.
 */
export function showServerText(text: string, secrets: Iterable<string> = []): string {
  let shown = text
  for (const secret of secrets) {
    if (secret.length < SHORTEST_SECRET) continue
    for (const spelling of spellings(secret)) shown = shown.replaceAll(spelling, '***')
  }
  shown = shown.replace(/[\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').trim()
  return shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}…` : shown
}

/** The text itself, and as it stands in a query or form. */
function spellings(text: string): string[] {
  return [text, encodeURIComponent(text.toWellFormed()), String(new URLSearchParams({ '': text })).slice(1)]
}

/**
 * A URL as it may be shown: scheme, host and path. A query may hold a code, a state or a token.
 *
 * @param url - absolute.
 */
export function showUrl(url: string | URL): string {
  if (!URL.canParse(String(url))) return 'an invalid URL'
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname}`
}
