import type { Response } from './message/response.ts'
import { headOptions } from './options.ts'
import { Session } from './session.ts'
import type { RequestOptions } from './settings.ts'

/**
 * Sends one request with a Session of its own, which closes when the body has been read, has failed or is closed.
 * Two calls are two TCP connections: use a {@link Session} for more.
 */
export async function request(method: string, url: string | URL, options?: RequestOptions): Promise<Response> {
  const session = new Session()
  let response: Response
  try {
    response = await session.request(method, url, options)
  } catch (error) {
    await session.close()
    throw error
  }
  if (response.isDone) await session.close()
  else response.whenDone(() => void session.close())
  return response
}

export function get(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('GET', url, options)
}

/** Follows no redirects unless told to. */
export function head(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('HEAD', url, headOptions(options))
}

export function options(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('OPTIONS', url, options)
}

export function post(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('POST', url, options)
}

export function put(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('PUT', url, options)
}

export function patch(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('PATCH', url, options)
}

/** Also exported as `delete`. */
export function del(url: string | URL, options?: RequestOptions): Promise<Response> {
  return request('DELETE', url, options)
}
