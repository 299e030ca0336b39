import { RequestException } from '../errors.ts'
import type { Response } from './response.ts'

/** Statuses whose WHATWG Response must have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 103, 204, 205, 304])

/**
 * A response as a WHATWG one. An unread body is handed over: pulling reads it, cancelling closes it; if it breaks off, reading it rejects with
 * the library's error, or for `asFetch` with `TypeError('terminated', { cause })`. Content-Encoding and Content-Length are left as received, as Node's own fetch does.
 */
export function toWebResponse(response: Response, asFetch = false): globalThis.Response {
  const headers = new globalThis.Headers()
  for (const [name, value] of response.headers.items()) headers.append(name, value)
  const status = response.statusCode
  const hasBody = !NULL_BODY.has(status) && response.request.method !== 'HEAD'
  if (!hasBody && !response.isDone) response.close()
  const web = new globalThis.Response(hasBody ? webBody(response, asFetch) : null, {
    headers,
    status: status > 599 ? 599 : status,
    statusText: response.reason,
  })
  const facts: Facts = {
    url: response.url.replace(/#.*$/s, ''),
    redirected: response.history.some((earlier) => earlier.isRedirect),
    status,
  }
  return stated(web, facts)
}

/** What the constructor of a WHATWG Response cannot be told. */
interface Facts {
  readonly url: string
  readonly redirected: boolean
  readonly status: number
}

/** Makes a WHATWG Response, and its clones, say these facts. */
function stated(web: globalThis.Response, facts: Facts): globalThis.Response {
  Object.defineProperties(web, {
    url: { value: facts.url },
    redirected: { value: facts.redirected },
    type: { value: 'basic' },
    clone: { value: () => stated(globalThis.Response.prototype.clone.call(web), facts) },
  })
  if (facts.status > 599) Object.defineProperty(web, 'status', { value: facts.status })
  return web
}

/** A stream of bytes, so that a reader can bring its own buffer. */
function webBody(response: Response, asFetch: boolean): ReadableStream<Uint8Array> {
  const pieces = response.iterContent()
  return new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      let step: IteratorResult<Uint8Array, void>
      try {
        step = await pieces.next()
      } catch (error) {
        // An abort's reason is passed on as it is.
        throw asFetch && error instanceof RequestException ? new TypeError('terminated', { cause: error }) : error
      }
      if (step.done !== true) return controller.enqueue(new Uint8Array(step.value))
      controller.close()
      // A reader that waits with a buffer of its own gets it back empty.
      controller.byobRequest?.respond(0)
    },
    cancel() {
      response.close()
    },
  })
}
