import type { IncomingMessage } from 'node:http'

const maxRecordedBytes = 1_048_576

/** One request as a server received it. */
export class RecordedRequest {
  /** As received: `GET`. */
  readonly method: string
  /** The request target as received: `/path?query`, an absolute URL (to a proxy), or `host:port` (CONNECT). */
  readonly url: string
  /** `1.1`, `1.0` or `2.0`. */
  readonly httpVersion: string
  /** Header lines in wire order, names in the case they were sent in. Over HTTP/2, Host stands for `:authority`. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The number of the TCP connection that carried it, as `/connections` tells it. */
  readonly connection: number
  /** The client's TCP port. */
  readonly remotePort: number
  /** Whether it came over TLS. */
  readonly secure: boolean
  readonly #chunks: Buffer[] = []
  #bodyLength = 0

  /**
   * Starts a record; the body is added as it arrives, without reading it in the handler's place.
   *
   * @param request - at its head.
   * @param connection - the number of its TCP connection.
   */
  constructor(request: IncomingMessage, connection: number) {
    this.method = request.method ?? ''
    this.url = request.url ?? ''
    this.httpVersion = request.httpVersion
    this.headers = pairsOf(request.rawHeaders)
      .map(([name, value]): [string, string] => [name === ':authority' ? 'host' : name, value])
      .filter(([name]) => !name.startsWith(':'))
    this.connection = connection
    this.remotePort = request.socket.remotePort ?? 0
    this.secure = 'encrypted' in request.socket
    this.#followBody(request)
  }

  /** Body bytes received so far, transfer framing removed, at most the first MiB. */
  get body(): Buffer {
    return Buffer.concat(this.#chunks).subarray(0, maxRecordedBytes)
  }

  /** Number of body bytes received so far, kept or not. */
  get bodyLength(): number {
    return this.#bodyLength
  }

  /**
   * Looks a header up, ignoring case.
   *
   * @returns all lines with that name joined by `, ` (`; ` for cookies, RFC 9113 section 8.2.3), or `null` if there is none.
   */
  header(name: string): string | null {
    const wanted = name.toLowerCase()
    const values = this.headers.filter(([key]) => key.toLowerCase() === wanted)
    return values.length === 0 ? null : values.map(([, value]) => value).join(wanted === 'cookie' ? '; ' : ', ')
  }

  // A 'data' listener would start the flow before the handler asks for it; push() is where bytes come in.
  #followBody(request: IncomingMessage): void {
    const push = request.push.bind(request)
    request.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk instanceof Buffer) this.#keep(chunk)
      return push(chunk, encoding)
    }
  }

  #keep(chunk: Buffer): void {
    if (this.#bodyLength < maxRecordedBytes) this.#chunks.push(chunk)
    this.#bodyLength += chunk.length
  }
}

/** Turns Node's flat `rawHeaders` into pairs. */
export function pairsOf(rawHeaders: readonly string[]): [name: string, value: string][] {
  const pairs: [string, string][] = []
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    pairs.push([rawHeaders[index] ?? '', rawHeaders[index + 1] ?? ''])
  }
  return pairs
}
