import { readFile } from 'node:fs/promises'

const WAIT_LIMIT_MS = 10_000
const POLL_MS = 5

/** A request as the server's own log has it: also those that it refused. */
export interface LoggedRequest {
  /** The server's port that it came in on. */
  readonly port: number
  /** The same number for all requests of one connection; counts from 1. */
  readonly connection: number
  readonly status: number
  /** Whom the server took the client for; `null` if for nobody. */
  readonly user: string | null
  readonly method: string
  /** Path without query; for a proxy the whole URL, or `host:port` of a CONNECT. */
  readonly path: string
  /** Bytes received, head included, TLS not. */
  readonly bytesIn: number
  /** `HTTP/1.1`, `HTTP/2.0`. */
  readonly protocol: string
}

/** What {@link ServerLog.requests} waits for. */
export interface LogQuery {
  /** Waits up to 10 s for this many. More of them, if there are more, are returned too. Default 0. */
  readonly atLeast?: number
}

/**
 * Reads a log of lines with tab-separated fields: server port, client port, state, status, user, method, path,
 * bytes, protocol. The state is Apache's `%k%X`: how often the connection was kept before, then `+` if it is kept
 * after this request, `-` if it is closed, `X` if it was aborted; a server that does not know writes `-`.
 *
 * A server may write its line a moment after the client has the response, so `settle` has the server prove that
 * nothing of what it answered is still to be written.
 */
export class ServerLog {
  readonly #path: string
  readonly #settle: () => Promise<void>
  #rowsToSkip = 0

  constructor(path: string, settle: () => Promise<void>) {
    this.#path = path
    this.#settle = settle
  }

  /** The requests since the start or the last {@link clear}, in the order in which they ended. */
  async requests({ atLeast = 0 }: LogQuery = {}): Promise<readonly LoggedRequest[]> {
    const deadline = Date.now() + WAIT_LIMIT_MS
    await this.#settle()
    let rows = await this.#read()
    while (rows.length < atLeast && Date.now() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
      rows = await this.#read()
    }
    return rows
  }

  /** Forgets what is logged so far; connections that stay open keep their number. */
  async clear(): Promise<void> {
    await this.#settle()
    this.#rowsToSkip = readRows(await this.#lines()).length
  }

  async #read(): Promise<LoggedRequest[]> {
    return readRows(await this.#lines()).slice(this.#rowsToSkip)
  }

  async #lines(): Promise<string[]> {
    const text = await readFile(this.#path, 'utf8').catch(() => '')
    return text.split('\n').slice(0, -1) // what follows the last line feed is not whole yet
  }
}

function readRows(lines: readonly string[]): LoggedRequest[] {
  const connections = new ConnectionNumbers()
  // Squid logs connections without a request too, as method `-`.
  const requests = lines.map((line) => line.split('\t')).filter((fields) => fields[5] !== '-')
  return requests.map(
    ([port = '', clientPort, state = '', status, user = '-', method = '', path = '', bytes, protocol = '']) => ({
      port: Number(port),
      connection: connections.numberOf(`${port} ${clientPort}`, protocol.startsWith('HTTP/1') ? state : ''),
      status: Number(status),
      user: user === '-' || user === '""' ? null : unescapeUser(user),
      method,
      path,
      bytesIn: Number(bytes),
      protocol,
    }),
  )
}

/** Tells connections apart although a client's port is used again some day. */
class ConnectionNumbers {
  readonly #numbers = new Map<string, number>()
  #last = 0

  /** The number of the connection between two ports; `state` as in the log, empty if it says nothing. */
  numberOf(ports: string, state: string): number {
    // A last request is not counted as kept, so only `0+` is certainly a first one.
    if (state === '0+') this.#numbers.delete(ports)
    const number = this.#numbers.get(ports) ?? (this.#last += 1)
    this.#numbers.set(ports, number)
    if (/^\d+[-X]$/.test(state)) this.#numbers.delete(ports)
    return number
  }
}

/** Apache writes bytes beyond ASCII as `\xNN` and a backslash as two; Squid writes both as `%NN`. */
function unescapeUser(text: string): string {
  if (!/\\x[0-9a-f]{2}|%[0-9A-F]{2}|\\\\/.test(text)) return text
  const bytes = text.replaceAll(/\\x([0-9a-f]{2})|%([0-9A-F]{2})|\\\\/g, (all, hex?: string, percent?: string) =>
    all === '\\\\' ? '\\' : String.fromCharCode(parseInt(hex ?? percent ?? '', 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
