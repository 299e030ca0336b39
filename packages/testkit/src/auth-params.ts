const parameter = /([!#$%&'*+.^_`|~0-9a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))/giy

/** The parameters of one `Authorization` value; `quoted` names those that came in quotes. */
export interface AuthParams {
  readonly values: ReadonlyMap<string, string>
  readonly quoted: ReadonlySet<string>
}

/**
 * Parses `Scheme name=value, name="value"`.
 *
 * @param header - as Node gives it; bytes above 127 are read as UTF-8.
 * @returns `null` if the scheme is another one or the parameters are malformed or repeated.
 * @see RFC 9110 section 11.4
 */
export function parseAuthParams(header: string, scheme: string): AuthParams | null {
  const text = Buffer.from(header, 'latin1').toString('utf8')
  const prefix = `${scheme.toLowerCase()} `
  if (!text.toLowerCase().startsWith(prefix)) return null
  const values = new Map<string, string>()
  const quoted = new Set<string>()
  const rest = text.slice(prefix.length).trim()
  parameter.lastIndex = 0
  while (parameter.lastIndex < rest.length) {
    const match = parameter.exec(rest)
    if (match === null) return null
    const name = (match[1] ?? '').toLowerCase()
    if (values.has(name)) return null
    if (match[2] !== undefined) quoted.add(name)
    values.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3] ?? '')
    const separator = /\s*(?:,\s*|$)/y
    separator.lastIndex = parameter.lastIndex
    if (separator.exec(rest) === null) return null
    parameter.lastIndex = separator.lastIndex
  }
  return { values, quoted }
}
