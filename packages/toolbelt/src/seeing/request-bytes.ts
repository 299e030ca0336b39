import type { PreparedRequest } from '@entreat/core'

/** The body of a request that holds it in memory; for a stream, what to say instead. Opens nothing that can be opened once. */
export function requestBytes({ body }: PreparedRequest): Uint8Array | string {
  if (body === null) return new Uint8Array()
  if (body.isReplayable) {
    const opened = body.open()
    if (opened instanceof Uint8Array) return opened
    // An iterator that nobody has asked for anything holds nothing open.
  }
  return body.length === null ? 'Request body is a stream' : `Request body is a stream of ${body.length} bytes`
}
