/** A response as a cache keeps it. All but the body is plain JSON. */
export interface StoredResponse {
  readonly statusCode: number
  readonly reason: string
  /** Header lines in order, less those that hold for one connection or set cookies. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** The bytes as received, content codings on. */
  readonly body: Uint8Array
  /** What decides whether it may be used; opaque. */
  readonly policy: unknown
  /** Tells whose credentials it was got with; `null` for nobody's. Not the credentials, nor anything they could be guessed from. */
  readonly identity: string | null
}

/** Where a cache keeps its responses. Keys are any text; several responses of one key are variants (RFC 9111 section 4.1). */
export interface CacheStore {
  /** The variants of a key, in any order. What cannot be read is as good as absent. */
  get(key: string): Promise<readonly StoredResponse[]>
  /** Replaces the variants of a key. It may keep fewer, or none: that costs a request, nothing else. */
  set(key: string, variants: readonly StoredResponse[]): Promise<void>
  delete(key: string): Promise<void>
  clear(): Promise<void>
}

/** About how many bytes variants take. */
export function sizeOf(variants: readonly StoredResponse[]): number {
  let bytes = 0
  for (const { body, headers, policy } of variants) {
    bytes += body.byteLength + 500 + JSON.stringify(policy).length
    for (const [name, value] of headers) bytes += name.length + value.length + 4
  }
  return bytes
}
