import type { Response } from './response.ts'

/** Statuses whose WHATWG Response must have no body (Fetch standard, "null body status"). */
const NULL_BODY = new Set([101, 103, 204, 205, 304])

/**
 * A response as a WHATWG one. An unread body is handed over: pulling reads it, cancelling closes it.
 * Content-Encoding and Content-Length are left as received, as Node's own fetch does.
 */
export function toWebResponse(response: Response): globalThis.Response {
  const headers = new globalThis.Headers()
  for (const [name, value] of response.headers.items()) headers.append(name, value)
  const status = response.statusCode
  const hasBody = !NULL_BODY.has(status) && response.request.method !== 'HEAD'
  if (!hasBody && !response.isDone) response.close()
  const web = new globalThis.Response(hasBody ? webBody(response) : null, {
    headers,
    status: status > 599 ? 599 : status,
    statusText: response.reason,
  })
  Object.defineProperties(web, {
    url: { value: response.url.replace(/#.*$/s, '') },
    redirected: { value: response.history.some((earlier) => earlier.isRedirect) },
  })
  if (status > 599) Object.defineProperty(web, 'status', { value: status })
  return web
}

function webBody(response: Response): ReadableStream<Uint8Array> {
  const pieces = response.iterContent()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const step = await pieces.next()
      if (step.done !== true) {
        controller.enqueue(new Uint8Array(step.value))
        return
      }
      controller.close()
    },
    cancel() {
      response.close()
    },
  })
}
