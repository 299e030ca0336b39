import { parseForm } from './request-form.ts'
import { type RouteContext, RouteError } from './route-context.ts'

/** Single values as strings, repeated names as arrays: httpbin's shape for args and forms. */
export type GroupedValues = Record<string, string | string[]>

/** What httpbin tells about a request without its body. */
export interface HeadDescription {
  readonly args: GroupedValues
  readonly headers: Record<string, string>
  readonly origin: string
  readonly url: string
}

/** What httpbin tells about a request with its body. */
export interface BodyDescription extends HeadDescription {
  /** The body if it is not a form: as text, or as a base64 `data:` URL if it is not UTF-8. */
  readonly data: string
  readonly files: GroupedValues
  readonly form: GroupedValues
  /** The body parsed as JSON, whatever its Content-Type; `null` if it is not JSON. */
  readonly json: unknown
}

/** Describes query, headers, client address and URL as httpbin's `/get` does. */
export function describeHead(context: RouteContext): HeadDescription {
  const { request, origin } = context
  const target = request.url ?? '/'
  return {
    args: groupValues(context.query),
    headers: describeHeaders(context),
    origin: request.socket.remoteAddress ?? '',
    url: target.startsWith('/') ? origin + target : target,
  }
}

/** Header names in Title-Case, whatever their case on the wire; repeated lines joined by a comma. */
export function describeHeaders(context: RouteContext): Record<string, string> {
  const grouped = new Map<string, string>()
  for (const [name, value] of context.record.headers) {
    const title = name.toLowerCase().replace(/(?<![a-z0-9])[a-z]/g, (letter) => letter.toUpperCase())
    const before = grouped.get(title)
    grouped.set(title, before === undefined ? value : `${before},${value}`)
  }
  return Object.fromEntries(grouped)
}

/** Reads the body and describes the whole request as httpbin's `/post` does. */
export async function describeBody(context: RouteContext): Promise<BodyDescription> {
  const body = await context.readBody()
  const form = await parseForm(context.request.headers, body).catch((error: unknown) => {
    throw new RouteError(400, `The form cannot be parsed: ${String(error)}`)
  })
  const files = (form?.files ?? []).map(([name, content]): [string, string] => [name, asText(content)])
  return {
    ...describeHead(context),
    data: form === null ? asText(body) : '',
    files: groupValues(files),
    form: groupValues(form?.fields ?? []),
    json: form === null ? parseJson(body) : null,
  }
}

function groupValues(pairs: Iterable<readonly [string, string]>): GroupedValues {
  const grouped = new Map<string, string | string[]>()
  for (const [name, value] of pairs) {
    const before = grouped.get(name)
    if (before === undefined) grouped.set(name, value)
    else grouped.set(name, [...(Array.isArray(before) ? before : [before]), value])
  }
  return Object.fromEntries(grouped)
}

function asText(content: Buffer): string {
  const text = content.toString('utf8')
  const isUtf8 = Buffer.from(text).equals(content)
  return isUtf8 ? text : `data:application/octet-stream;base64,${content.toString('base64')}`
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown
  } catch {
    return null
  }
}
