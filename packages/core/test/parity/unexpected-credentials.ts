/** One request as the corpus's server saw it. */
export interface WireEntry {
  readonly origin: string
  readonly requestLine: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

// Who a request speaks to: the listener it reached, and the host that it names (through a proxy, one listener stands for many).
function destination({ origin, requestLine, headers }: WireEntry): string {
  const target = requestLine.split(' ')[1] ?? ''
  const absolute = /^https?:\/\/([^/?#]*)/i.exec(target)?.[1]
  const host = headers.find(([name]) => name.toLowerCase() === 'host')?.[1]
  return `${origin} ${absolute ?? host ?? target}`
}

// Authorization by its name, a cookie by its own.
function credentials({ headers }: WireEntry): string[] {
  return headers.flatMap(([name, value]) => {
    const lower = name.toLowerCase()
    if (lower === 'cookie') return value.split(/; */).map((pair) => `cookie ${pair.split('=', 1)[0]}`)
    return lower === 'authorization' || lower === 'proxy-authorization' ? [lower] : []
  })
}

const sent = (wire: readonly WireEntry[]): string[] =>
  wire.flatMap((entry) => credentials(entry).map((credential) => `${credential} to ${destination(entry)}`))

/**
 * Names the credentials that went to somebody to whom Requests does not send them.
 *
 * @param actual - what was sent.
 * @param expected - what Requests sends; of several recorded stacks, all together.
 */
export function unexpectedCredentials(actual: readonly WireEntry[], expected: readonly WireEntry[]): string[] {
  const known = new Set(sent(expected))
  return [...new Set(sent(actual))].filter((credential) => !known.has(credential))
}
