/** Of what cannot be understood nothing is kept, and nothing that was kept is given. */
const REFUSED = 'no-cache, no-store'
/** Directives whose value is a number of seconds. */
const DELTAS = new Set(['max-age', 's-maxage', 'max-stale', 'min-fresh', 'stale-while-revalidate', 'stale-if-error'])
const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
const DIRECTIVE = new RegExp(`[ \\t,]*(?:(${TOKEN})(?:=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\.)*)"))?)?[ \\t]*(?:,|$)`, 'y')

/**
 * A Cache-Control in one spelling: names in lower case, one directive each, numbers as digits. The library that judges by it compares names as they are, splits
 * at every comma, and takes a number from whatever begins with one.
 *
 * @returns what forbids everything if the value is no list of directives, or gives one twice with different values; a number that is none has run out.
 * @see RFC 9111 sections 4.2.1 and 5.2
 */
export function canonicalCacheControl(value: string): string {
  const directives = new Map<string, string>()
  DIRECTIVE.lastIndex = 0
  while (DIRECTIVE.lastIndex < value.length) {
    const found = DIRECTIVE.exec(value)
    if (found === null) return REFUSED
    const [, name, token, quoted] = found
    if (name === undefined) continue
    const directive = canonicalDirective(name.toLowerCase(), token ?? quoted)
    const known = directives.get(name.toLowerCase())
    if (known !== undefined && known !== directive) return REFUSED
    directives.set(name.toLowerCase(), directive)
  }
  return [...directives.values()].join(', ')
}

/** Fields that `private` and `no-cache` name are not told apart from the rest: the directive holds for all of the response. */
function canonicalDirective(name: string, argument: string | undefined): string {
  if (!DELTAS.has(name) || (name === 'max-stale' && argument === undefined)) return name
  return /^\d+$/.test(argument ?? '') ? `${name}=${argument}` : `${name}=0`
}
